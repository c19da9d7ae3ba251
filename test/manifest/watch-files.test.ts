import { renameSync, rmSync } from 'node:fs';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { watchFiles } from '../../src/manifest/watch-files.ts';
import { tempFolder } from '../support/temp-folder.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

/** Watches files; `look` lets it look once, and says how often it was called since the last time. */
function watch(...paths: readonly string[]) {
  let calls = 0;
  const stop = watchFiles(paths, () => calls++);
  onTestFinished(stop);
  const look = (): number => {
    vi.advanceTimersByTime(1000);
    const told = calls;
    calls = 0;
    return told;
  };
  return { look, stop };
}

test('each edit is told once', () => {
  const { write } = tempFolder();
  const { look } = watch(write('policy.yaml', 'a'));
  for (const text of ['one', 'three', 'seventeen']) {
    write('policy.yaml', text);
    expect([look(), look()]).toEqual([1, 0]);
  }
});

test('an editor that saves by renaming a new file into place is seen, twice in a row', () => {
  const { at, write } = tempFolder();
  const { look } = watch(write('policy.yaml', 'same'));
  for (const name of ['new-1', 'new-2']) {
    renameSync(write(name, 'same'), at('policy.yaml'));
    expect(look()).toBe(1);
  }
});

test('a mounted ConfigMap that swaps its ..data link is seen, twice in a row', () => {
  const { publish } = tempFolder();
  const { look } = watch(publish('v1', 'policy.yaml', 'same size'));
  for (const version of ['v2', 'v3']) {
    publish(version, 'policy.yaml', 'same size');
    expect(look()).toBe(1);
  }
});

test('a file that appears, is deleted and comes back is seen each time', () => {
  const { at, write } = tempFolder();
  const { look } = watch(at('policy.yaml'));
  expect(look()).toBe(0);
  write('policy.yaml', 'a');
  expect(look()).toBe(1);
  rmSync(at('policy.yaml'));
  expect(look()).toBe(1);
  write('policy.yaml', 'a');
  expect(look()).toBe(1);
});

test('a change of the second file alone is seen', () => {
  const { write } = tempFolder();
  const { look } = watch(write('tls.crt', 'a'), write('tls.key', 'a'));
  write('tls.key', 'changed');
  expect(look()).toBe(1);
});

test('a stopped watch stays silent, and another of the same file goes on', () => {
  const { write } = tempFolder();
  const file = write('policy.yaml', 'a');
  const [stopped, other] = [watch(file), watch(file)];
  stopped.stop();
  write('policy.yaml', 'changed');
  expect([other.look(), stopped.look()]).toEqual([1, 0]);
});
