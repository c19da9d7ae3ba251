import { X509Certificate } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { certs, type CertsOptions } from '../../src/cli/certs.ts';
import { readServingCertificate } from '../../src/tls/source.ts';

const FILES = ['ca.crt', 'tls.crt', 'tls.key'];

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pullguard-certs-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('making certificates', () => {
  test('the three files fit together, nothing else is left behind, and the CA key is nowhere', async () => {
    const out = join(folder, 'new', 'certs');
    const { code, stderr } = await run({ dnsName: ['web.test', '::1'], out });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(readdirSync(out).sort()).toEqual(FILES);

    const { cert } = readServingCertificate(read(out, 'tls.crt'), read(out, 'tls.key'));
    const ca = new X509Certificate(read(out, 'ca.crt'));
    expect(new X509Certificate(cert).verify(ca.publicKey)).toBe(true);
    expect(
      FILES.map((file) => read(out, file))
        .join('')
        .match(/BEGIN [A-Z ]*PRIVATE KEY/g),
    ).toHaveLength(1);
  });

  test('others on the machine cannot read the key', async () => {
    await run({ dnsName: ['web.test'], out: folder });
    expect(statSync(join(folder, 'tls.key')).mode & 0o777).toBe(0o600);
  });

  test('the output says what was written, until when, for which names, and what to type next', async () => {
    const { stdout } = await run({ dnsName: ['web.test', '127.0.0.1'], out: folder, days: '30' });
    const { notAfter } = readServingCertificate(read(folder, 'tls.crt'), read(folder, 'tls.key'));
    expect(stdout).toContain(`Wrote ${folder}/ca.crt`);
    expect(stdout).toContain('its key was not kept');
    expect(stdout).toContain(`Valid until: ${notAfter.toISOString().slice(0, 19)}Z\n`);
    expect(stdout).toContain('Names: web.test, 127.0.0.1\n');
    expect(stdout).toContain(`pullguard serve --tls-cert ${folder}/tls.crt --tls-key ${folder}/tls.key\n`);
    expect(stdout).toContain(`base64 -w0 ${folder}/ca.crt\n`);
    expect(stdout).not.toContain('PRIVATE KEY');
    const days = (notAfter.getTime() - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(29.9);
    expect(days).toBeLessThan(30.1);
  });

  test('a folder with a space or quote gives lines that can still be pasted', async () => {
    const { stdout } = await run({ dnsName: ['web.test'], out: join(folder, "it's here") });
    expect(stdout).toContain(`--tls-cert '${folder}/it'\\''s here/tls.crt' --tls-key`);
  });
});

describe('files that exist', () => {
  test.each(FILES)('%s is not overwritten without --force, and nothing else is written', async (file) => {
    writeFileSync(join(folder, file), 'mine');
    const { code, stdout, stderr } = await run({ dnsName: ['web.test'], out: folder });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toBe(
      `error: ${folder}/${file} exists: add --force to replace, or choose another folder with --out\n`,
    );
    expect(readdirSync(folder)).toEqual([file]);
    expect(read(folder, file)).toBe('mine');
  });

  test('a link that points nowhere is not written through', async () => {
    symlinkSync(join(folder, 'elsewhere'), join(folder, 'tls.key'));
    expect((await run({ dnsName: ['web.test'], out: folder })).code).toBe(2);
    expect(readdirSync(folder)).toEqual(['tls.key']);
  });

  test('--force replaces them, and a key that others could read becomes private', async () => {
    for (const file of FILES) writeFileSync(join(folder, file), 'old', { mode: 0o644 });
    const { code } = await run({ dnsName: ['web.test'], out: folder, force: true });
    expect(code).toBe(0);
    readServingCertificate(read(folder, 'tls.crt'), read(folder, 'tls.key'));
    expect(statSync(join(folder, 'tls.key')).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder).sort()).toEqual(FILES);
  });
});

describe('misuse is one clear line and exit code 2, with nothing written', () => {
  test.each<[why: string, options: Partial<CertsOptions>, message: RegExp]>([
    ['no name', { dnsName: [] }, /^error: a certificate needs at least one DNS name or IP address\n$/],
    [
      'a URL for a name',
      { dnsName: ['https://web.test:8443'] },
      /^error: "https:\/\/web\.test:8443" is not a DNS name.*\n$/,
    ],
    ['days in words', { days: 'a year' }, /^error: --days "a year" is not a number\n$/],
    ['too many days', { days: '36500' }, /^error: .* at most 3650 days.*\n$/],
    ['no days', { days: '0' }, /^error: .* more than 0 .*\n$/],
    ['empty days', { days: '' }, /^error: .* more than 0 .*\n$/],
  ])('%s', async (_why, options, message) => {
    const out = join(folder, 'certs');
    const { code, stdout, stderr } = await run({ dnsName: ['web.test'], out, ...options });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr.split('\n')).toHaveLength(2);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('a folder that is a file', async () => {
    const out = join(folder, 'certs');
    writeFileSync(out, 'mine');
    const { code, stderr } = await run({ dnsName: ['web.test'], out });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: cannot write to .*certs: .*\n$/);
    expect(read(folder, 'certs')).toBe('mine');
  });

  test('a file name taken by a folder, and no half-made files stay behind', async () => {
    mkdirSync(join(folder, 'ca.crt'));
    const { code, stderr } = await run({ dnsName: ['web.test'], out: folder, force: true });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: cannot write to /);
    expect(readdirSync(folder)).toEqual(['ca.crt']);
  });
});

async function run(options: CertsOptions): Promise<Readonly<{ code: number; stdout: string; stderr: string }>> {
  const printed = { stdout: '', stderr: '' };
  const sink = (name: 'stdout' | 'stderr') => ({ write: (text: string) => (printed[name] += text) });
  const code = await certs(options, { stdout: sink('stdout'), stderr: sink('stderr') });
  return { code, ...printed };
}

function read(where: string, file: string): string {
  return readFileSync(join(where, file), 'utf8');
}
