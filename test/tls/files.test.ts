import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import type * as Fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { authoritySource, fileSource } from '../../src/tls/files.ts';
import { makeCertificates, type Certificates } from '../../src/tls/self-signed.ts';
import type { CertificateSource } from '../../src/tls/source.ts';
import { tempFolder, type TempFolder } from '../support/temp-folder.ts';

vi.mock('../../src/tls/authority.ts', async (importOriginal) =>
  (await import('./pooled-keys.ts')).poolKeys(importOriginal),
);
vi.mock('node:fs', async (importOriginal) => {
  const fs = await importOriginal<typeof Fs>();
  return { ...fs, readFileSync: vi.fn(fs.readFileSync) };
});

let first: Certificates;
let second: Certificates;
let folder: TempFolder;
let certFile: string;
let keyFile: string;
let errors: string[];
let changes: number;
let source: CertificateSource | undefined;

beforeAll(async () => {
  first = await makeCertificates({ names: ['pullguard.test'] });
  second = await makeCertificates({ names: ['pullguard.test'] });
});

beforeEach(() => {
  folder = tempFolder();
  [certFile, keyFile] = [join(folder.path, 'tls.crt'), join(folder.path, 'tls.key')];
  [errors, changes] = [[], 0];
});

afterEach(async () => {
  await source?.close();
  source = undefined;
  vi.mocked(readFileSync).mockReset();
});

describe('at start', () => {
  test('a missing file, or a folder given for one, stops the start and is named', () => {
    writeFileSync(certFile, first.cert);
    expect(start).toThrow(`cannot read ${keyFile}: ENOENT: no such file or directory`);
    mkdirSync(keyFile);
    expect(start).toThrow(`cannot read ${keyFile}: EISDIR: illegal operation on a directory`);
  });

  test('a key of another certificate stops the start; both files and the cause are named', () => {
    writePair(first.cert, second.key);
    expect(start).toThrow(
      `cannot use certificate ${certFile} with key ${keyFile}: the private key does not belong to the certificate`,
    );
  });

  test('after a failed start nothing goes on watching the files', async () => {
    writePair(first.cert, 'nothing yet');
    expect(start).toThrow('the private key has no');
    writePair(first.cert, first.key);
    start();
    replacePair(second);
    await untilServed(second);
    expect([errors, changes]).toEqual([[], 1]);
  });
});

describe('while serving', () => {
  beforeEach(() => {
    writePair(first.cert, first.key);
    start();
  });

  test('a renewed pair is picked up, and the one after it too', async () => {
    replacePair(second);
    await untilServed(second);
    replacePair(first);
    await untilServed(first);
    expect(changes).toBe(2);
  });

  type Texts = readonly [cert?: string, key?: string];

  test.each<[what: string, texts: () => Texts, problem: RegExp]>([
    ['a certificate ahead of its key', () => [second.cert, first.key], /to the certificate.*; still serving .* \d{4}-/],
    ['a key ahead of its certificate', () => [first.cert, second.key], /does not belong to the certificate/],
    ['a key caught half written', () => [second.cert, second.key.slice(0, 400)], /the private key is cut off/],
    ['a deleted pair', () => [], /cannot read .*tls\.crt: ENOENT/],
  ])('%s is waited out, the old pair serves until the new one is there', async (_what, texts, problem) => {
    writePair(...texts());
    await untilReported(problem);
    expectServed(first);
    expect(errors.join()).not.toContain(second.key.split('\n')[1]!.slice(0, 8));
    writePair(second.cert, second.key);
    await untilServed(second);
    expect(changes).toBe(1);
  });

  test('a problem that stays is reported once, another one too, and the first again after a good pair', async () => {
    writeFileSync(keyFile, '');
    await untilReported(/the private key is empty/);
    writeFileSync(keyFile, 'hello');
    await untilReported(/the private key has no/);
    writeFileSync(keyFile, ' ');
    writeFileSync(certFile, '');
    await untilReported(/the certificate is empty/);
    expect(errors).toHaveLength(3);
    expectServed(first);
    replacePair(second);
    await untilServed(second);
    writeFileSync(keyFile, '');
    await untilReported(/the private key is empty/);
    expect(errors).toHaveLength(4);
  });

  test('a new pair that could not be read for a moment (out of file descriptors) is not forgotten', async () => {
    const read = vi.mocked(readFileSync).mockClear();
    read.mockImplementation(() => {
      throw new Error("EMFILE: too many open files, open 'tls.crt'");
    });
    replacePair(second);
    await untilReported(/cannot read .*tls\.crt: EMFILE: too many open files; still serving/);
    // More looks than there are changes to see: from here on only a second try can find the pair.
    await vi.waitFor(() => {
      expect(read.mock.calls.length).toBeGreaterThan(10);
    }, WAIT);
    read.mockReset();
    await untilServed(second);
    expect(errors).toHaveLength(1);
  });

  test('a pair that comes back as it was is no change: no connection is given a new context for nothing', async () => {
    rmSync(certFile);
    await untilReported(/ENOENT/);
    writeFileSync(certFile, `# written again\n${first.cert}`);
    replacePair(first);
    rmSync(keyFile);
    await untilReported(/cannot read .*tls\.key: ENOENT/);
    expect(changes).toBe(0);
  });

  test('a closed source answers with its last pair and tells nobody', async () => {
    await source?.close();
    replacePair(second);
    const witness = fileSource({ certFile, keyFile, onError: (message) => errors.push(message), intervalMs: 20 });
    replacePair(first);
    await vi.waitFor(() => {
      expect(witness.current()?.cert).toBe(first.cert);
    }, WAIT);
    await witness.close();
    expect([changes, errors]).toEqual([0, []]);
    expectServed(first);
  });
});

