import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { readAuthority } from '../../src/tls/authority.ts';
import {
  issueAgain,
  makeCertificates,
  makePairs,
  requestProblem,
  selfSignedSource,
  type CertificatePairs,
  type Certificates,
} from '../../src/tls/self-signed.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { handshake } from './handshake.ts';

vi.mock('../../src/tls/authority.ts', async (importOriginal) =>
  (await import('./pooled-keys.ts')).poolKeys(importOriginal),
);

const MINUTE_MS = 60 * 1000;
const DAY_MS = 24 * 60 * MINUTE_MS;
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
    const folder = tempFolder();
    const [ca, cert] = [folder.write('ca.crt', made.ca), folder.write('tls.crt', made.cert)];
    const verify = ['verify', '-x509_strict', '-check_ss_sig', '-purpose', 'sslserver', '-CAfile', ca];
    for (const name of ['-verify_hostname any.example.com', '-verify_ip 127.0.0.1', '-verify_ip fd00::1:2']) {
      const printed = execFileSync('openssl', [...verify, ...name.split(' '), cert], { encoding: 'utf8' });
      expect(printed).toBe(`${cert}: OK\n`);
    }
  });

  test('the CA can sign certificates and nothing else; the serving certificate can sign none', () => {
    const [ca, leaf] = [new X509Certificate(made.ca), new X509Certificate(made.cert)];
    expect([ca.ca, leaf.ca, leaf.checkIssued(ca), leaf.verify(ca.publicKey)]).toEqual([true, false, true, true]);
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
  });

  test('serial numbers are positive, 16 bytes long and never the same twice', () => {
    const serials = [made.ca, made.cert].map((pem) => new X509Certificate(pem).serialNumber);
    for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9A-F]{31}$/);
    expect(new Set(serials).size).toBe(2);
  });

  const long = `${'a'.repeat(60)}.${'b'.repeat(60)}.svc`;

  test.each<[what: string, names: readonly string[], subject: string, altNames: string]>([
    [
      'every address keeps all its bytes, IPv6 too',
      NAMES,
      'pullguard.pullguard.svc',
      'DNS:pullguard.pullguard.svc, DNS:pullguard.pullguard.svc.cluster.local, DNS:*.example.com, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, IP Address:FD00:0:0:0:0:0:1:2, IP Address:0:0:0:0:0:FFFF:A00:1',
    ],
    [
      'a name too long for a subject, and a wildcard, still give a subject',
      [long, '*.example.com'],
      'pullguard',
      `DNS:${long}, DNS:*.example.com`,
    ],
    [
      'a name given twice, or in capitals, stands there once',
      ['Web.Test', 'web.test', '::1', '0:0::1'],
      'web.test',
      'DNS:web.test, IP Address:0:0:0:0:0:0:0:1',
    ],
  ])('%s', async (_what, names, subject, altNames) => {
    const certificate = new X509Certificate((await makeCertificates({ names })).cert);
    expect([certificate.subject, certificate.subjectAltName]).toEqual([`CN=${subject}`, altNames]);
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

describe('a CA that issues again', () => {
  const start = Date.parse('2030-01-01T00:00:00Z');
  const requestAt = (at: number, servingMs: number) => ({
    names: ['web.test'],
    lives: { authorityMs: 600 * MINUTE_MS, servingMs },
    now: () => new Date(at),
  });

  let first: CertificatePairs;

  beforeAll(async () => {
    first = await makePairs(requestAt(start, 10 * MINUTE_MS));
  });

  test('is the same CA, and issues for another key', async () => {
    const second = await issueAgain(first.authority, requestAt(start, MINUTE_MS));
    expect(second.authority).toBe(first.authority);
    expect(new Set([first.authority.key, first.serving.key, second.serving.key]).size).toBe(3);
    const ca = new X509Certificate(first.authority.cert);
    const certificates = [first, second].map(({ serving }) => new X509Certificate(serving.cert));
    expect(certificates.map((each) => each.checkIssued(ca) && each.verify(ca.publicKey))).toEqual([true, true]);
  });

  test.each<[minute: number, life: number, term: readonly [notBefore: string, notAfter: string]]>([
    // For long, it is back-dated five minutes; for ten minutes, one.
    [0, 300, ['2029-12-31T23:55:00Z', '2030-01-01T05:00:00Z']],
    [0, 10, ['2029-12-31T23:59:00Z', '2030-01-01T00:10:00Z']],
    // None outlives its CA.
    [0, 900, ['2029-12-31T23:55:00Z', '2030-01-01T10:00:00Z']],
    [595, 30, ['2030-01-01T09:54:30Z', '2030-01-01T10:00:00Z']],
  ])('in minute %d for %d minutes, from and to %j', async (minute, life, term) => {
    const request = requestAt(start + minute * MINUTE_MS, life * MINUTE_MS);
    const { serving } = await issueAgain(first.authority, request);
    expect([serving.notBefore, serving.notAfter]).toEqual(term.map((text) => new Date(text)));
  });

  test('is not read from what is no certificate or key, and none of that is repeated', () => {
    const { cert, key } = first.authority;
    const damaged = key.replace(/\n[^-\n]{20}/, `\n${'A'.repeat(20)}`);
    expect(() => readAuthority('hello', key)).toThrow();
    expect(() => readAuthority(cert, damaged)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining(damaged.slice(60, 68)) as string }) as Error,
    );
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
  ])('%j', (name, message) => {
    expect(requestProblem({ names: ['web.test', name] })).toMatch(message);
  });

  test.each<[what: string, request: Parameters<typeof makeCertificates>[0], message: string]>([
    ['no names at all', { names: [] }, 'needs at least one DNS name or IP address'],
    ...[0, -1, NaN, Infinity, 3651].map((days): [string, { names: string[]; days: number }, string] => [
      `a life of ${days} days`,
      { names: ['web.test'], days },
      'more than 0 and at most 3650',
    ]),
  ])('%s', async (_what, request, message) => {
    await expect(makeCertificates(request)).rejects.toThrow(message);
    await expect(selfSignedSource({ ...request, onError: fail })).rejects.toThrow(message);
  });
});

