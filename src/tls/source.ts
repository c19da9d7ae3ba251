import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { quote } from '../text/quote.ts';
import { formatSecond } from '../text/time.ts';

/** The validity of a certificate, to the second. */
export type Term = Readonly<{ notBefore: Date; notAfter: Date }>;

/** A certificate with its key. `cert` is the PEM chain, the server's own certificate first; `key` is PKCS#8 PEM. */
export type ServingCertificate = Term & Readonly<{ cert: string; key: string }>;

/** A value that may change, such as the content of files. */
export type Source<Value, Current = Value> = Readonly<{
  /** The last valid value, also after an invalid change and after `close`. */
  current: () => Current;
  /** Registers a listener, called after `current` has changed. */
  onChange: (listener: (value: Value) => void) => void;
  /** Stops watching or renewing, and removes the listeners. Never rejects. */
  close: () => Promise<void>;
}>;

/**
 * The source of the server's certificate: files, the cluster, or this process. The server does not know which. `current` is
 * undefined before the first one.
 */
export type CertificateSource = Source<ServingCertificate, ServingCertificate | undefined>;

/** Why a certificate and its key cannot be used. Never contains key material. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError';
  /** What is wrong, without advice. */
  readonly problem: string;

  constructor(problem: string, advice: string) {
    super(`${problem}: ${advice}`);
    this.problem = problem;
  }
}

/**
 * Checks a PEM chain and its PEM private key (RSA, EC or Ed25519), and returns both without other content of the texts. An
 * expired certificate, or one that is not valid yet, is no error here: see `validityProblem`.
 *
 * @throws CertificateError when either cannot be parsed, or they do not belong together.
 */
export function readServingCertificate(certPem: string, keyPem: string): ServingCertificate {
  const [leaf, ...issuers] = readChain(certPem);
  const key = readKey(keyPem);
  checkBelongsTogether(leaf, issuers, key);

  const pair = {
    cert: [leaf, ...issuers].map(String).join(''),
    key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
  checkUsable(pair);
  return { ...pair, ...readTerm(leaf) };
}

/** @throws CertificateError */
export function readTerm(certificate: X509Certificate): Term {
  const [notBefore, notAfter] = [new Date(certificate.validFrom), new Date(certificate.validTo)];
  if (Number.isNaN(notBefore.getTime()) || Number.isNaN(notAfter.getTime()))
    throw new CertificateError('the certificate has an invalid date', 'issue it again');
  return { notBefore, notAfter };
}

/** Why a certificate is not valid at `now`, or undefined. `what` names it. */
export function termProblem(what: string, { notBefore, notAfter }: Term, now: Date): string | undefined {
  if (now > notAfter) return `the ${what} expired at ${formatSecond(notAfter)}`;
  if (now < notBefore) return `the ${what} is not valid before ${formatSecond(notBefore)}`;
  return undefined;
}

export function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

/**
 * Why clients refuse this certificate at `now`, or undefined. It is served anyway: a webhook that does not start does not help,
 * but the operator must see the problem.
 */
export function validityProblem(certificate: ServingCertificate, now: Date): string | undefined {
  const problem = termProblem('certificate', certificate, now);
  if (problem !== undefined) {
    const advice =
      now > certificate.notAfter ? 'install a new certificate and key' : 'wait, or check the clock of this machine';
    return `${problem}: ${advice}`;
  }
  if (new X509Certificate(certificate.cert).subjectAltName === undefined) {
    return 'the certificate has no subject alternative names, and API servers ignore the common name: issue it again with the DNS names of the webhook';
  }
  return undefined;
}

/** Why API servers that call `host` refuse this certificate for its names, as Go's `crypto/tls` does; otherwise undefined. */
export function hostProblem({ cert }: Pick<ServingCertificate, 'cert'>, host: string): string | undefined {
  const leaf = new X509Certificate(cert);
  if (leaf.subjectAltName === undefined || leaf.checkHost(host, { subject: 'never' }) !== undefined) return undefined;
  const names = leaf.subjectAltName.replaceAll(/(?:DNS|IP Address):/g, '');
  return `the certificate is not valid for ${host}, by which API servers call it (x509: certificate is valid for ${quote(names)}): issue it for that name, or fix --service`;
}

/**
 * The certificates in a text, each with its BEGIN and END lines, without the text between them. Base64 has no dash, so a
 * certificate without an END line does not continue into the next one.
 */
export function splitCertificates(pem: string): readonly string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
}

