import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkServerIdentity, connect, createServer } from 'node:tls';

import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';

import { makeCertificates, requestProblem, selfSignedSource, type Certificates } from '../../src/tls/self-signed.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const NAMES = [
  'pullguard.pullguard.svc',
  'pullguard.pullguard.svc.cluster.local',
  '*.example.com',
  'localhost',
  '127.0.0.1',
  '::1',
  'fd00::1:2',
  '::ffff:10.0.0.1',
];

let made: Certificates;

beforeAll(async () => {
  made = await makeCertificates({ names: NAMES });
});

describe('a client that trusts the CA', () => {
  const called = [...NAMES.filter((name) => !name.startsWith('*')), 'any.example.com', 'PULLGUARD.pullguard.svc'];

  test.each(called)('accepts a call to %s', async (name) => {
    expect(await handshake(made, made.ca, name)).toBe('authorized');
  });

  test.each(['other.test', 'example.com', 'a.b.example.com', '127.0.0.2', '::2'])(
    'refuses a call to %s',
    async (name) => {
      expect(await handshake(made, made.ca, name)).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
    },
  );

  test('refuses a certificate made by another CA: two runs never vouch for each other', async () => {
    const other = await makeCertificates({ names: NAMES });
    expect(await handshake(made, other.ca, 'localhost')).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  });
});

describe('what strict verifiers look at', () => {
  test('openssl verify -x509_strict accepts it as a TLS server, each name included', (context) => {
    if (spawnSync('openssl', ['version']).status !== 0) context.skip('openssl is not installed');
    const folder = mkdtempSync(join(tmpdir(), 'pullguard-openssl-'));
    const [ca, cert] = [join(folder, 'ca.crt'), join(folder, 'tls.crt')];
    writeFileSync(ca, made.ca);
    writeFileSync(cert, made.cert);
    const verify = ['verify', '-x509_strict', '-check_ss_sig', '-purpose', 'sslserver', '-CAfile', ca];
    for (const name of ['-verify_hostname any.example.com', '-verify_ip 127.0.0.1', '-verify_ip fd00::1:2']) {
      const printed = execFileSync('openssl', [...verify, ...name.split(' '), cert], { encoding: 'utf8' });
      expect(printed).toBe(`${cert}: OK\n`);
    }
    rmSync(folder, { recursive: true });
  });

  test('the CA can sign certificates and nothing else; the serving certificate can sign none', () => {
    const [ca, leaf] = [new X509Certificate(made.ca), new X509Certificate(made.cert)];
    expect([ca.ca, leaf.ca]).toEqual([true, false]);
    expect(leaf.checkIssued(ca)).toBe(true);
    expect(leaf.verify(ca.publicKey)).toBe(true);
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
  });

  test('serial numbers are positive, 16 bytes long and never the same twice', () => {
    const serials = [made.ca, made.cert].map((pem) => new X509Certificate(pem).serialNumber);
    for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9A-F]{31}$/);
    expect(new Set(serials).size).toBe(2);
  });

  test('every address keeps all its bytes, IPv6 too', () => {
    expect(new X509Certificate(made.cert).subjectAltName).toBe(
      'DNS:pullguard.pullguard.svc, DNS:pullguard.pullguard.svc.cluster.local, DNS:*.example.com, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, IP Address:FD00:0:0:0:0:0:1:2, IP Address:0:0:0:0:0:FFFF:A00:1',
    );
  });

  test('a first name too long for a subject, or a wildcard alone, still gives a subject', async () => {
    const long = `${'a'.repeat(60)}.${'b'.repeat(60)}.svc`;
    const { cert } = await makeCertificates({ names: [long, '*.example.com'] });
    expect(new X509Certificate(cert).subject).toBe('CN=pullguard');
    expect(new X509Certificate(cert).subjectAltName).toBe(`DNS:${long}, DNS:*.example.com`);
  });

  test('a name given twice, or in capitals, stands there once', async () => {
    const { cert } = await makeCertificates({ names: ['Web.Test', 'web.test', '::1', '0:0::1'] });
    expect(new X509Certificate(cert).subjectAltName).toBe('DNS:web.test, IP Address:0:0:0:0:0:0:0:1');
  });

  test('a client whose clock is a few minutes behind accepts it; it ends after the days asked for', async () => {
    const now = new Date('2049-12-31T00:00:00Z');
    const { ca, cert } = await makeCertificates({ names: ['web.test'], days: 10, now });
    for (const pem of [ca, cert]) {
      const { validFrom, validTo } = new X509Certificate(pem);
      expect(new Date(validFrom)).toEqual(new Date('2049-12-30T23:55:00Z'));
      // Past 2050, where X.509 changes its form of dates.
      expect(new Date(validTo)).toEqual(new Date('2050-01-10T00:00:00Z'));
    }
  });
});