describe('a source that signs for itself', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date', 'setInterval', 'clearInterval'] });
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  test('renews at two thirds of its life, under the same CA: a caBundle handed out stays right', async () => {
    const source = await selfSignedSource({ names: ['web.test'], days: 90, onError: fail });
    const first = source.current()!;
    expect(await handshake(first, source.ca, 'web.test')).toBe('authorized');
    const renewed = new Promise<string>((changed) => {
      source.onChange(({ cert }) => {
        changed(cert);
      });
    });
    vi.advanceTimersByTime(59 * DAY_MS);
    expect(source.current()).toBe(first);

    vi.advanceTimersByTime(DAY_MS);
    expect(await renewed).toBe(source.current()?.cert);
    const { cert, key, notAfter } = source.current()!;
    expect(key).not.toBe(first.key);
    expect(notAfter.getTime()).toBeGreaterThan(Date.now() + 89 * DAY_MS);
    const ca = new X509Certificate(source.ca);
    expect(new X509Certificate(cert).verify(ca.publicKey)).toBe(true);
    expect(new Date(ca.validTo).getTime()).toBeGreaterThan(notAfter.getTime());
    await source.close();
  });

  test('closed, it keeps its last pair and makes no more', async () => {
    const source = await selfSignedSource({ names: ['web.test'], days: 90, onError: fail });
    const first = source.current();
    await source.close();
    vi.advanceTimersByTime(80 * DAY_MS);
    expect(vi.getTimerCount()).toBe(0);
    expect(source.current()).toBe(first);
  });
});

function fail(message: string): never {
  throw new Error(message);
}
