import { expect, test } from 'vitest';
import { describeFieldError } from '../../src/report/describe-finding.ts';
import { formatDenial } from '../../src/report/format-denial.ts';
import { finding } from '../support/finding.ts';

const inContainer = (at: number) => finding({ at: `/spec/template/spec/containers/${at}/image` });

test('an object with nothing to deny is not denied, whatever there is to warn of', () => {
  expect(formatDenial([])).toBeUndefined();
  expect(formatDenial([finding({ action: 'warn' }), finding({ action: 'audit' })])).toBeUndefined();
});

test('one reason reads as one field error of the API server', () => {
  expect(formatDenial([finding({ action: 'warn', message: 'something else' }), finding()])).toBe(
    'spec.template.spec.containers[0].image: Invalid value: "NGINX:1.25": repository name must be lowercase (reference-valid, FAQ check item 2)',
  );
});

test('several reasons are all told, in brackets as the API server does', () => {
  const [first, second] = [inContainer(0), inContainer(1)];
  expect(formatDenial([first, second])).toBe(`[${describeFieldError(first)}, ${describeFieldError(second)}]`);
});

test('the same reason twice is told once, without brackets', () => {
  expect(formatDenial([inContainer(0), inContainer(0)])).toBe(describeFieldError(inContainer(0)));
});

test('of a hundred containers ten are told, and how many are left', () => {
  const text = formatDenial(Array.from({ length: 100 }, (_, at) => inContainer(at))) ?? '';
  expect(text.match(/Invalid value/g)).toHaveLength(10);
  expect(text).toMatch(/, and 90 more\]$/);
});

test('ten are told without a word about a rest that is not there', () => {
  const text = formatDenial(Array.from({ length: 10 }, (_, at) => inContainer(at))) ?? '';
  expect(text.match(/Invalid value/g)).toHaveLength(10);
  expect(text).not.toContain('more');
});