type Chain = readonly [X509Certificate, ...X509Certificate[]];

function readChain(pem: string): Chain {
  const kinds = blockKinds(pem);
  const opened = kinds.filter((kind) => kind === 'CERTIFICATE').length;
  const blocks = splitCertificates(pem);

  if (pem.trim() === '')
    throw new CertificateError('the certificate is empty', 'write the PEM certificate chain to it');
  if (opened === 0 && kinds.some(isKeyKind)) throw new CertificateError('the certificate is a private key', SWAPPED);
  if (opened === 0) {
    throw new CertificateError(
      'the certificate has no "BEGIN CERTIFICATE" line',
      'give it in PEM form (a DER file is converted by "openssl x509 -inform der")',
    );
  }

  const [leaf, ...issuers] = blocks.map(readCertificate);
  if (leaf === undefined || blocks.length < opened)
    throw new CertificateError('the certificate is cut off', HALF_WRITTEN);
  return [leaf, ...issuers];
}

function readCertificate(block: string, index: number, blocks: readonly string[]): X509Certificate {
  try {
    return new X509Certificate(block);
  } catch {
    const which = blocks.length === 1 ? 'the certificate' : `certificate ${index + 1} of ${blocks.length} in the chain`;
    throw new CertificateError(`${which} cannot be parsed`, 'copy it again');
  }
}

function readKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    // OpenSSL's own message says less ("DECODER routines::unsupported") than the text itself.
    throw explainKey(pem);
  }
}

function explainKey(pem: string): CertificateError {
  const kinds = blockKinds(pem);
  const because = (problem: string, advice: string): CertificateError =>
    new CertificateError(`the private key ${problem}`, advice);
  if (pem.trim() === '') return because('is empty', 'write the PEM private key to it');
  if (kinds.includes('ENCRYPTED PRIVATE KEY') || pem.includes('Proc-Type: 4,ENCRYPTED'))
    return because('is encrypted with a passphrase', 'decrypt it with "openssl pkey"');
  if (kinds.some(isKeyKind)) {
    const isWhole = /-----END [A-Z0-9 ]{0,64}PRIVATE KEY-----/.test(pem);
    return isWhole ? because('cannot be parsed', 'copy it again') : because('is cut off', HALF_WRITTEN);
  }
  if (kinds.includes('CERTIFICATE')) return because('is a certificate', SWAPPED);
  const advice = 'use PEM format (convert DER with "openssl pkey -inform der")';
  return because('has no "BEGIN PRIVATE KEY" line', advice);
}

const SWAPPED = 'are the certificate and the key swapped?';
const HALF_WRITTEN =
  'a BEGIN line has no END line, perhaps it is still being written: write it under another name and rename it';

function blockKinds(pem: string): readonly string[] {
  return [...pem.matchAll(/-----BEGIN ([A-Z0-9 ]{1,64})-----/g)].map(([, kind = '']) => kind);
}

function isKeyKind(kind: string): boolean {
  return kind.endsWith('PRIVATE KEY');
}

function checkBelongsTogether(leaf: X509Certificate, issuers: readonly X509Certificate[], key: KeyObject): void {
  if (leaf.checkPrivateKey(key)) return;
  if (issuers.some((certificate) => certificate.checkPrivateKey(key))) {
    throw new CertificateError(
      'the chain is in the wrong order',
      "put the key's own certificate first, then those that issued it",
    );
  }
  throw new CertificateError(
    'the private key does not belong to the certificate',
    'use the key that the certificate was issued for',
  );
}

/** Other problems that OpenSSL finds, such as a key too short for its security level, must show up now and not at a handshake. */
function checkUsable(pair: Readonly<{ cert: string; key: string }>): void {
  try {
    createSecureContext(pair);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new CertificateError(
      `TLS rejects this certificate and key (${code})`,
      'issue them again, with RSA 2048 or EC P-256',
    );
  }
}
