import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  X509Certificate,
  type KeyObject,
} from 'node:crypto';
import forge from 'node-forge';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { makeCertificates, type Certificates } from '../../src/tls/self-signed.ts';
import { CertificateError, hostProblem, readServingCertificate, validityProblem } from '../../src/tls/source.ts';
import { handshake } from './handshake.ts';

vi.mock('../../src/tls/authority.ts', async (importOriginal) =>
  (await import('./pooled-keys.ts')).poolKeys(importOriginal),
);

const NOW = new Date('2026-01-15T12:00:00Z');

let pair: Certificates;
let other: Certificates;

beforeAll(async () => {
  const request = { names: ['pullguard.test'], days: 30, now: NOW };
  pair = await makeCertificates(request);
  other = await makeCertificates(request);
});

describe('what is good', () => {
  test('an RSA pair is served as given, with its dates', () => {
    const read = readServingCertificate(pair.cert, pair.key);
    expect(read).toEqual({
      cert: pair.cert,
      key: pair.key,
      notBefore: new Date('2026-01-15T11:55:00Z'),
      notAfter: new Date('2026-02-14T12:00:00Z'),
    });
  });

  test('an RSA key in the older PKCS#1 form is taken', () => {
    const key = createPrivateKey(pair.key).export({ type: 'pkcs1', format: 'pem' }).toString();
    expect(readServingCertificate(pair.cert, key).key).toBe(pair.key);
  });

  test('an EC pair is taken, also as openssl writes its key, and its chain is served whole', async () => {
    const { root, intermediate, leaf, privateKey } = makeChain();
    const sec1 = privateKey.export({ type: 'sec1', format: 'pem' }).toString();
    const withParameters = `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${sec1}`;
    const read = readServingCertificate(leaf + intermediate, withParameters);
    expect(read.key).toContain('-----BEGIN PRIVATE KEY-----');
    expect(read.cert).toBe(leaf + intermediate);
    // To a client that knows only the root.
    expect(await handshake(read, root, 'leaf.test')).toBe('authorized');
    const alone = readServingCertificate(leaf, toPem(privateKey));
    expect(await handshake(alone, root, 'leaf.test')).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  });

  test('a key kept in the same file as the certificate never reaches the certificate part', () => {
    const combined = `Bag Attributes\n    friendlyName: pullguard\n${pair.cert}${pair.key}`;
    expect(readServingCertificate(combined, combined)).toMatchObject({ cert: pair.cert, key: pair.key });
  });

  test('files with Windows line ends are taken', () => {
    const read = readServingCertificate(pair.cert.replaceAll('\n', '\r\n'), pair.key.replaceAll('\n', '\r\n'));
    expect(read).toMatchObject({ cert: pair.cert, key: pair.key });
  });
});

