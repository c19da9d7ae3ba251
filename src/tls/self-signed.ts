import { isIP } from 'node:net';
import { isLabel } from '../text/kubernetes-name.ts';
import { issueCertificate, makeAuthority, makeKeys, readAuthority, type KeyPair } from './authority.ts';
import { readServingCertificate, type CertificateSource, type ServingCertificate } from './source.ts';

/** `names`: DNS names, also wildcards such as `*.example.com`, and IP addresses. `days`: validity from now, default 365. */
export type CertificateRequest = Readonly<{ names: readonly string[]; days?: number; now?: Date }>;

/** PEM texts. `ca` is what clients trust (`caBundle`); `cert` and `key` (PKCS#8) are for the server. */
export type Certificates = Readonly<{ ca: string; cert: string; key: string }>;

/** The validity of certificates, in milliseconds. */
export type Lives = Readonly<{ authorityMs: number; servingMs: number }>;

export type IssueRequest = Readonly<{ names: readonly string[]; lives: Lives; now: () => Date }>;

/** A CA and a serving certificate that it issued, each with its key. */
export type CertificatePairs = Readonly<{ authority: ServingCertificate; serving: ServingCertificate }>;

export type SelfSignedOptions = Readonly<{
  names: readonly string[];
  /** Validity of a serving certificate; it is renewed after two thirds of it. */
  days?: number;
  /** Called when a renewal failed; it is retried. */
  onError: (message: string) => void;
}>;

/** `ca` never changes, so a caBundle stays valid. */
export type SelfSignedSource = CertificateSource & Readonly<{ ca: string }>;

const DEFAULT_DAYS = 365;

/** Ten years: longer is hardly ever intended. */
const MAX_DAYS = 3650;

const DAY_MS = 24 * 60 * 60 * 1000;

/** What is wrong with a request, with the value, or undefined. */
export function requestProblem({ names, days = DEFAULT_DAYS }: CertificateRequest): string | undefined {
  if (names.length === 0) return 'a certificate needs at least one DNS name or IP address';
  if (!(days > 0 && days <= MAX_DAYS))
    return `a certificate cannot be valid for ${days} days: use more than 0 and at most ${MAX_DAYS}`;
  return names.map(nameProblem).find((problem) => problem !== undefined);
}

/** A new CA, and a serving certificate that it issued, both RSA 2048. */
export async function makePairs(request: IssueRequest): Promise<CertificatePairs> {
  const [authorityKeys, keys] = await Promise.all([makeKeys(), makeKeys()]);
  const { pem } = makeAuthority(authorityKeys, { now: request.now(), lifeMs: request.lives.authorityMs });
  return issue(readServingCertificate(pem, authorityKeys.privateKey), keys, request);
}

/** The same CA with a new serving certificate and key. */
export async function issueAgain(authority: ServingCertificate, request: IssueRequest): Promise<CertificatePairs> {
  return issue(authority, await makeKeys(), request);
}

function issue(authority: ServingCertificate, keys: KeyPair, { names, lives, now }: IssueRequest): CertificatePairs {
  const issuer = readAuthority(authority.cert, authority.key);
  const { publicKey } = keys;
  const cert = issueCertificate(issuer, { publicKey, names, now: now(), lifeMs: lives.servingMs });
  return { authority, serving: readServingCertificate(cert, keys.privateKey) };
}

/**
 * Creates a CA and one serving certificate for `names`, both valid for `days`. The key of the CA is not kept, so it can never
 * sign anything else.
 *
 * @throws Error if `requestProblem` returns one
 */
export async function makeCertificates(request: CertificateRequest): Promise<Certificates> {
  checkRequest(request);
  const { names, days = DEFAULT_DAYS, now = new Date() } = request;
  const lives = { authorityMs: days * DAY_MS, servingMs: days * DAY_MS };
  const { authority, serving } = await makePairs({ names, lives, now: () => now });
  return { ca: authority.cert, cert: serving.cert, key: serving.key };
}

/**
 * A CA and serving certificate created at start and kept in memory, for development and for a first try in a cluster.
 *
 * @throws Error if `requestProblem` returns one
 */
export async function selfSignedSource(options: SelfSignedOptions): Promise<SelfSignedSource> {
  checkRequest(options);
  const { names, days = DEFAULT_DAYS, onError } = options;
  const servingMs = days * DAY_MS;
  // The CA gets the longest validity: it must never expire first.
  const request = { names, lives: { authorityMs: MAX_DAYS * DAY_MS, servingMs }, now: () => new Date() };
  const listeners = new Set<(certificate: ServingCertificate) => void>();
  const { authority, ...first } = await makePairs(request);
  let certificate = first.serving;
  let renewAt = Date.now() + (servingMs * 2) / 3;
  let closed = false;

  // Checked at intervals: a single timer can wait for at most 24 days, and stops while the machine is suspended.
  const lookEveryMs = Math.min(60 * 60 * 1000, servingMs / 10);
  const timer = setInterval(() => {
    if (Date.now() < renewAt) return;
    renew().catch((error: unknown) => {
      onError(`renewing the self-signed certificate failed: ${String(error)}`);
    });
  }, lookEveryMs).unref();

  return {
    ca: authority.cert,
    current: () => certificate,
    onChange: (listener) => listeners.add(listener),
    close: async () => {
      closed = true;
      clearInterval(timer);
      listeners.clear();
      return Promise.resolve();
    },
  };

  async function renew(): Promise<void> {
    const { serving } = await issueAgain(authority, request);
    if (closed) return;
    certificate = serving;
    renewAt = Date.now() + (servingMs * 2) / 3;
    for (const listener of listeners) listener(serving);
  }
}

function checkRequest(request: CertificateRequest): void {
  const problem = requestProblem(request);
  if (problem !== undefined) throw new Error(problem);
}

function nameProblem(name: string): string | undefined {
  const quoted = JSON.stringify(name);
  if (name.includes('%') && isIP(name) === 6)
    return `${quoted} has a zone, which a certificate cannot contain: remove the "%" and everything after it`;
  if (isIP(name) !== 0) return undefined;

  const labels = name.split('.');
  const [first, ...rest] = labels;
  const plain = first === '*' ? rest : labels;
  if (name.length > 253 || !plain.every((label) => isLabel(label.toLowerCase()))) {
    return `${quoted} is not a DNS name or IP address: use the form api.example.com, *.example.com, 10.0.0.1 or fd00::1, without scheme, port, path or brackets`;
  }
  // Clients read "10.0.0.256" as an IP address, so it would never match as a DNS name.
  if (/^[0-9]+$/.test(plain.at(-1) ?? ''))
    return `${quoted} is neither an IP address nor a DNS name, which cannot end in a number: correct it`;
  if (first === '*' && plain.length < 2)
    return `${quoted} is too wide: use a wildcard before at least two labels, as in *.example.com`;
  return undefined;
}
