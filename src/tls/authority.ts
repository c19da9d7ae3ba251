import { createPrivateKey, generateKeyPair, randomBytes, sign, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import { promisify } from 'node:util';

import forge from 'node-forge';
import type { Term } from './source.ts';

/** PEM texts: SPKI and PKCS#8. */
export type KeyPair = Readonly<{ publicKey: string; privateKey: string }>;

/** The validity of a certificate created at `now`. It is back-dated: see `termOf`. */
export type Life = Readonly<{ now: Date; lifeMs: number }>;

/** A CA that can issue certificates. `pem` is its certificate, for clients to trust. */
export type Authority = Readonly<{
  pem: string;
  certificate: forge.pki.Certificate;
  privateKey: KeyObject;
}>;

/** How far a client's clock may be behind and still accept a new certificate. */
const CLOCK_SKEW_MS = 5 * 60 * 1000;

/** RSA 2048. Node creates keys in native code outside the main thread; node-forge would block it for seconds. */
export async function makeKeys(): Promise<KeyPair> {
  return promisify(generateKeyPair)('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
}

/** A CA that can only sign server certificates. */
export function makeAuthority(keys: KeyPair, life: Life): Authority {
  const certificate = startCertificate(keys.publicKey, termOf(life));
  const privateKey = createPrivateKey(keys.privateKey);
  // A unique name, so that clients with two such CAs never try the wrong one.
  const subject = [{ name: 'commonName', value: `pullguard CA ${randomBytes(4).toString('hex')}` }];
  certificate.setSubject(subject);
  certificate.setIssuer(subject);
  certificate.setExtensions([
    { name: 'basicConstraints', critical: true, cA: true, pathLenConstraint: 0 },
    { name: 'keyUsage', critical: true, keyCertSign: true, cRLSign: true },
    { name: 'subjectKeyIdentifier' },
  ]);
  signCertificate(certificate, privateKey);
  return { pem: toPem(certificate), certificate, privateKey };
}

/**
 * Reads an existing CA from its PEM certificate and key.
 *
 * @throws Error when either cannot be parsed, or is not RSA.
 */
export function readAuthority(certPem: string, keyPem: string): Authority {
  const certificate = forge.pki.certificateFromPem(certPem);
  return { pem: toPem(certificate), certificate, privateKey: createPrivateKey(keyPem) };
}

/** A serving certificate for `names` (DNS names and IP addresses), as PEM. It never outlives its CA. */
export function issueCertificate(
  authority: Authority,
  request: Life & Readonly<{ publicKey: string; names: readonly string[] }>,
): string {
  const { publicKey, now, lifeMs } = request;
  const names = [...new Set(request.names.map(normaliseName))];
  const authorityMs = authority.certificate.validity.notAfter.getTime() - now.getTime();
  const certificate = startCertificate(publicKey, termOf({ now, lifeMs: Math.min(lifeMs, authorityMs) }));
  certificate.setSubject([{ name: 'commonName', value: commonName(names) }]);
  certificate.setIssuer(authority.certificate.subject.attributes);
  certificate.setExtensions([
    { name: 'basicConstraints', critical: true, cA: false },
    { name: 'keyUsage', critical: true, digitalSignature: true, keyEncipherment: true },
    { name: 'extKeyUsage', serverAuth: true },
    { name: 'subjectAltName', altNames: names.map(toAltName) },
    { name: 'subjectKeyIdentifier' },
    // `true` would insert this certificate's own key.
    { name: 'authorityKeyIdentifier', keyIdentifier: authority.certificate.generateSubjectKeyIdentifier().getBytes() },
  ]);
  signCertificate(certificate, authority.privateKey);
  return toPem(certificate);
}

/** Back-dated for clients whose clock is behind, by at most a tenth of its validity. */
function termOf({ now, lifeMs }: Life): Term {
  const skewMs = Math.min(CLOCK_SKEW_MS, lifeMs / 10);
  return { notBefore: new Date(now.getTime() - skewMs), notAfter: new Date(now.getTime() + lifeMs) };
}

function startCertificate(publicKey: string, term: Term): forge.pki.Certificate {
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.publicKeyFromPem(publicKey);
  certificate.serialNumber = makeSerialNumber();
  certificate.validity.notBefore = term.notBefore;
  certificate.validity.notAfter = term.notAfter;
  return certificate;
}

/**
 * Signs in native code, as node-forge would take as long as a hundred admissions. node-forge only needs this one method of a key.
 */
function signCertificate(certificate: forge.pki.Certificate, privateKey: KeyObject): void {
  const signer = {
    sign: () => {
      const signed = Buffer.from(forge.asn1.toDer(certificate.tbsCertificate).getBytes(), 'latin1');
      return sign('sha256', signed, privateKey).toString('latin1');
    },
  };
  certificate.sign(signer as unknown as forge.pki.rsa.PrivateKey, forge.md.sha256.create());
}

/**
 * 16 random bytes in hex. The two highest bits are 01: a set sign bit would make the number negative, and a leading zero byte
 * would not be DER; Go refuses both.
 */
function makeSerialNumber(): string {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x3f) | 0x40, 0);
  return bytes.toString('hex');
}

function toPem(certificate: forge.pki.Certificate): string {
  // node-forge ends lines with CR LF, as in RFC 1421; everything that reads this uses LF.
  return forge.pki.certificateToPem(certificate).replaceAll('\r\n', '\n');
}

/** Only for people; clients read the alternative names. X.509 allows 64 characters, and a PrintableString no "*". */
function commonName(names: readonly string[]): string {
  return names.find((name) => name.length <= 64 && !name.startsWith('*')) ?? 'pullguard';
}

/** GeneralName: 2 is a DNS name, 7 an IP address. */
function toAltName(name: string): Readonly<{ type: 2; value: string } | { type: 7; ip: string }> {
  return isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name };
}

/** Normalizes a name: `::FFFF:1.2.3.4` becomes `::ffff:102:304`, the form that node-forge can encode. */
function normaliseName(name: string): string {
  if (isIP(name) !== 6) return name.toLowerCase();
  return new URL(`http://[${name}]`).hostname.slice(1, -1);
}
