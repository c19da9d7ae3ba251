import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import type * as Fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';

import { fileSource } from '../../src/tls/files.ts';
import { makeCertificates, type Certificates } from '../../src/tls/self-signed.ts';
import type { CertificateSource } from '../../src/tls/source.ts';

vi.mock('node:fs', async (importOriginal) => {
  const fs = await importOriginal<typeof Fs>();
  return { ...fs, readFileSync: vi.fn(fs.readFileSync) };
});

const INTERVAL_MS = 20;

let first: Certificates;
let second: Certificates;
let folder: string;
let certFile: string;
let keyFile: string;
let errors: string[];
let changes: number;
let source: CertificateSource | undefined;

beforeAll(async () => {
  const request = { names: ['pullguard.test'] };
  [first, second] = await Promise.all([makeCertificates(request), makeCertificates(request)]);
});

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pullguard-tls-'));
  certFile = join(folder, 'tls.crt');
  keyFile = join(folder, 'tls.key');
  errors = [];
  changes = 0;
});

afterEach(() => {
  source?.close();
  source = undefined;
  vi.mocked(readFileSync).mockReset();
  rmSync(folder, { recursive: true, force: true });
});

describe('at start', () => {
  test('a missing file stops the start and is named', () => {
    writeFileSync(certFile, first.cert);
    expect(start).toThrow(`cannot read ${keyFile}: ENOENT: no such file or directory`);
  });

  test('a folder given for a file stops the start and is named', () => {
    mkdirSync(certFile);
    writeFileSync(keyFile, first.key);
    expect(start).toThrow(`cannot read ${certFile}: EISDIR`);
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
    expect(errors).toEqual([]);
    expect(changes).toBe(1);
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

  test('a certificate ahead of its key is waited out: the old pair serves until the key is there', async () => {
    writeFileSync(certFile, second.cert);
    await untilReported(/does not belong to the certificate.*; still serving the certificate valid until \d{4}-/);
    expectServed(first);
    writeFileSync(keyFile, second.key);
    await untilServed(second);
    expect(changes).toBe(1);
    expect(errors).toHaveLength(1);
  });

  test('a key ahead of its certificate is waited out as well', async () => {
    writeFileSync(keyFile, second.key);
    await untilReported(/does not belong to the certificate/);
    expectServed(first);
    writeFileSync(certFile, second.cert);
    await untilServed(second);
  });

  test('a key caught half written is waited out and none of it reaches the log', async () => {
    writeFileSync(certFile, second.cert);
    writeFileSync(keyFile, second.key.slice(0, 400));
    await untilReported(/the private key is cut off/);
    expectServed(first);
    const line = second.key.split('\n')[1]!;
    expect(errors.join()).not.toContain(line.slice(0, 8));
    writeFileSync(keyFile, second.key);
    await untilServed(second);
  });

  test('a problem that stays is reported once, not at every look; a different one is reported too', async () => {
    writeFileSync(keyFile, '');
    await untilReported(/the private key is empty/);
    writeFileSync(keyFile, 'hello');
    await untilReported(/the private key has no/);
    writeFileSync(keyFile, ' ');
    writeFileSync(certFile, '');
    await untilReported(/the certificate is empty/);
    expect(errors).toHaveLength(3);
    expectServed(first);
  });

  test('the same problem is reported again when it comes back after a good pair', async () => {
    writeFileSync(keyFile, '');
    await untilReported(/the private key is empty/);
    replacePair(second);
    await untilServed(second);
    writeFileSync(keyFile, '');
    await vi.waitFor(() => {
      expect(errors.filter((message) => message.includes('the private key is empty'))).toHaveLength(2);
    }, WAIT);
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

  test('deleted files do not stop the server, and their return is picked up', async () => {
    rmSync(certFile);
    rmSync(keyFile);
    await untilReported(/cannot read .*tls\.crt: ENOENT/);
    expectServed(first);
    writePair(second.cert, second.key);
    await untilServed(second);
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
    source?.close();
    replacePair(second);
    const witness = fileSource({ certFile, keyFile, onError: fail, intervalMs: INTERVAL_MS });
    replacePair(first);
    await vi.waitFor(() => {
      expect(witness.current().cert).toBe(first.cert);
    }, WAIT);
    witness.close();
    expect(changes).toBe(0);
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
  expect(errors).toEqual([]);
  expect(changes).toBe(2);
});

test.skipIf(process.getuid?.() === 0)('a file that becomes readable again is picked up', async () => {
  writePair(first.cert, first.key);
  start();
  chmodSync(keyFile, 0);
  await untilReported(/cannot read .*tls\.key: EACCES/);
  writeFileSync(certFile, second.cert);
  rmSync(keyFile);
  writeFileSync(keyFile, second.key);
  await untilServed(second);
});

const WAIT = { timeout: 5000, interval: 5 };

function start(): void {
  source = fileSource({ certFile, keyFile, onError: (message) => errors.push(message), intervalMs: INTERVAL_MS });
  source.onChange(() => (changes += 1));
}

function fail(message: string): never {
  throw new Error(message);
}

function writePair(cert: string, key: string): void {
  writeFileSync(certFile, cert);
  writeFileSync(keyFile, key);
}

/** Both files at once as far as a look can tell: it runs on this same thread. */
function replacePair({ cert, key }: Certificates): void {
  for (const [file, text] of [
    [certFile, cert],
    [keyFile, key],
  ] as const) {
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  }
}

/** What kubelet does: a new folder, then one rename of the `..data` link onto it. */
function publish(version: string, { cert, key }: Certificates): void {
  mkdirSync(join(folder, version));
  writeFileSync(join(folder, version, 'tls.crt'), cert);
  writeFileSync(join(folder, version, 'tls.key'), key);
  symlinkSync(version, join(folder, '..data_tmp'));
  renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
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