test('a mounted Secret that swaps its ..data link is picked up each time, without a false alarm', async () => {
  publish('..v1', first);
  symlinkSync('..data/tls.crt', certFile);
  symlinkSync('..data/tls.key', keyFile);
  start();
  publish('..v2', second);
  await untilServed(second);
  publish('..v3', first);
  await untilServed(first);
  expect([errors, changes]).toEqual([[], 2]);
});

const WAIT = { timeout: 10_000, interval: 5 };

describe('the CAs of clients', () => {
  test('are those of the file as it is now; what is no good is told, and those from before stay', async () => {
    const file = folder.write('ca.crt', `# ours\n${first.ca}`);
    const authorities = authoritySource(file, { onError: (message) => errors.push(message), intervalMs: 10 });
    const heard: string[] = [];
    authorities.onChange((pem) => heard.push(pem));
    expect(authorities.current()).toBe(first.ca);
    writeFileSync(file, first.ca + second.ca);
    await vi.waitFor(() => {
      expect(heard).toEqual([first.ca + second.ca]);
    }, WAIT);
    writeFileSync(file, second.ca + first.ca.replace(/\n[^-\n]{20}/, `\n${'A'.repeat(20)}`));
    await untilReported(
      /ca\.crt cannot be used: certificate 2 in it cannot be parsed; .*; still accepting clients of the earlier CAs/,
    );
    rmSync(file);
    await untilReported(/cannot be used: ENOENT/);
    expect(authorities.current()).toBe(first.ca + second.ca);
    writeFileSync(file, second.ca);
    await vi.waitFor(() => {
      expect(authorities.current()).toBe(second.ca);
    }, WAIT);
    await authorities.close();
  });
});

function start(): void {
  source = fileSource({ certFile, keyFile, onError: (message) => errors.push(message), intervalMs: 20 });
  source.onChange(() => (changes += 1));
}

/** Without a text, there is no file. */
function writePair(cert?: string, key?: string): void {
  for (const [file, text] of [
    [certFile, cert],
    [keyFile, key],
  ] as const) {
    if (text === undefined) rmSync(file);
    else writeFileSync(file, text);
  }
}

/** Both files at once as far as a look can tell: it runs on this same thread. */
function replacePair({ cert, key }: Certificates): void {
  writeFileSync(`${certFile}.new`, cert);
  writeFileSync(`${keyFile}.new`, key);
  for (const file of [certFile, keyFile]) renameSync(`${file}.new`, file);
}

/** What kubelet does: a new folder, then one rename of the `..data` link onto it. */
function publish(version: string, { cert, key }: Certificates): void {
  folder.write(`${version}/tls.crt`, cert);
  folder.write(`${version}/tls.key`, key);
  symlinkSync(version, join(folder.path, '..data_tmp'));
  renameSync(join(folder.path, '..data_tmp'), join(folder.path, '..data'));
}

function expectServed({ cert, key }: Certificates): void {
  expect(source?.current()).toMatchObject({ cert, key });
}

async function untilServed(pair: Certificates): Promise<void> {
  await vi.waitFor(() => {
    expectServed(pair);
  }, WAIT);
}

async function untilReported(message: RegExp): Promise<void> {
  await vi.waitFor(() => {
    expect(errors.at(-1)).toMatch(message);
  }, WAIT);
}
