import { rmSync } from 'node:fs';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { filePolicySource } from '../../src/policy/reload.ts';
import { loadPolicy } from '../../src/rules/policy.ts';
import { tempFolder } from '../support/temp-folder.ts';

const withTagExplicit = (action: string): string =>
  `apiVersion: pullguard.dev/v1alpha1\nkind: Policy\nrules: { tag-explicit: ${action} }\n`;

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

/** A source on a file, the action it has for tag-explicit, and what it told. */
function open(file: string) {
  const told: string[] = [];
  const source = filePolicySource(file, {
    load: loadPolicy,
    onReload: () => told.push('reloaded'),
    onError: (message) => told.push(message),
  });
  onTestFinished(source.close);
  const action = (): string | undefined =>
    source.current().rules.find(({ rule }) => rule.id === 'tag-explicit')?.action;
  return { source, told, action };
}

/** A good policy in a file with a source on it. `change` writes to it, and waits until the source has looked. */
function start() {
  const { write } = tempFolder();
  const file = write('policy.yaml', withTagExplicit('warn'));
  const change = (content: string | Buffer): void => {
    write('policy.yaml', content);
    vi.advanceTimersByTime(1000);
  };
  return { file, change, ...open(file) };
}

test('a changed policy is judged by without a restart, and told once', () => {
  const { change, told, action } = start();
  expect(action()).toBe('warn');
  change(withTagExplicit('deny'));
  expect(action()).toBe('deny');
  change(`${withTagExplicit('audit')}registries: [{ hosts: [a.example], probe: true }]\n`);
  expect(action()).toBe('audit');
  vi.advanceTimersByTime(10_000);
  expect(told).toEqual(['reloaded', 'reloaded']);
});

test('a mounted ConfigMap that swaps its ..data link is noticed', () => {
  const { publish } = tempFolder();
  const { action, told } = open(publish('v1', 'policy.yaml', withTagExplicit('warn')));
  publish('v2', 'policy.yaml', withTagExplicit('deny'));
  vi.advanceTimersByTime(1000);
  expect(action()).toBe('deny');
  expect(told).toEqual(['reloaded']);
});

test('a bad policy never replaces a good one, is told once, and the next good one is taken', () => {
  const { file, change, told, action } = start();
  const problem = `${file}:3:24: must be one of off, audit, warn, deny, is "dney"; did you mean "deny"?`;
  change(withTagExplicit('dney'));
  change(withTagExplicit('dney'));
  expect(told).toEqual([problem]);
  expect(action()).toBe('warn');
  change('rules: [');
  expect(told).toEqual([problem, expect.stringMatching(/policy\.yaml:1:\d+: /)]);
  change(withTagExplicit('deny'));
  expect(action()).toBe('deny');
  expect(told.slice(2)).toEqual(['reloaded']);
});

test('a policy that disappears, or becomes something else, stays in force', () => {
  const { file, change, told, action } = start();
  rmSync(file);
  vi.advanceTimersByTime(1000);
  change(Buffer.from(withTagExplicit('deny'), 'utf16le'));
  expect(told).toEqual([
    `policy ${file} cannot be read (ENOENT: no such file or directory): fix the path`,
    `policy ${file} cannot be read: file is UTF-16, as some Windows tools write it: save it as UTF-8`,
  ]);
  expect(action()).toBe('warn');
  change(withTagExplicit('deny'));
  expect(action()).toBe('deny');
});

test('a change back to what is in force is neither a reload nor a failure', () => {
  const { change, told, action } = start();
  change('');
  change(withTagExplicit('warn'));
  expect(told).toEqual([expect.stringContaining('the policy is empty')]);
  expect(action()).toBe('warn');
  // The same mistake again is news again.
  change('');
  expect(told).toHaveLength(2);
});

test('there is no start without a good policy, and the error names the file', () => {
  const { at, write, path } = tempFolder();
  expect(() => open(at('missing'))).toThrow(
    `policy ${at('missing')} cannot be read (ENOENT: no such file or directory): fix the path`,
  );
  expect(() => open(path)).toThrow(
    `policy ${path} cannot be read (EISDIR: illegal operation on a directory): name a file in this folder`,
  );
  expect(() => open(write('bad.yaml', 'a: 1\n'))).toThrow(/bad\.yaml:1:1: missing key "apiVersion"/);
});

test('a closed source stays as it is while others go on', () => {
  const { file, change, source, told, action } = start();
  const other = open(file);
  source.close();
  change(withTagExplicit('deny'));
  expect(other.action()).toBe('deny');
  expect(action()).toBe('warn');
  expect(told).toEqual([]);
});
