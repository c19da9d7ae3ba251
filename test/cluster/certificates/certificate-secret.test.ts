import { generateKeyPairSync } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';

import {
  readCertificateSecret,
  writeCertificateSecret,
  type CertificatePairs,
} from '../../../src/cluster/certificates/certificate-secret.ts';
import type { Json } from '../../support/objects.ts';
import { keyLines, makeMore, makePairs, NAMES, NAMESPACE, toBase64 } from './certificate-fixtures.ts';

const SECRET = { namespace: NAMESPACE, name: 'certificates' };

let pairs: CertificatePairs;
let others: CertificatePairs;

beforeAll(async () => {
  [pairs, others] = await Promise.all([makePairs(), makePairs()]);
});

test('what was written is read again, for all names', async () => {
  const names = [...NAMES, '*.example.com', '10.0.0.1'];
  const made = await makeMore(pairs, names);
  const secret = writeCertificateSecret(undefined, SECRET, made);
  expect(readCertificateSecret(secret, names)).toEqual({
    authority: { ok: true, pair: made.authority },
    serving: { ok: true, pair: made.serving },
  });
});

test('a new Secret is one that other tools know as a TLS Secret', () => {
  expect(writeCertificateSecret(undefined, SECRET, pairs)).toMatchObject({
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/tls',
    metadata: SECRET,
  });
});

test('an existing Secret keeps all that is not a certificate of ours', () => {
  const metadata = { ...SECRET, resourceVersion: '7', labels: { team: 'a' }, annotations: { note: 'b' }, uid: 'c' };
  const before = { metadata, type: 'Opaque', data: { 'ca.crt': 'AAAA', 'more.txt': 'BBBB' } };
  const after = writeCertificateSecret(before, SECRET, pairs);
  expect(after).toMatchObject({ kind: 'Secret', metadata, type: 'Opaque', data: { 'more.txt': 'BBBB' } });
  expect(readCertificateSecret(after, NAMES).serving.ok).toBe(true);
});

describe('what cannot be used is named', () => {
  type Data = Record<string, string | undefined>;

  test.each<[what: string, data: () => Data, authority: string | undefined, serving: string | undefined]>([
    ['an empty CA', () => ({ 'ca.crt': '' }), 'ca.crt is missing or empty', undefined],
    ['no CA key', () => ({ 'ca.key': undefined }), 'ca.key is missing or empty', undefined],
    ['no certificate', () => ({ 'tls.crt': undefined }), undefined, 'tls.crt is missing or empty'],
    ['an empty key', () => ({ 'tls.key': '' }), undefined, 'tls.key is missing or empty'],
    ['garbage', () => ({ 'ca.crt': 'hello' }), 'ca.crt and ca.key cannot be used: the certificate has no', undefined],
    [
      'the key of another CA',
      () => ({ 'ca.key': others.authority.key }),
      'ca.crt and ca.key cannot be used: the private key does not belong to the certificate',
      undefined,
    ],
    ['a key cut off', () => ({ 'tls.key': pairs.serving.key.slice(0, 300) }), undefined, 'the private key is cut off'],
    ['the key of another', () => ({ 'tls.key': others.serving.key }), undefined, 'does not belong to the certificate'],
    [
      'a certificate of another CA',
      () => ({ 'tls.crt': others.serving.cert, 'tls.key': others.serving.key }),
      undefined,
      'tls.crt was not issued by the CA in ca.crt',
    ],
    [
      'a CA that is none',
      () => ({ 'ca.crt': pairs.serving.cert, 'ca.key': pairs.serving.key }),
      'ca.crt is not the certificate of a CA',
      undefined,
    ],
  ])('%s', (_what, data, authority, serving) => {
    const read = readCertificateSecret(secretWith(data()), NAMES);
    expect(problemOf(read.authority)).toEqual(authority === undefined ? undefined : expect.stringContaining(authority));
    // Without a CA nothing can be said of the rest.
    const expected = serving ?? authority;
    expect(problemOf(read.serving)).toEqual(expected === undefined ? undefined : expect.stringContaining(expected));
  });

  test('no Secret at all', () => {
    expect(readCertificateSecret(undefined, NAMES).authority).toEqual({ ok: false, problem: 'it does not exist' });
  });

  test.each<[what: string, secret: Json]>([
    ['no data', { metadata: SECRET }],
    ['null', { metadata: SECRET, data: null }],
    ['numbers', { metadata: SECRET, data: { 'ca.crt': 1 } }],
  ])('a Secret made in advance, with %s', (_what, secret) => {
    expect(problemOf(readCertificateSecret(secret, NAMES).authority)).toBe('ca.crt is missing or empty');
    expect(readCertificateSecret(writeCertificateSecret(secret, SECRET, pairs), NAMES).serving.ok).toBe(true);
  });

  test('a name that the certificate is not for, as after a change of the Service', () => {
    expect(problemOf(readCertificateSecret(secretWith({}), [...NAMES, 'new.pullguard.svc']).serving)).toBe(
      'tls.crt is not for the name new.pullguard.svc',
    );
  });

  test('no problem holds any of a key, whatever is wrong', () => {
    const keys = [pairs.authority.key, pairs.serving.key];
    for (const key of [...keys, others.serving.key, keys[0]!.slice(0, 500), generateKey()]) {
      for (const data of [{ 'ca.key': key }, { 'tls.key': key }, { 'ca.crt': key }, { 'tls.crt': key }]) {
        const { authority, serving } = readCertificateSecret(secretWith(data), NAMES);
        const text = `${problemOf(authority) ?? ''} ${problemOf(serving) ?? ''}`;
        for (const line of keyLines(key)) expect(text).not.toContain(line.slice(0, 8));
      }
    }
  });
});

test('of several CAs only the first is trusted, as only its key is ours', () => {
  const { authority } = readCertificateSecret(
    secretWith({ 'ca.crt': pairs.authority.cert + others.authority.cert }),
    NAMES,
  );
  expect(authority).toEqual({ ok: true, pair: pairs.authority });
});

function secretWith(texts: Record<string, string | undefined>): Json {
  const secret = writeCertificateSecret(undefined, SECRET, pairs);
  const data = { ...(secret['data'] as Json) };
  for (const [key, text] of Object.entries(texts)) data[key] = text === undefined ? undefined : toBase64(text);
  return { ...secret, data };
}

function problemOf(stored: Readonly<{ ok: boolean; problem?: string }>): string | undefined {
  return stored.problem;
}

function generateKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();
}
