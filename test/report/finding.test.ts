import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Finding } from '../../src/engine/evaluate.ts';
import { describeFinding, formatDenial, formatWarnings, nameSubject } from '../../src/report/finding.ts';
import { finding, missingField } from '../support/finding.ts';

const FIX = {
  edits: [],
  gives: '"m.example/library/nginx"',
  done: 'replaced "NGINX:1.25" with "m.example/library/nginx"',
  coming: '"m.example/library/nginx"',
};

const warn = (overrides: Partial<Finding> = {}): Finding => finding({ action: 'warn', ...overrides });
const named = (workload: Partial<Finding['workload']>) => ({ workload: { ...finding().workload, ...workload } });
const inContainer = (at: number): Partial<Finding> => ({
  label: `container "c${at}"`,
  at: `/spec/template/spec/containers/${at}/image`,
});

function denialsOf(count: number): readonly Finding[] {
  return Array.from({ length: count }, (_, at) => finding(inContainer(at)));
}

test.each<[what: string, found: Finding, text: string]>([
  ['of a value', finding(), '"NGINX:1.25": repository name must be lowercase'],
  ['of a missing field', missingField(), "needs its registry's pull secret"],
  [
    'fixed in this pod',
    finding({ message: 'is slow', fix: FIX, fixed: 'now' }),
    'replaced "NGINX:1.25" with "m.example/library/nginx"',
  ],
  [
    'fixed later, in the pods',
    finding({ message: 'is slow', fix: FIX, fixed: 'later' }),
    'Pods get "m.example/library/nginx"',
  ],
  [
    'fixed later, in the pod itself',
    finding({ message: 'is slow', fix: FIX, fixed: 'later', ...named({ kind: 'Pod' }) }),
    'the Pod gets "m.example/library/nginx"',
  ],
  [
    'not fixed, so for the reader to do',
    finding({ message: 'is slow', fix: FIX, fixed: 'no' }),
    '"NGINX:1.25": is slow',
  ],
  [
    'with a fix, whose address has to be legible',
    finding({ value: 'v'.repeat(100), message: 'is slow', fix: FIX, fixed: 'no' }),
    `"${'v'.repeat(19)}…${'v'.repeat(20)}": is slow`,
  ],
  ['of an empty value', finding({ value: '' }), '"": repository name must be lowercase'],
  [
    'of credentials',
    finding({ value: 'me:s3cret@a.example/b' }),
    '"***@a.example/b": repository name must be lowercase',
  ],
  [
    'with a message that a rule forgot to escape',
    finding({ message: 'holds \u001b[2J' }),
    String.raw`"NGINX:1.25": holds \u001b[2J`,
  ],
])('a finding says what is there, what is wrong with it, and what becomes of it: %s', (_what, found, text) => {
  expect(describeFinding(found)).toBe(text);
});

test('the subject is the object and the part of it, as far as they have names', () => {
  expect(nameSubject(finding())).toBe('Deployment/web container "app"');
  expect(nameSubject(missingField())).toBe('Deployment/web');
  expect(nameSubject(finding(named({ kind: 'Pod', name: '' })))).toBe('Pod container "app"');
  expect(nameSubject(finding(named({ name: 'a\u202eb\n' })))).toBe(String.raw`Deployment/a\u202eb\n container "app"`);
});

describe('a denial', () => {
  const IMAGE =
    'container "app": spec.template.spec.containers[0].image: Invalid value: "NGINX:1.25": repository name must be lowercase';

  test('is only of what is denied', () => {
    expect(formatDenial([])).toBeUndefined();
    expect(formatDenial([warn(), finding({ action: 'audit' })])).toBeUndefined();
    expect(formatDenial([warn({ message: 'something else' }), finding()])).toContain('must be lowercase');
  });

  test.each<[what: string, found: Finding, text: string]>([
    ['a wrong value', finding(), `${IMAGE} (reference-valid)`],
    [
      'a missing field',
      missingField({ action: 'deny' }),
      "spec.template.spec.imagePullSecrets: Required value: needs its registry's pull secret (pull-secret-present)",
    ],
  ])('reads as a field error of the API server, which people know: %s', (_what, found, text) => {
    expect(formatDenial([found])).toBe(text);
  });

  test('tells several reasons in brackets, as the API server does, and each once', () => {
    const [first, second] = denialsOf(2);
    expect(formatDenial([first!, second!])).toBe(`[${formatDenial([first!])}, ${formatDenial([second!])}]`);
    expect(formatDenial([first!, finding(inContainer(0))])).toBe(formatDenial([first!]));
  });

  test.each([
    [100, /, and 90 more\]$/],
    [10, /\(reference-valid\)\]$/],
  ])('of %i containers tells ten, and how many are left', (count, end) => {
    const text = formatDenial(denialsOf(count)) ?? '';
    expect(text.match(/Invalid value/g)).toHaveLength(10);
    expect(text).toMatch(end);
  });
});