describe('names that would make a certificate nobody accepts are refused', () => {
  test.each<[name: string, message: RegExp]>([
    ['', /^"" is not a DNS name or IP address/],
    ['https://web.test', /without scheme/],
    ['web.test:8443', /without scheme, port/],
    ['[::1]', /brackets/],
    ['web.test.', /^"web\.test\." is not a DNS name/],
    ['-web.test', /is not a DNS name/],
    ['my_web.test', /is not a DNS name/],
    ['wéb.test', /is not a DNS name/],
    [' web.test', /is not a DNS name/],
    ['web.test\n', /^"web\.test\\n" is not a DNS name/],
    [`${'a'.repeat(64)}.test`, /is not a DNS name/],
    [`${'a.'.repeat(127)}test`, /is not a DNS name/],
    ['10.0.0.256', /^"10\.0\.0\.256" is neither an IP address nor/],
    ['010.0.0.1', /is neither an IP address nor/],
    ['*', /is too wide/],
    ['*.test', /is too wide/],
    ['a.*.test', /is not a DNS name/],
    ['w*.example.com', /is not a DNS name/],
    ['fe80::1%eth0', /has a zone/],
  ])('%j', async (name, message) => {
    expect(requestProblem({ names: ['web.test', name] })).toMatch(message);
    await expect(makeCertificates({ names: [name] })).rejects.toThrow(message);
    await expect(selfSignedSource({ names: [name], onError: () => undefined })).rejects.toThrow(message);
  });

  test('no names at all', async () => {
    await expect(makeCertificates({ names: [] })).rejects.toThrow('needs at least one DNS name or IP address');
  });

  test.each([0, -1, NaN, Infinity, 3651])('a life of %s days', async (days) => {
    await expect(makeCertificates({ names: ['web.test'], days })).rejects.toThrow('more than 0 and at most 3650 days');
  });
});

describe('a source that signs for itself', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date', 'setInterval', 'clearInterval'] });
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  test('serves a pair its CA vouches for', async () => {
    const source = await selfSignedSource({ names: ['web.test'], onError: fail });
    expect(await handshake(source.current(), source.ca, 'web.test')).toBe('authorized');
    source.close();
  });

  test('renews at two thirds of its life, under the same CA: a caBundle handed out stays right', async () => {
    const source = await selfSignedSource({ names: ['web.test'], days: 90, onError: fail });
    const first = source.current();
    const renewed = new Promise<string>((changed) => {
      source.onChange(({ cert }) => {
        changed(cert);
      });
    });
    vi.advanceTimersByTime(59.9 * DAY_MS);
    expect(source.current()).toBe(first);

    vi.advanceTimersByTime(0.2 * DAY_MS);
    expect(await renewed).toBe(source.current().cert);
    expect(source.current().key).not.toBe(first.key);
    expect(source.current().notAfter.getTime()).toBeGreaterThan(Date.now() + 89 * DAY_MS);
    const [ca, leaf] = [new X509Certificate(source.ca), new X509Certificate(source.current().cert)];
    expect(leaf.verify(ca.publicKey)).toBe(true);
    expect(new Date(ca.validTo).getTime()).toBeGreaterThan(source.current().notAfter.getTime());
    source.close();
  });

  test('closed, it keeps its last pair and makes no more', async () => {
    const source = await selfSignedSource({ names: ['web.test'], days: 90, onError: fail });
    const first = source.current();
    source.close();
    vi.advanceTimersByTime(80 * DAY_MS);
    expect(vi.getTimerCount()).toBe(0);
    expect(source.current()).toBe(first);
  });
});

function fail(message: string): never {
  throw new Error(message);
}

/** 'authorized', or the code with which a client that trusts `ca` and calls `name` breaks off. */
async function handshake(served: Readonly<{ cert: string; key: string }>, ca: string, name: string): Promise<string> {
  const server = createServer({ cert: served.cert, key: served.key });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  // As a client does that has looked the name up: it connects to an address and checks the name it was given.
  const socket = connect({
    host: '127.0.0.1',
    port,
    ca,
    checkServerIdentity: (_host, cert) => checkServerIdentity(name, cert),
  });
  const outcome = await new Promise<string>((settle) => {
    socket.on('secureConnect', () => {
      settle('authorized');
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      settle(error.code ?? error.message);
    });
  });
  socket.destroy();
  server.close();
  return outcome;
}
