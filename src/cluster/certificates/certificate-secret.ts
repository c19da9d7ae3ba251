import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';

import { readServingCertificate, type ServingCertificate } from '../../tls/source.ts';
import { isRecord, readPath, readString } from '../../text/json.ts';
import type { KubernetesObject } from '../connection/api-server.ts';
import type { Stored, StoredPairs } from './certificate-plan.ts';

/** What the Secret holds: `ca.crt` and `ca.key`, `tls.crt` and `tls.key`. */
export type StoredCertificates = StoredPairs<ServingCertificate>;

/** A CA and a serving certificate it issued, each with its key. */
export type CertificatePairs = Readonly<{ authority: ServingCertificate; serving: ServingCertificate }>;

export type SecretName = Readonly<{ namespace: string; name: string }>;

/**
 * Reads the Secret, and checks that all four parts fit together and serve `names`. Whether they have expired is another
 * question. The problems never hold any of a key.
 */
export function readCertificateSecret(
  secret: KubernetesObject | undefined,
  names: readonly string[],
): StoredCertificates {
  const authority = readAuthorityPair(secret);
  if (!authority.ok) return { authority, serving: authority };
  return { authority, serving: readServingPair(secret, authority.pair, names) };
}

/** The Secret with these certificates, and with everything else as it is in `current`; a new one without that. */
export function writeCertificateSecret(
  current: KubernetesObject | undefined,
  { namespace, name }: SecretName,
  { authority, serving }: CertificatePairs,
): KubernetesObject {
  const data = {
    'ca.crt': authority.cert,
    'ca.key': authority.key,
    'tls.crt': serving.cert,
    'tls.key': serving.key,
  };
  const encoded = Object.fromEntries(
    Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')]),
  );
  const kind = { apiVersion: 'v1', kind: 'Secret' };
  if (current !== undefined) {
    const others = readPath(current, 'data');
    // Objects out of a list do not say of what kind they are.
    return { ...current, ...kind, data: { ...(isRecord(others) && others), ...encoded } };
  }
  return {
    ...kind,
    type: 'kubernetes.io/tls',
    metadata: { namespace, name, labels: { 'app.kubernetes.io/name': 'pullguard' } },
    data: encoded,
  };
}

function readAuthorityPair(secret: KubernetesObject | undefined): Stored<ServingCertificate> {
  if (secret === undefined) return { ok: false, problem: 'it does not exist' };
  const stored = readPair(secret, 'ca.crt', 'ca.key');
  if (!stored.ok) return stored;
  const certificate = new X509Certificate(stored.pair.cert);
  if (!certificate.ca) return { ok: false, problem: 'ca.crt is not the certificate of a CA' };
  if (certificate.publicKey.asymmetricKeyType !== 'rsa') {
    return { ok: false, problem: 'ca.key is not an RSA key, the only kind that pullguard can issue with' };
  }
  // Only the first: others would be trusted without anybody here having their keys.
  return { ok: true, pair: { ...stored.pair, cert: certificate.toString() } };
}

function readServingPair(
  secret: KubernetesObject | undefined,
  authority: ServingCertificate,
  names: readonly string[],
): Stored<ServingCertificate> {
  const stored = readPair(secret, 'tls.crt', 'tls.key');
  if (!stored.ok) return stored;
  const leaf = new X509Certificate(stored.pair.cert);
  const issuer = new X509Certificate(authority.cert);
  if (!leaf.checkIssued(issuer) || !leaf.verify(issuer.publicKey)) {
    return { ok: false, problem: 'tls.crt was not issued by the CA in ca.crt' };
  }
  const missing = names.find((name) => !isFor(leaf, name));
  if (missing !== undefined) return { ok: false, problem: `tls.crt is not for the name ${missing}` };
  return stored;
}

function readPair(
  secret: KubernetesObject | undefined,
  certKey: 'ca.crt' | 'tls.crt',
  keyKey: 'ca.key' | 'tls.key',
): Stored<ServingCertificate> {
  const [cert, key] = [readText(secret, certKey), readText(secret, keyKey)];
  const empty = cert === '' ? certKey : key === '' ? keyKey : undefined;
  if (empty !== undefined) return { ok: false, problem: `${empty} is missing or empty` };
  try {
    return { ok: true, pair: readServingCertificate(cert, key) };
  } catch (error) {
    // "the private key is cut off: a BEGIN line has no END line; …": the advice is for people, and we just make it again.
    const [cause = ''] = (error instanceof Error ? error.message : '').split(': ', 1);
    return { ok: false, problem: `${certKey} and ${keyKey} cannot be used: ${cause}` };
  }
}

function readText(secret: KubernetesObject | undefined, key: string): string {
  return Buffer.from(readString(secret, 'data', key), 'base64').toString('utf8');
}

function isFor(leaf: X509Certificate, name: string): boolean {
  // A wildcard is asked for by a name that it covers, as a client would.
  return (isIP(name) === 0 ? leaf.checkHost(name.replace(/^\*/, 'any')) : leaf.checkIP(name)) !== undefined;
}
