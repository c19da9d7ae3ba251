import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { createSecureContext } from 'node:tls';

/** A pair that fits together. `cert` is the PEM chain, the server's own certificate first; `key` is PKCS#8 PEM. */
export type ServingCertificate = Readonly<{ cert: string; key: string; notBefore: Date; notAfter: Date }>;

/** Where the server's certificate comes from. The server does not know which kind it has. */
export type CertificateSource = Readonly<{
  /** The pair to serve now: undefined before the first, then a good one, also after a bad change and after `close`. */
  current: () => ServingCertificate | undefined;
  /** Registers a listener, called after `current` has become another pair. */
  onChange: (listener: (certificate: ServingCertificate) => void) => void;
  /** Stops watching or renewing and forgets the listeners. */
  close: () => void;
}>;

/** A source that has its first pair from the beginning. */
export type ReadyCertificateSource = Omit<CertificateSource, 'current'> &
  Readonly<{ current: () => ServingCertificate }>;

/**
 * Checks a PEM chain and its PEM private key (RSA, EC or Ed25519) and returns both without anything else the texts
 * held. Expired or not yet valid is no error here: see `validityProblem`.
 *
 * @throws Error naming the cause and the next step, never with key material, when either cannot be parsed or they do
 * not belong together.
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
  return { ...pair, ...readValidity(leaf) };
}

/**
 * Why clients refuse this certificate at `now`, in words, or undefined when they have no such reason. Serving it all
 * the same is right: a webhook that does not start helps nobody, but whoever runs it must hear of it.
 */
export function validityProblem(certificate: ServingCertificate, now: Date): string | undefined {
  const { cert, notBefore, notAfter } = certificate;
  if (now > notAfter) return `the certificate expired on ${toText(notAfter)}: put a new certificate and key in place`;
  if (now < notBefore) {
    return `the certificate is not valid before ${toText(notBefore)}: wait, or check this machine's clock`;
  }
  if (new X509Certificate(cert).subjectAltName === undefined) {
    return 'the certificate has no subject alternative names, and an API server does not look at its common name: issue it again with the DNS names that the webhook is called by';
  }
  return undefined;
}

type Chain = readonly [X509Certificate, ...X509Certificate[]];

function readChain(pem: string): Chain {
  const kinds = blockKinds(pem);
  const opened = kinds.filter((kind) => kind === 'CERTIFICATE').length;
  // Base64 holds no dash, so a block whose END line is missing cannot run on into the next one.
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];

  if (pem.trim() === '') throw new Error('the certificate is empty: write the PEM certificate chain there');
  if (opened === 0 && kinds.some(isKeyKind)) throw new Error(`the certificate is a private key: ${SWAPPED}`);
  if (opened === 0) {
    throw new Error(
      'the certificate has no "BEGIN CERTIFICATE" line: give it in PEM form (a DER file is converted by "openssl x509 -inform der")',
    );
  }

  const [leaf, ...issuers] = blocks.map(readCertificate);
  if (leaf === undefined || blocks.length < opened) throw new Error(`the certificate is cut off: ${HALF_WRITTEN}`);
  return [leaf, ...issuers];
}

function readCertificate(block: string, index: number, blocks: readonly string[]): X509Certificate {
  try {
    return new X509Certificate(block);
  } catch {
    const which = blocks.length === 1 ? 'the certificate' : `certificate ${index + 1} of ${blocks.length} in the chain`;
    throw new Error(`${which} cannot be parsed: copy it again from where it was issued`);
  }
}

function readKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    // The cause from OpenSSL says less ("DECODER routines::unsupported") than a look at the text.
    throw new Error(keyProblem(pem));
  }
}

function keyProblem(pem: string): string {
  const kinds = blockKinds(pem);
  if (pem.trim() === '') return 'the private key is empty: write the PEM private key there';
  if (kinds.includes('ENCRYPTED PRIVATE KEY') || pem.includes('Proc-Type: 4,ENCRYPTED')) {
    return 'the private key is encrypted and nobody is here to type its passphrase: decrypt it with "openssl pkey"';
  }
  if (kinds.some(isKeyKind)) {
    if (!/-----END [A-Z0-9 ]{0,64}PRIVATE KEY-----/.test(pem)) return `the private key is cut off: ${HALF_WRITTEN}`;
    return 'the private key cannot be parsed: copy it again from where it was made';
  }
  if (kinds.includes('CERTIFICATE')) return `the private key is a certificate: ${SWAPPED}`;
  return 'the private key has no "BEGIN PRIVATE KEY" line: give it in PEM form (a DER file is converted by "openssl pkey -inform der")';
}

const SWAPPED = 'are the certificate and the key swapped?';
const HALF_WRITTEN =
  'a BEGIN line has no END line; is it still being written? Write it whole, or under another name and rename it';

function blockKinds(pem: string): readonly string[] {
  return [...pem.matchAll(/-----BEGIN ([A-Z0-9 ]{1,64})-----/g)].map(([, kind = '']) => kind);
}

function isKeyKind(kind: string): boolean {
  return kind.endsWith('PRIVATE KEY');
}

function checkBelongsTogether(leaf: X509Certificate, issuers: readonly X509Certificate[], key: KeyObject): void {
  if (leaf.checkPrivateKey(key)) return;
  if (issuers.some((certificate) => certificate.checkPrivateKey(key))) {
    throw new Error("the chain is in the wrong order: put the key's own certificate first, then those that issued it");
  }
  throw new Error('the private key does not belong to the certificate: give the two that were made together');
}

/** Whatever else OpenSSL refuses (a key too short for its security level) must show now, not at a handshake. */
function checkUsable(pair: Readonly<{ cert: string; key: string }>): void {
  try {
    createSecureContext(pair);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown cause';
    throw new Error(`TLS refuses this certificate and key (${code}): issue them again, with RSA 2048 or EC P-256`);
  }
}

function readValidity(leaf: X509Certificate): Readonly<{ notBefore: Date; notAfter: Date }> {
  const notBefore = new Date(leaf.validFrom);
  const notAfter = new Date(leaf.validTo);
  if (Number.isNaN(notBefore.getTime()) || Number.isNaN(notAfter.getTime())) {
    throw new Error('the certificate has a date that cannot be read: issue it again');
  }
  return { notBefore, notAfter };
}

/** Certificates count whole seconds: 2026-02-01T09:30:00Z. */
function toText(date: Date): string {
  return date.toISOString().replace('.000Z', 'Z');
}
