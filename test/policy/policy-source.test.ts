import { rmSync } from 'node:fs';
import { expect, onTestFinished, test, vi } from 'vitest';
import { filePolicySource, readPolicyFile } from '../../src/policy/policy-source.ts';
import { watchFiles } from '../../src/manifest/watch-files.ts';
import { loadPolicy } from '../../src/rules/policy.ts';
import { probesAny } from '../../src/policy/policy.ts';
import { tempFolder } from '../support/temp-folder.ts';

const INTERVAL_MS = 20;

const withTagExplicit = (action: string): string =>
  `apiVersion: pullguard.dev/v1alpha1\nkind: Policy\nrules: { tag-explicit: ${action} }\n`;

/** A source on a file, the action it has for tag-explicit, and what it told. */
function open(file: string) {
  const told: string[] = [];
  const source = filePolicySource(file, {
    load: loadPolicy,
    onReload: () => told.push('reloaded'),
    onError: (message) => told.push(message),
    intervalMs: INTERVAL_MS,
  });
  onTestFinished(source.close);
  const action = (): string | undefined =>
    source.current().rules.find(({ rule }) => rule.id === 'tag-explicit')?.action;
  return { source, told, action };
}

/** Changes a file, and waits until the sources that were opened before have looked at it. */
async function changeAndLook(file: string, change: () => void): Promise<void> {
  let looks = 0;
  const stop = watchFiles([file], () => (looks += 1), INTERVAL_MS);
  change();
  await until(() => {
    expect(looks).toBeGreaterThan(0);
  });
  stop();
}

async function until(condition: () => void): Promise<void> {
  await vi.waitFor(condition, { timeout: 5000, interval: 5 });
}

test('a changed policy is judged by without a restart, and told once', async () => {
  const { at, write } = tempFolder();
  write('policy.yaml', withTagExplicit('warn'));
  const { told, action } = open(at('policy.yaml'));
  expect(action()).toBe('warn');
  for (const [count, next] of ['deny', 'audit'].entries()) {
    write('policy.yaml', withTagExplicit(next));
    await until(() => {
      expect(action()).toBe(next);
    });
    expect(told).toEqual(Array.from({ length: count + 1 }, () => 'reloaded'));
  }
});

test('to let registries be asked is a change like any other', async () => {
  const { at, write } = tempFolder();
  const text = `${withTagExplicit('warn')}registries: [{ hosts: [a.example] }]\n`;
  write('policy.yaml', text);
  const { source, told } = open(at('policy.yaml'));
  expect(probesAny(source.current())).toBe(false);
  write('policy.yaml', text.replace('a.example]', 'a.example], probe: true'));
  await until(() => {
    expect(probesAny(source.current())).toBe(true);
  });
  expect(told).toEqual(['reloaded']);
});

test('a mounted ConfigMap that swaps its ..data link is noticed', async () => {
  const { publish } = tempFolder();
  const { action, told } = open(publish('v1', 'policy.yaml', withTagExplicit('warn')));
  publish('v2', 'policy.yaml', withTagExplicit('deny'));
  await until(() => {
    expect(action()).toBe('deny');
  });
  expect(told).toEqual(['reloaded']);
});

test('a bad policy never replaces a good one, is told once, and the next good one is taken', async () => {
  const { write } = tempFolder();
  const file = write('policy.yaml', withTagExplicit('warn'));
  const { told, action } = open(file);
  write('policy.yaml', withTagExplicit('dney'));
  const problem = `${file}:3:24: must be one of off, audit, warn, deny, is "dney"; did you mean "deny"?`;
  await until(() => {
    expect(told).toEqual([problem]);
  });
  expect(action()).toBe('warn');
  await changeAndLook(file, () => write('policy.yaml', withTagExplicit('dney')));
  expect(told).toEqual([problem]);
  write('policy.yaml', 'rules: [');
  await until(() => {
    expect(told).toHaveLength(2);
  });
  expect(told[1]).toMatch(/policy\.yaml:1:\d+: /);
  expect(action()).toBe('warn');
  write('policy.yaml', withTagExplicit('deny'));
  await until(() => {
    expect(action()).toBe('deny');
  });
  expect(told).toEqual([problem, told[1], 'reloaded']);
});

test('a policy that disappears, or becomes something else, stays in force', async () => {
  const { write } = tempFolder();
  const file = write('policy.yaml', withTagExplicit('warn'));
  const { told, action } = open(file);
  rmSync(file);
  await until(() => {
    expect(told).toEqual([`cannot read policy ${file}: ENOENT: no such file or directory`]);
  });
  write('policy.yaml', Buffer.from(withTagExplicit('deny'), 'utf16le'));
  await until(() => {
    expect(told[1]).toBe(`cannot read policy ${file}: it is UTF-16 text, as Windows tools write; save it as UTF-8`);
  });
  expect(action()).toBe('warn');
  write('policy.yaml', withTagExplicit('deny'));
  await until(() => {
    expect(action()).toBe('deny');
  });
});

test('a change back to what is in force is neither a reload nor a failure', async () => {
  const { write } = tempFolder();
  const file = write('policy.yaml', withTagExplicit('warn'));
  const { told, action } = open(file);
  write('policy.yaml', '');
  await until(() => {
    expect(told).toHaveLength(1);
  });
  await changeAndLook(file, () => write('policy.yaml', withTagExplicit('warn')));
  expect(told).toEqual([expect.stringContaining('the policy is empty')]);
  expect(action()).toBe('warn');
  // The same mistake again is news again.
  await changeAndLook(file, () => write('policy.yaml', ''));
  expect(told).toHaveLength(2);
});

test('there is no start without a good policy, and the error names the file', () => {
  const { at, write, path } = tempFolder();
  expect(() => open(at('missing.yaml'))).toThrow(
    `cannot read policy ${at('missing.yaml')}: ENOENT: no such file or directory`,
  );
  expect(() => open(path)).toThrow(`cannot read policy ${path}: EISDIR: illegal operation on a directory`);
  expect(() => open(write('bad.yaml', 'a: 1\n'))).toThrow(/bad\.yaml:1:1: missing key "apiVersion"/);
});

test('a closed source stays as it is while others go on', async () => {
  const { write } = tempFolder();
  const file = write('policy.yaml', withTagExplicit('warn'));
  const closed = open(file);
  const other = open(file);
  closed.source.close();
  write('policy.yaml', withTagExplicit('deny'));
  await until(() => {
    expect(other.action()).toBe('deny');
  });
  expect(closed.action()).toBe('warn');
  expect(closed.told).toEqual([]);
});

test('a policy file is read as it is', () => {
  const { write } = tempFolder();
  expect(readPolicyFile(write('p', 'a: é\n'))).toBe('a: é\n');
});
