import { generateKeyPair, randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { promisify } from 'node:util';

import forge from 'node-forge';

import { readServingCertificate, type CertificateSource, type ServingCertificate } from './source.ts';

/** `names`: DNS names, wildcards such as `*.example.com` too, and IP addresses. `days`: life from now, default 365. */
export type CertificateRequest = Readonly<{ names: readonly string[]; days?: number; now?: Date }>;

/** PEM texts. `ca` is what clients trust (`caBundle`); `cert` and `key` (PKCS#8) are what the server shows. */
export type Certificates = Readonly<{ ca: string; cert: string; key: string }>;

export type SelfSignedOptions = Readonly<{
  names: readonly string[];
  /** Life of one serving certificate; it is replaced at two thirds of it. */
  days?: number;
  /** Told when a renewal failed; it is tried again. */
  onError: (message: string) => void;
}>;

/** `ca` stays the same for as long as the source lives, so a caBundle once handed out stays right. */
export type SelfSignedSource = CertificateSource & Readonly<{ ca: string }>;

const DEFAULT_DAYS = 365;

/** Ten years: what lives longer than the people who know about it is better made again. */
const MAX_DAYS = 3650;

const DAY_MS = 24 * 60 * 60 * 1000;

/** How far behind a client's clock may be and still accept a certificate made just now. */
const CLOCK_SKEW_MS = 5 * 60 * 1000;

/**
 * Makes a CA and one serving certificate for `names`, both RSA 2048 and both ending after `days`. The CA's key is
 * forgotten, so it can never sign anything else.
 *
 * @throws Error when `requestProblem` has something to say.
 */
export async function makeCertificates(request: CertificateRequest): Promise<Certificates> {
  const { names, days = DEFAULT_DAYS, now = new Date() } = request;
  checkRequest({ names, days });

  const [authorityKeys, keys] = await Promise.all([makeKeys(), makeKeys()]);
  const validity = validityFrom(now, days);
  const authority = makeAuthority(authorityKeys, validity);
  return {
    ca: toPem(authority.certificate),
    cert: issue(authority, keys.publicKey, names, validity),
    key: keys.privateKey,
  };
}

/** What is wrong with a request, in words that name the value, or undefined. */
export function requestProblem({ names, days = DEFAULT_DAYS }: CertificateRequest): string | undefined {
  if (names.length === 0) return 'a certificate needs at least one DNS name or IP address';
  if (!(days > 0 && days <= MAX_DAYS))
    return `a certificate lives more than 0 and at most ${MAX_DAYS} days, not ${days}`;
  return names.map(nameProblem).find((problem) => problem !== undefined);
}

/**
 * A CA and serving certificate made at start and kept in memory, for development and for a first try in a cluster.
 *
 * @throws Error when `requestProblem` has something to say.
 */
export async function selfSignedSource(options: SelfSignedOptions): Promise<SelfSignedSource> {
  const { names, days = DEFAULT_DAYS, onError } = options;
  checkRequest({ names, days });

  const [authorityKeys, firstKeys] = await Promise.all([makeKeys(), makeKeys()]);
  // As long as is allowed: the CA must never be what expires first.
  const authority = makeAuthority(authorityKeys, validityFrom(new Date(), MAX_DAYS));
  const listeners = new Set<(certificate: ServingCertificate) => void>();
  let certificate = issueNow(firstKeys);
  let renewAt = nextRenewal();
  let closed = false;

  // Asked for the time again and again, not set once for the day: a timer holds 24 days at most and stops in a suspend.
  const lookEveryMs = Math.min(60 * 60 * 1000, (days * DAY_MS) / 10);
  const timer = setInterval(() => {
    if (Date.now() >= renewAt)
      renew().catch((error: unknown) => {
        onError(`cannot renew the self-signed certificate: ${String(error)}`);
      });
  }, lookEveryMs).unref();

  return {
    ca: toPem(authority.certificate),
    current: () => certificate,
    onChange: (listener) => listeners.add(listener),
    close: () => {
      closed = true;
      clearInterval(timer);
      listeners.clear();
    },
  };

  async function renew(): Promise<void> {
    const keys = await makeKeys();
    if (closed) return;
    certificate = issueNow(keys);
    renewAt = nextRenewal();
    for (const listener of listeners) listener(certificate);
  }

  function issueNow(keys: KeyPair): ServingCertificate {
    return readServingCertificate(
      issue(authority, keys.publicKey, names, validityFrom(new Date(), days)),
      keys.privateKey,
    );
  }

  function nextRenewal(): number {
    return Date.now() + (days * DAY_MS * 2) / 3;
  }
}

type KeyPair = Readonly<{ publicKey: string; privateKey: string }>;
type Validity = Readonly<{ notBefore: Date; notAfter: Date }>;
type Authority = Readonly<{ certificate: forge.pki.Certificate; privateKey: forge.pki.rsa.PrivateKey }>;

/** Node makes keys in native code off the main thread; node-forge would block it for seconds. */
async function makeKeys(): Promise<KeyPair> {
  return promisify(generateKeyPair)('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
}

function makeAuthority(keys: KeyPair, validity: Validity): Authority {
  const certificate = startCertificate(keys.publicKey, validity);
  const privateKey = forge.pki.privateKeyFromPem(keys.privateKey);
  // A name of its own, so that clients which hold two such CAs never try the wrong one.
  const subject = [{ name: 'commonName', value: `pullguard CA ${randomBytes(4).toString('hex')}` }];
  certificate.setSubject(subject);
  certificate.setIssuer(subject);
  certificate.setExtensions([
    { name: 'basicConstraints', critical: true, cA: true, pathLenConstraint: 0 },
    { name: 'keyUsage', critical: true, keyCertSign: true, cRLSign: true },
    { name: 'subjectKeyIdentifier' },
  ]);
  certificate.sign(privateKey, forge.md.sha256.create());
  return { certificate, privateKey };
}

/** A serving certificate for `names`, as PEM. */
function issue(authority: Authority, publicKey: string, names: readonly string[], validity: Validity): string {
  const normalised = [...new Set(names.map(normaliseName))];
  const certificate = startCertificate(publicKey, validity);
  certificate.setSubject([{ name: 'commonName', value: commonName(normalised) }]);
  certificate.setIssuer(authority.certificate.subject.attributes);
  certificate.setExtensions([
    { name: 'basicConstraints', critical: true, cA: false },
    { name: 'keyUsage', critical: true, digitalSignature: true, keyEncipherment: true },
    { name: 'extKeyUsage', serverAuth: true },
    { name: 'subjectAltName', altNames: normalised.map(toAltName) },
    { name: 'subjectKeyIdentifier' },
    // `true` would put this certificate's own key there.
    { name: 'authorityKeyIdentifier', keyIdentifier: authority.certificate.generateSubjectKeyIdentifier().getBytes() },
  ]);
  certificate.sign(authority.privateKey, forge.md.sha256.create());
  return toPem(certificate);
}

function startCertificate(publicKey: string, validity: Validity): forge.pki.Certificate {
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.publicKeyFromPem(publicKey);
  certificate.serialNumber = makeSerialNumber();
  certificate.validity.notBefore = validity.notBefore;
  certificate.validity.notAfter = validity.notAfter;
  return certificate;
}

/**
 * 16 random bytes in hex. The two highest bits are 01: a set sign bit would make the number negative, and a zero byte
 * in front would not be DER; Go refuses both.
 */
function makeSerialNumber(): string {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x3f) | 0x40, 0);
  return bytes.toString('hex');
}

