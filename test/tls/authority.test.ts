import { X509Certificate } from 'node:crypto';

import { beforeAll, describe, expect, test } from 'vitest';

import { issueCertificate, makeAuthority, makeKeys, readAuthority, type KeyPair } from '../../src/tls/authority.ts';
import { readServingCertificate } from '../../src/tls/source.ts';

const MINUTE_MS = 60 * 1000;
const NOW = new Date('2026-01-15T12:00:00Z');
const NAMES = ['pullguard.pullguard.svc', '10.0.0.1'];

let keys: KeyPair;
let leafKeys: KeyPair;

beforeAll(async () => {
  [keys, leafKeys] = await Promise.all([makeKeys(), makeKeys()]);
});

describe('a CA kept as PEM', () => {
  test('goes on issuing after a restart, and what it issued before and after is of the same CA', () => {
    const made = makeAuthority(keys, { now: NOW, lifeMs: 600 * MINUTE_MS });
    const read = readAuthority(made.pem, keys.privateKey);
    expect(read.pem).toBe(made.pem);
    const ca = new X509Certificate(made.pem);
    for (const authority of [made, read]) {
      const cert = issueCertificate(authority, request(100 * MINUTE_MS));
      const leaf = new X509Certificate(cert);
      expect([leaf.checkIssued(ca), leaf.verify(ca.publicKey)]).toEqual([true, true]);
      expect([leaf.checkHost(NAMES[0]!), leaf.checkIP(NAMES[1]!)]).toEqual(NAMES);
      expect(readServingCertificate(cert, leafKeys.privateKey).key).toBe(leafKeys.privateKey);
    }
  });

  test('refuses what is no certificate or key, without repeating any of it', () => {
    const { pem } = makeAuthority(keys, { now: NOW, lifeMs: MINUTE_MS });
    const damaged = keys.privateKey.replace(/\n[^-\n]{20}/, `\n${'A'.repeat(20)}`);
    expect(() => readAuthority('hello', keys.privateKey)).toThrow();
    expect(() => readAuthority(pem, damaged)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining(damaged.slice(60, 68)) as string }) as Error,
    );
  });
});

describe('the life of a certificate', () => {
  test.each<[why: string, lifeMs: number, notBefore: string, notAfter: string]>([
    ['one for long is back-dated five minutes', 300 * MINUTE_MS, '2026-01-15T11:55:00Z', '2026-01-15T17:00:00Z'],
    ['one for ten minutes is back-dated one', 10 * MINUTE_MS, '2026-01-15T11:59:00Z', '2026-01-15T12:10:00Z'],
    ['it never outlives its CA', 900 * MINUTE_MS, '2026-01-15T11:55:00Z', '2026-01-15T22:00:00Z'],
  ])('%s', (_why, lifeMs, notBefore, notAfter) => {
    const authority = makeAuthority(keys, { now: NOW, lifeMs: 600 * MINUTE_MS });
    const { validFrom, validTo } = new X509Certificate(issueCertificate(authority, request(lifeMs)));
    expect([new Date(validFrom), new Date(validTo)]).toEqual([new Date(notBefore), new Date(notAfter)]);
  });
});

function request(lifeMs: number) {
  return { publicKey: leafKeys.publicKey, names: NAMES, now: NOW, lifeMs };
}
