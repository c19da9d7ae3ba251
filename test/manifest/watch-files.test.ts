import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { watchFiles } from '../../src/manifest/watch-files.ts';

const INTERVAL_MS = 20;

let folder: string;
let calls: number;
let stop: () => void;

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'pullguard-watch-')));
  calls = 0;
  stop = () => undefined;
});

afterEach(() => {
  stop();
  rmSync(folder, { recursive: true, force: true });
});

function watch(...names: readonly string[]): void {
  const paths = names.map((name) => join(folder, name));
  stop = watchFiles(paths, () => (calls += 1), INTERVAL_MS);
}

function write(name: string, text: string): void {
  writeFileSync(join(folder, name), text);
}

async function untilCalledMoreThan(before: number): Promise<void> {
  await vi.waitFor(
    () => {
      expect(calls).toBeGreaterThan(before);
    },
    { timeout: 5000, interval: 5 },
  );
}

/** Proof that a whole round of looks has passed: another file's change has been seen twice. */
async function roundOfLooks(): Promise<void> {
  let seen = 0;
  write('clock', '0');
  const stopClock = watchFiles([join(folder, 'clock')], () => (seen += 1), INTERVAL_MS);
  for (const round of [1, 2]) {
    write('clock', 'x'.repeat(round + 1));
    await vi.waitFor(
      () => {
        expect(seen).toBeGreaterThanOrEqual(round);
      },
      { timeout: 5000, interval: 5 },
    );
  }
  stopClock();
}

test('an edit right after the start is not lost to the first stat, which node takes in the background', async () => {
  write('policy.yaml', 'a');
  watch('policy.yaml');
  write('policy.yaml', 'changed at once');
  await untilCalledMoreThan(0);
});

test('each later edit is seen, not only the first', async () => {
  write('policy.yaml', 'a');
  watch('policy.yaml');
  for (const text of ['one', 'three', 'seventeen']) {
    const before = calls;
    write('policy.yaml', text);
    await untilCalledMoreThan(before);
    await roundOfLooks();
  }
});

test('an editor that saves by renaming a new file into place is seen, twice in a row', async () => {
  write('policy.yaml', 'same');
  watch('policy.yaml');
  for (const round of [1, 2]) {
    const before = calls;
    write(`new-${round}`, 'same');
    renameSync(join(folder, `new-${round}`), join(folder, 'policy.yaml'));
    await untilCalledMoreThan(before);
    await roundOfLooks();
  }
});

test('a mounted ConfigMap that swaps its ..data link is seen, twice in a row', async () => {
  publish('..v1', 'same size');
  symlinkSync('..data/policy.yaml', join(folder, 'policy.yaml'));
  watch('policy.yaml');
  for (const version of ['..v2', '..v3']) {
    const before = calls;
    publish(version, 'same size');
    await untilCalledMoreThan(before);
    await roundOfLooks();
  }
});

test('a file that is deleted and comes back is seen both times', async () => {
  write('policy.yaml', 'a');
  watch('policy.yaml');
  rmSync(join(folder, 'policy.yaml'));
  await untilCalledMoreThan(0);
  await roundOfLooks();
  const before = calls;
  write('policy.yaml', 'a');
  await untilCalledMoreThan(before);
});

test('a file that does not exist yet is no change, and its arrival is one', async () => {
  watch('later.yaml');
  await roundOfLooks();
  expect(calls).toBe(0);
  write('later.yaml', 'a');
  await untilCalledMoreThan(0);
});

test('an untouched file causes no reload', async () => {
  write('policy.yaml', 'a');
  watch('policy.yaml');
  await roundOfLooks();
  expect(calls).toBe(0);
});

test('a change of the second file alone is seen', async () => {
  write('tls.crt', 'a');
  write('tls.key', 'a');
  watch('tls.crt', 'tls.key');
  write('tls.key', 'changed');
  await untilCalledMoreThan(0);
});

test('a stopped watch stays silent, and another watch of the same file goes on', async () => {
  write('policy.yaml', 'a');
  watch('policy.yaml');
  let others = 0;
  const stopOther = watchFiles([join(folder, 'policy.yaml')], () => (others += 1), INTERVAL_MS);
  stop();
  write('policy.yaml', 'changed');
  await vi.waitFor(() => {
    expect(others).toBeGreaterThan(0);
  });
  expect(calls).toBe(0);
  stopOther();
});

/** What kubelet does: a new folder, then one rename of the `..data` link onto it. */
function publish(version: string, text: string): void {
  mkdirSync(join(folder, version));
  write(join(version, 'policy.yaml'), text);
  symlinkSync(version, join(folder, '..data_tmp'));
  renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
}
