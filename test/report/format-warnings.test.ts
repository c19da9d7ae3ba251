import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Finding } from '../../src/engine/evaluate.ts';
import { formatWarnings } from '../../src/report/format-warnings.ts';
import { finding, missingField } from '../support/finding.ts';

const warn = (overrides: Partial<Finding> = {}): Finding => finding({ action: 'warn', ...overrides });

const inContainer = (at: number): Finding => warn({ label: `container "c${at}"` });

test('a warning says where, what and by which rule, in this order', () => {
  expect(formatWarnings([warn()])).toEqual([
    'Deployment/web container "app": "NGINX:1.25": repository name must be lowercase (reference-valid)',
  ]);
});

test('only what the policy says to warn of is told: a denial has its own message, an audit none', () => {
  expect(formatWarnings([finding({ action: 'deny' }), finding({ action: 'audit' })])).toEqual([]);
});

test('the same warning is told once, as the API server does', () => {
  expect(formatWarnings([warn(), warn(), inContainer(1)])).toHaveLength(2);
});

describe('an API server that cuts warnings short still lets the rule be read', () => {
  const long = warn({ value: 'x'.repeat(5000), message: 'wrong '.repeat(100) });

  test('a long one ends with the rule, within 256 characters', () => {
    const [text = ''] = formatWarnings([long]);
    expect(text).toHaveLength(256);
    expect(text).toMatch(/… \(reference-valid\)$/);
  });

  test.each([
    ['short, all of it is shown', 'v'.repeat(100), 50, 'v'.repeat(100)],
    ['long, the value is cut first', 'v'.repeat(100), 120, `${'v'.repeat(19)}…${'v'.repeat(20)}`],
  ])('where a message is %s', (_, value, length, shown) => {
    const message = 'm'.repeat(length);
    expect(formatWarnings([warn({ value, message })])).toEqual([
      `Deployment/web container "app": "${shown}": ${message} (reference-valid)`,
    ]);
  });

  test('where a message needs all the room the value is left out, as the container says which it is', () => {
    const message = 'm'.repeat(200);
    expect(formatWarnings([warn({ value: 'v'.repeat(100), message })])).toEqual([
      `Deployment/web container "app": ${message} (reference-valid)`,
    ]);
    const [text = ''] = formatWarnings([missingField({ value: 'harbor', message: 'm'.repeat(250) })]);
    expect(text).toMatch(/^Deployment\/web: "harbor": m+… \(pull-secret-present\)$/);
  });

  test('a long name leaves room for what is wrong', () => {
    const workload = { ...long.workload, name: 'n'.repeat(253) };
    const [text = ''] = formatWarnings([warn({ workload })]);
    expect(text).toContain('repository name must be lowercase');
  });

  test('a pair of code units is not cut in half', () => {
    for (let pad = 0; pad < 4; pad++) {
      const [text = ''] = formatWarnings([warn({ value: '', message: ' '.repeat(pad) + '😀'.repeat(200) })]);
      expect(text, String(pad)).not.toMatch(/\p{Cs}/u);
    }
  });
});

describe('many warnings stay below the 4,096 characters above which the API server drops them', () => {
  const sum = (texts: readonly string[]): number => texts.reduce((total, { length }) => total + length, 0);

  test('those of a template', () => {
    const texts = formatWarnings(
      Array.from({ length: 50 }, (_, at) => ({ ...inContainer(at), message: 'w'.repeat(400) })),
    );
    expect(sum(texts)).toBeLessThanOrEqual(4096);
    expect(texts.at(-1)).toMatch(
      /^\d+ more warnings from pullguard; pullguard check lists those that need no cluster$/,
    );
    expect(texts.length - 1 + Number.parseInt(texts.at(-1) ?? '', 10)).toBe(50);
  });

  test('those of a pod, to which both webhooks answer', () => {
    const workload = { ...warn().workload, kind: 'Pod' };
    const texts = formatWarnings(
      Array.from({ length: 50 }, (_, at) => ({ ...inContainer(at), workload, message: 'w'.repeat(400) })),
    );
    expect(2 * sum(texts)).toBeLessThanOrEqual(4096);
    expect(texts.length - 1 + Number.parseInt(texts.at(-1) ?? '', 10)).toBe(50);
  });
});

test('whatever a manifest holds, a warning has one line of at most 256 characters that all print', () => {
  const any = fc.string({ unit: 'binary', maxLength: 400 });
  fc.assert(
    fc.property(any, any, any, any, (value, message, label, name) => {
      const [text = ''] = formatWarnings([warn({ value, message, label, workload: { ...warn().workload, name } })]);
      expect(text.length).toBeLessThanOrEqual(256);
      // One control character and the API server drops the whole warning.
      expect(text).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      expect(text).toMatch(/ \(reference-valid\)$/);
    }),
  );
});
