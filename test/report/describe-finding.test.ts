import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  describeFieldError,
  describeFinding,
  formatFaqItems,
  nameSubject,
  SHORT_VALUE,
} from '../../src/report/describe-finding.ts';
import { finding, missingField } from '../support/finding.ts';

const FIX = { edits: [], gives: '"m.example/library/nginx"' };

describe('a finding says what is there, what is wrong with it, and what becomes of it', () => {
  test.each([
    ['of a value', finding(), '"NGINX:1.25": repository name must be lowercase'],
    ['of a missing field', missingField(), "needs its registry's pull secret"],
    [
      'fixed in this pod',
      finding({ message: 'is slow', fix: FIX, fixed: 'now' }),
      '"NGINX:1.25": is slow; given "m.example/library/nginx"',
    ],
    [
      'not fixed, so for the reader to do',
      finding({ message: 'is slow', fix: FIX, fixed: 'no' }),
      '"NGINX:1.25": is slow; use "m.example/library/nginx"',
    ],
    ['of an empty value', finding({ value: '' }), '"": repository name must be lowercase'],
    [
      'of credentials',
      finding({ value: 'me:s3cret@a.example/b' }),
      '"***@a.example/b": repository name must be lowercase',
    ],
    [
      'of a value with a line break, which would end the warning',
      finding({ value: 'a\nb' }),
      String.raw`"a\nb": repository name must be lowercase`,
    ],
    [
      'with a message that a rule forgot to escape',
      finding({ message: 'holds \u001b[2J' }),
      String.raw`"NGINX:1.25": holds \u001b[2J`,
    ],
  ])('%s', (_what, found, text) => {
    expect(describeFinding(found)).toBe(text);
  });

  test('its value is shown as long as there is room for, or not at all', () => {
    const found = finding({ value: 'v'.repeat(100), message: 'is slow' });
    expect(describeFinding(found, SHORT_VALUE)).toBe(`"${'v'.repeat(19)}…${'v'.repeat(20)}": is slow`);
    expect(describeFinding(found, 0)).toBe('is slow');
  });

  test('a fix that is made later is told of the pods, or of the pod itself', () => {
    const found = finding({ message: 'is slow', fix: FIX, fixed: 'later' });
    expect(describeFinding(found)).toBe('"NGINX:1.25": is slow; its pods get "m.example/library/nginx"');
    const pod = { ...found, workload: { ...found.workload, kind: 'Pod' } };
    expect(describeFinding(pod)).toBe('"NGINX:1.25": is slow; given "m.example/library/nginx" in the cluster');
  });
});

describe('a field error reads as those of the API server, which people know', () => {
  test.each([
    [
      'a wrong value',
      finding(),
      'spec.template.spec.containers[0].image: Invalid value: "NGINX:1.25": repository name must be lowercase (reference-valid, FAQ check item 2)',
    ],
    [
      'a missing one',
      missingField(),
      "spec.template.spec.imagePullSecrets: Required value: needs its registry's pull secret (pull-secret-present, FAQ check item 1)",
    ],
    [
      'a rule that the FAQ does not know',
      finding({ faqItems: [] }),
      'spec.template.spec.containers[0].image: Invalid value: "NGINX:1.25": repository name must be lowercase (reference-valid)',
    ],
  ])('%s', (_what, found, text) => {
    expect(describeFieldError(found)).toBe(text);
  });
});

test.each([
  [[2], 'FAQ check item 2'],
  [[7, 8], 'FAQ check items 7 and 8'],
  [[3, 5, 7, 8], 'FAQ check items 3, 5, 7 and 8'],
])('items %j are named as %s', (items, text) => {
  expect(formatFaqItems(items)).toBe(text);
});

test('the subject is the object and the part of it, as far as they have names', () => {
  const unnamed = { kind: 'Pod', name: '', namespace: '', podSpec: '/spec' };
  expect(nameSubject(finding())).toBe('Deployment/web container "app"');
  expect(nameSubject(missingField())).toBe('Deployment/web');
  expect(nameSubject(finding({ workload: unnamed }))).toBe('Pod container "app"');
  expect(nameSubject(finding({ workload: { ...unnamed, name: 'a\u202eb\n' } }))).toBe(
    String.raw`Pod/a\u202eb\n container "app"`,
  );
});

test('whatever a manifest holds, no text of ours has a character that does not print, or a password', () => {
  const any = fc.string({ unit: 'binary' });
  const value = fc.oneof(
    any,
    fc.tuple(any, any).map(([a, b]) => `${a}:s3cret@host.example/${b}`),
  );
  fc.assert(
    fc.property(value, any, any, (written, name, label) => {
      const found = finding({ value: written, label, workload: { ...finding().workload, name } });
      for (const text of [describeFinding(found), describeFieldError(found), nameSubject(found)]) {
        expect(text).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
        expect(text).not.toContain('s3cret');
      }
    }),
  );
});