function validityFrom(now: Date, days: number): Validity {
  return { notBefore: new Date(now.getTime() - CLOCK_SKEW_MS), notAfter: new Date(now.getTime() + days * DAY_MS) };
}

function toPem(certificate: forge.pki.Certificate): string {
  // node-forge ends lines as RFC 1421 does, in CR LF; everything else that will read this writes LF.
  return forge.pki.certificateToPem(certificate).replaceAll('\r\n', '\n');
}

/** For people only; clients read the alternative names. X.509 allows 64 characters, and a PrintableString no "*". */
function commonName(names: readonly string[]): string {
  return names.find((name) => name.length <= 64 && !name.startsWith('*')) ?? 'pullguard';
}

/** GeneralName: 2 is a DNS name, 7 an IP address. */
function toAltName(name: string): Readonly<{ type: 2; value: string } | { type: 7; ip: string }> {
  return isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name };
}

/** One spelling per name: `::FFFF:1.2.3.4` is `::ffff:102:304`, the form that node-forge can encode. */
function normaliseName(name: string): string {
  if (isIP(name) !== 6) return name.toLowerCase();
  return new URL(`http://[${name}]`).hostname.slice(1, -1);
}

function checkRequest(request: CertificateRequest): void {
  const problem = requestProblem(request);
  if (problem !== undefined) throw new Error(problem);
}

function nameProblem(name: string): string | undefined {
  const quoted = JSON.stringify(name);
  if (name.includes('%') && isIP(name) === 6)
    return `${quoted} has a zone, which a certificate cannot hold: leave out the "%" and what follows`;
  if (isIP(name) !== 0) return undefined;

  const labels = name.split('.');
  const [first, ...rest] = labels;
  const plain = first === '*' ? rest : labels;
  if (name.length > 253 || !plain.every(isLabel)) {
    return `${quoted} is not a DNS name or IP address: write it as in api.example.com, *.example.com, 10.0.0.1 or fd00::1, without scheme, port, path or brackets`;
  }
  // Clients take "10.0.0.256" for an address, so it would never match as a DNS name.
  if (/^[0-9]+$/.test(plain.at(-1) ?? ''))
    return `${quoted} is neither an IP address nor, ending in a number, a DNS name`;
  if (first === '*' && plain.length < 2)
    return `${quoted} is too wide: clients accept a wildcard before two labels or more, as in *.example.com`;
  return undefined;
}

/** RFC 1123: letters, digits and inner hyphens, 63 at most. */
function isLabel(label: string): boolean {
  return /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(label);
}