describe('warnings', () => {
  test('say where, what and by which rule, in this order', () => {
    expect(formatWarnings([warn()])).toEqual([
      'Deployment/web container "app": "NGINX:1.25": repository name must be lowercase (reference-valid)',
    ]);
  });

  test('are only of what the policy says to warn of, each once', () => {
    expect(formatWarnings([finding(), finding({ action: 'audit' })])).toEqual([]);
    expect(formatWarnings([warn(), warn(), warn(inContainer(1))])).toHaveLength(2);
  });

  test.each<[what: string, length: number, shown: string]>([
    ['short, the value is shown', 50, `"${'v'.repeat(100)}": `],
    ['long, the value is cut first', 120, `"${'v'.repeat(19)}…${'v'.repeat(20)}": `],
    ['as long as there is room, the value is left out, as the container says which it is', 200, ''],
  ])('where a message is %s', (_what, length, shown) => {
    const message = 'm'.repeat(length);
    expect(formatWarnings([warn({ value: 'v'.repeat(100), message })])).toEqual([
      `Deployment/web container "app": ${shown}${message} (reference-valid)`,
    ]);
  });

  test('that are still too long end with the rule, within 256 characters', () => {
    const [text = ''] = formatWarnings([missingField({ value: 'harbor', message: 'm'.repeat(250) })]);
    expect(text).toMatch(/^Deployment\/web: "harbor": m+… \(pull-secret-present\)$/);
    expect(text).toHaveLength(256);
  });

  test('begin with "notice" where a script has nothing to stop for, and stay as short', () => {
    const fixed = warn({ fix: FIX, fixed: 'later', message: 'is slow' });
    expect(formatWarnings([fixed])).toEqual([
      'notice: Deployment/web container "app": Pods get "m.example/library/nginx" (reference-valid)',
    ]);
    const [harmless = ''] = formatWarnings([warn({ harmless: true, message: 'm'.repeat(250) })]);
    expect(harmless).toMatch(/^notice: Deployment\/web container "app": m+… \(reference-valid\)$/);
    expect(harmless).toHaveLength(256);
  });

  test('of which there are too many leave out notices first, the last ones of these, and keep their order', () => {
    const fails = (at: number): Finding => warn({ ...inContainer(at), message: `fails ${at}` });
    const done = (at: number): Finding => warn({ ...inContainer(at), message: `done ${at}`, harmless: true });
    const told = (findings: readonly Finding[]): readonly string[] =>
      formatWarnings(findings).map((line) => /(?:fails|done) \d+|.* more .*? from/.exec(line)?.[0] ?? line);
    const numbers = Array.from({ length: 14 }, (_, at) => at);
    const both = [done(0), done(1), done(2), ...numbers.map((at) => fails(at))];
    expect(told(both)).toEqual(['done 0', ...numbers.map((at) => `fails ${at}`), 'notice: 2 more notices from']);
    const failing = [done(0), ...numbers.map((at) => fails(at)), fails(14), fails(15)];
    expect(told(failing)).toEqual([...numbers, 14].map((at) => `fails ${at}`).concat('2 more warnings from'));
  });

  test('leave room for what is wrong beside a long name', () => {
    const long = { value: 'x'.repeat(5000), ...named({ name: 'n'.repeat(253) }) };
    expect(formatWarnings([warn(long)])[0]).toContain('repository name must be lowercase');
  });

  test.each([
    ['of a template', 'Deployment', 1],
    ['of a pod, to which both webhooks answer', 'Pod', 2],
  ])('%s stay below the 4,096 characters above which the API server drops them', (_what, kind, webhooks) => {
    const findings = Array.from({ length: 50 }, (_, at) =>
      warn({ ...inContainer(at), ...named({ kind }), message: 'w'.repeat(400) }),
    );
    const texts = formatWarnings(findings);
    const sum = texts.reduce((total, { length }) => total + length, 0);
    expect(webhooks * sum).toBeLessThanOrEqual(4096);
    const left = 51 - texts.length;
    expect(texts.at(-1)).toBe(
      `${left} more warnings from pullguard: run pullguard check to list those that need no cluster`,
    );
  });
});

test('whatever a manifest holds, each text has one line that prints, without a password, and a warning is short', () => {
  const any = fc.string({ unit: 'binary', maxLength: 400 });
  const withPassword = fc.tuple(any, any).map(([a, b]) => `${a}:s3cret@host.example/${b}`);
  fc.assert(
    fc.property(fc.oneof(any, withPassword), any, any, any, (value, message, label, name) => {
      const found = { value, message, label, ...named({ name }) };
      const [warning = ''] = formatWarnings([warn(found)]);
      expect(warning.length).toBeLessThanOrEqual(256);
      expect(warning).toMatch(/ \(reference-valid\)$/);
      for (const text of [warning, formatDenial([finding(found)]), describeFinding(finding(found))]) {
        // One control character and the API server drops the whole warning; half of a pair does not survive the way.
        expect(text).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
        expect(text).not.toContain('s3cret');
      }
    }),
  );
});