describe('what is refused says why and what to do', () => {
  const half = (text: string) => text.slice(0, text.length / 2);
  const broken = (text: string) => text.replace(/\n[^-\n]{20}/, `\n${'A'.repeat(20)}`);

  test.each<[why: string, cert: () => string, key: () => string, message: RegExp]>([
    ['another key', () => pair.cert, () => other.key, /^the private key does not belong to the certificate: /],
    ['an empty certificate', () => ' \n', () => pair.key, /^the certificate is empty: /],
    ['an empty key', () => pair.cert, () => '', /^the private key is empty: /],
    ['a half-written certificate', () => half(pair.cert), () => pair.key, /^the certificate is cut off: .*rename/],
    ['a half-written key', () => pair.cert, () => half(pair.key), /^the private key is cut off: .*rename/],
    ['a half-written chain', () => pair.cert + half(pair.ca), () => pair.key, /^the certificate is cut off: /],
    ['text', () => 'hello', () => pair.key, /^the certificate has no "BEGIN CERTIFICATE" line: .*PEM/],
    ['text for a key', () => pair.cert, () => 'hello', /^the private key has no "BEGIN PRIVATE KEY" line: .*PEM/],
    ['swapped files (certificate)', () => pair.key, () => pair.cert, /^the certificate is a private key: .*swapped\?$/],
    ['swapped files (key)', () => pair.cert, () => pair.cert, /^the private key is a certificate: .*swapped\?$/],
    ['a damaged certificate', () => broken(pair.cert), () => pair.key, /^the certificate cannot be parsed: /],
    [
      'a damaged issuer',
      () => pair.cert + broken(pair.ca),
      () => pair.key,
      /^certificate 2 of 2 in the chain cannot be/,
    ],
    ['a damaged key', () => pair.cert, () => broken(pair.key), /^the private key cannot be parsed: /],
    ['a chain root first', () => pair.ca + pair.cert, () => pair.key, /^the chain is in the wrong order: /],
    ['an encrypted key', () => pair.cert, () => encrypt(pair.key), /^the private key is encrypted .*"openssl pkey"$/],
    [
      'an RSA key too short for TLS',
      () => makeShortPair().cert,
      () => makeShortPair().key,
      /^TLS rejects .*KEY_TOO_SMALL/,
    ],
  ])('%s', (_why, cert, key, message) => {
    const error = errorOf(() => readServingCertificate(cert(), key()));
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('\n');
    expect(error.message.startsWith(`${error.problem}: `)).toBe(true);
  });

  test('no message holds any of the key, whatever is wrong with it', () => {
    for (const key of [other.key, half(pair.key), broken(pair.key), encrypt(pair.key), `${pair.key}x`.slice(40)]) {
      const error = errorOf(() => readServingCertificate(pair.cert, key));
      const lines = key.split('\n').filter((line) => line.length > 8 && !line.startsWith('-----'));
      for (const line of lines) expect(String(error.stack)).not.toContain(line.slice(0, 8));
      expect(error.cause).toBeUndefined();
    }
  });
});

describe('validity', () => {
  test.each<[why: string, at: string, problem: RegExp | undefined]>([
    ['good in its first second', '2026-01-15T11:55:00Z', undefined],
    ['good in its last', '2026-02-14T12:00:00Z', undefined],
    ['expired', '2026-02-14T12:00:01Z', /^the certificate expired at 2026-02-14T12:00:00Z: /],
    ['from the future', '2026-01-15T11:54:59Z', /not valid before 2026-01-15T11:55:00Z: .*clock/],
  ])('one that is %s is served, and why clients refuse it is said', (_why, at, problem) => {
    const found = validityProblem(readServingCertificate(pair.cert, pair.key), new Date(at));
    if (problem === undefined) expect(found).toBeUndefined();
    else expect(found).toMatch(problem);
  });

  test('a certificate that only has a common name is named: an API server would refuse every call', () => {
    const subjectKeys = keysOf(pair);
    const issuerKey = subjectKeys.privateKey;
    const cert = issueForTest({ subject: 'leaf.test', subjectKeys, issuer: 'leaf.test', issuerKey });
    const read = readServingCertificate(cert, toPem(issuerKey));
    expect(validityProblem(read, new Date())).toMatch(/no subject alternative names.*DNS names/);
  });
});

test.each<[host: string, names: readonly string[], isValid: boolean]>([
  ['pullguard.pullguard.svc', ['pullguard.pullguard.svc'], true],
  ['team-pullguard.guards.svc', ['*.guards.svc', '127.0.0.1'], true],
  ['team-pullguard.guards.svc', ['pullguard.pullguard.svc', '127.0.0.1'], false],
])('whether API servers that call %s accept a certificate for %j', async (host, names, isValid) => {
  const { cert } = await makeCertificates({ names });
  expect(hostProblem({ cert }, host)).toBe(
    isValid
      ? undefined
      : 'the certificate is not valid for team-pullguard.guards.svc, by which API servers call it (x509: certificate is valid for "pullguard.pullguard.svc, 127.0.0.1"): issue it for that name, or fix --service',
  );
});

