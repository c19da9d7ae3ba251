import { X509Certificate } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { certs, type CertsOptions } from '../../src/cli/certs.ts';
import { UsageError } from '../../src/cli/io.ts';
import { readServingCertificate } from '../../src/tls/source.ts';
import { capturedIo } from '../support/captured-io.ts';
import { tempFolder } from '../support/temp-folder.ts';

// Keys take seconds to make: the same ones will do for the same request.
vi.mock(import('../../src/tls/self-signed.ts'), async (original) => {
  const module = await original();
  const made = new Map<string, ReturnType<typeof module.makeCertificates>>();
  return {
    ...module,
    makeCertificates: async (request) => {
      const key = JSON.stringify(request);
      const certificates = made.get(key) ?? module.makeCertificates(request);
      made.set(key, certificates);
      return certificates;
    },
  };
});

const FILES = ['ca.crt', 'tls.crt', 'tls.key'];

let folder: string;

beforeEach(({ onTestFinished }) => {
  folder = tempFolder(onTestFinished).path;
});

async function run(options: Partial<CertsOptions> = {}) {
  const io = capturedIo();
  const code = await certs({ dnsName: ['web.test'], out: folder, ...options }, io).catch((error: unknown) => {
    if (!(error instanceof UsageError)) throw error;
    io.stderr.write(`error: ${error.message}\n`);
    return 2;
  });
  return { code, ...io.printed };
}

function read(file: string, where = folder): string {
  return readFileSync(join(where, file), 'utf8');
}

describe('making certificates', () => {
  test('the three files fit together, nothing else is left behind, and the CA key is nowhere', async () => {
    const out = join(folder, 'new', 'certs');
    const { code, stderr } = await run({ dnsName: ['web.test', '::1'], out });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(readdirSync(out).sort()).toEqual(FILES);

    const [ca = '', cert = '', key = ''] = FILES.map((file) => read(file, out));
    expect(new X509Certificate(readServingCertificate(cert, key).cert).verify(new X509Certificate(ca).publicKey)).toBe(
      true,
    );
    expect(`${ca}${cert}${key}`.match(/BEGIN [A-Z ]*PRIVATE KEY/g)).toHaveLength(1);
    // Others on the machine cannot read the key.
    expect(statSync(join(out, 'tls.key')).mode & 0o777).toBe(0o600);
  });

  test('the output says what was written, until when, for which names, and what to type next', async () => {
    const out = join(folder, "it's here");
    const { stdout } = await run({ dnsName: ['web.test', '127.0.0.1'], out, days: '30' });
    const { notAfter } = readServingCertificate(read('tls.crt', out), read('tls.key', out));
    // With a space and a quote in it, and still to be pasted.
    const quoted = (file: string): string => `'${folder}/it'\\''s here/${file}'`;
    expect(stdout).toContain(`Wrote ${quoted('ca.crt')}`);
    expect(stdout).toContain('its private key was not saved');
    expect(stdout).toContain(`Valid until: ${notAfter.toISOString().slice(0, 19)}Z\n`);
    expect(stdout).toContain('Names: web.test, 127.0.0.1\n');
    expect(stdout).toContain(`pullguard serve --tls-cert ${quoted('tls.crt')} --tls-key ${quoted('tls.key')}\n`);
    expect(stdout).toContain(`base64 -w0 ${quoted('ca.crt')}\n`);
    expect(stdout).not.toContain('PRIVATE KEY');
    const days = (notAfter.getTime() - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(29.9);
    expect(days).toBeLessThan(30.1);
  });
});

describe('files that exist', () => {
  test.each(FILES)('%s is not overwritten without --force, and nothing else is written', async (file) => {
    writeFileSync(join(folder, file), 'mine');
    const { code, stdout, stderr } = await run();
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toBe(
      `error: ${folder}/${file} exists: add --force to replace, or choose another folder with --out\n`,
    );
    expect(readdirSync(folder)).toEqual([file]);
    expect(read(file)).toBe('mine');
  });

  test('a link that points nowhere is not written through', async () => {
    symlinkSync(join(folder, 'elsewhere'), join(folder, 'tls.key'));
    expect((await run()).code).toBe(2);
    expect(readdirSync(folder)).toEqual(['tls.key']);
  });

  test('--force replaces them, and a key that others could read becomes private', async () => {
    for (const file of FILES) writeFileSync(join(folder, file), 'old', { mode: 0o644 });
    const { code } = await run({ force: true });
    expect(code).toBe(0);
    readServingCertificate(read('tls.crt'), read('tls.key'));
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
    ['too many days', { days: '36500' }, /^error: .* 36500 days: use .* at most 3650\n$/],
    ['no days', { days: '0' }, /^error: .* more than 0 .*\n$/],
    ['empty days', { days: '' }, /^error: .* more than 0 .*\n$/],
  ])('%s', async (_why, options, message) => {
    const out = join(folder, 'certs');
    const { code, stdout, stderr } = await run({ out, ...options });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr.split('\n')).toHaveLength(2);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('a folder that is a file', async () => {
    const out = join(folder, 'certs');
    writeFileSync(out, 'mine');
    const { code, stderr } = await run({ out });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: cannot write to .*certs: .*\n$/);
    expect(read('certs')).toBe('mine');
  });

  test('a file name taken by a folder, and no half-made files stay behind', async () => {
    mkdirSync(join(folder, 'ca.crt'));
    const { code, stderr } = await run({ force: true });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: cannot write to /);
    expect(readdirSync(folder)).toEqual(['ca.crt']);
  });
});