function errorOf(run: () => unknown): CertificateError {
  try {
    run();
  } catch (error) {
    if (error instanceof CertificateError) return error;
  }
  throw new Error('nothing was thrown');
}

function encrypt(key: string): string {
  const options = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' } as const;
  return createPrivateKey(key).export(options).toString();
}

type Keys = Readonly<{ publicKey: KeyObject; privateKey: KeyObject }>;

/** A key that is there already: each new one of RSA costs a third of a second. */
function keysOf({ key }: Certificates): Keys {
  const privateKey = createPrivateKey(key);
  return { privateKey, publicKey: createPublicKey(privateKey) };
}

const makeShortPair = memoizeOnce(() => {
  const subjectKeys = generateKeyPairSync('rsa', { modulusLength: 512 });
  const issuerKey = subjectKeys.privateKey;
  return { cert: issueForTest({ subject: 'short', subjectKeys, issuer: 'short', issuerKey }), key: toPem(issuerKey) };
});

/** A leaf of an EC key, issued by an intermediate, issued by a root. */
const makeChain = memoizeOnce(() => {
  const [root, middle] = [keysOf(pair), keysOf(other)];
  const leaf = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const byRoot = { issuer: 'root', issuerKey: root.privateKey, isAuthority: true };
  const byMiddle = { issuer: 'middle', issuerKey: middle.privateKey };
  return {
    root: issueForTest({ subject: 'root', subjectKeys: root, ...byRoot }),
    intermediate: issueForTest({ subject: 'middle', subjectKeys: middle, ...byRoot }),
    leaf: issueForTest({ subject: 'leaf.test', subjectKeys: leaf, dnsName: 'leaf.test', ...byMiddle }),
    privateKey: leaf.privateKey,
  };
});

function memoizeOnce<Value>(make: () => Value): () => Value {
  let made: Value | undefined;
  return () => (made ??= make());
}

type TestRequest = Readonly<{
  subject: string;
  subjectKeys: Keys;
  issuer: string;
  issuerKey: KeyObject;
  isAuthority?: boolean;
  dnsName?: string;
}>;

/**
 * A certificate over any kind of key, signed by an RSA key. node-forge knows RSA keys only, so it writes the certificate
 * over a stand-in; then the real public key goes in, and node signs again.
 */
function issueForTest(request: TestRequest): string {
  const { subject, subjectKeys, issuer, issuerKey, isAuthority = false, dnsName } = request;
  const standIn = forge.pki.privateKeyFromPem(pair.key);
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.setRsaPublicKey(standIn.n, standIn.e);
  certificate.validity.notBefore = new Date(Date.now() - 60_000);
  certificate.validity.notAfter = new Date(Date.now() + 3_600_000);
  certificate.setSubject([{ name: 'commonName', value: subject }]);
  certificate.setIssuer([{ name: 'commonName', value: issuer }]);
  certificate.setExtensions([
    { name: 'basicConstraints', critical: true, cA: isAuthority },
    ...(dnsName === undefined ? [] : [{ name: 'subjectAltName', altNames: [{ type: 2, value: dnsName }] }]),
  ]);
  certificate.sign(standIn, forge.md.sha256.create());

  const [body, algorithm, signature] = forge.pki.certificateToAsn1(certificate).value as forge.asn1.Asn1[];
  const publicKey = subjectKeys.publicKey.export({ type: 'spki', format: 'der' }).toString('latin1');
  (body!.value as forge.asn1.Asn1[])[6] = forge.asn1.fromDer(publicKey);
  const signed = sign('sha256', Buffer.from(forge.asn1.toDer(body!).getBytes(), 'latin1'), issuerKey);
  signature!.value = `\0${signed.toString('latin1')}`;
  const { Class, Type } = forge.asn1;
  const whole = forge.asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, [body!, algorithm!, signature!]);
  const der = Buffer.from(forge.asn1.toDer(whole).getBytes(), 'latin1');
  return new X509Certificate(der).toString();
}

function toPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
