import { isIP } from 'node:net';
import { isLabel } from '../text/kubernetes-name.ts';
import { issueCertificate, makeAuthority, makeKeys, readAuthority, type KeyPair } from './authority.ts';
import { readServingCertificate, type CertificateSource, type ServingCertificate } from './source.ts';

/** `names`: DNS names, wildcards such as `*.example.com` too, and IP addresses. `days`: life from now, default 365. */
export type CertificateRequest = Readonly<{ names: readonly string[]; days?: number; now?: Date }>;

/** PEM texts. `ca` is what clients trust (`caBundle`); `cert` and `key` (PKCS#8) are what the server shows. */
export type Certificates = Readonly<{ ca: string; cert: string; key: string }>;

/** How long certificates live, in milliseconds. */
export type Lives = Readonly<{ authorityMs: number; servingMs: number }>;

export type IssueRequest = Readonly<{ names: readonly string[]; lives: Lives; now: () => Date }>;

/** A CA and a serving certificate it issued, each with its key. */
export type CertificatePairs = Readonly<{ authority: ServingCertificate; serving: ServingCertificate }>;

export type SelfSignedOptions = Readonly<{
  names: readonly string[];
  /** Life of one serving certificate; it is replaced at two thirds of it. */
  days?: number;
  /** Called when a renewal failed; it is tried again. */
  onError: (message: string) => void;
}>;

/** `ca` stays the same for as long as the source lives, so a caBundle once handed out stays right. */
export type SelfSignedSource = CertificateSource & Readonly<{ ca: string }>;

const DEFAULT_DAYS = 365;

/** Ten years: what lives longer than the people who know about it is better made again. */
const MAX_DAYS = 3650;

const DAY_MS = 24 * 60 * 60 * 1000;

/** What is wrong with a request, in words that name the value, or undefined. */
export function requestProblem({ names, days = DEFAULT_DAYS }: CertificateRequest): string | undefined {
  if (names.length === 0) return 'a certificate needs at least one DNS name or IP address';
  if (!(days > 0 && days <= MAX_DAYS))
    return `a certificate lives more than 0 and at most ${MAX_DAYS} days, not ${days}`;
  return names.map(nameProblem).find((problem) => problem !== undefined);
}

/** A new CA, and a serving certificate that it issued, both RSA 2048. */
export async function makePairs(request: IssueRequest): Promise<CertificatePairs> {
  const [authorityKeys, keys] = await Promise.all([makeKeys(), makeKeys()]);
  const { pem } = makeAuthority(authorityKeys, { now: request.now(), lifeMs: request.lives.authorityMs });
  return issue(readServingCertificate(pem, authorityKeys.privateKey), keys, request);
}

/** The same CA with another serving certificate, of another key. */
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
 * Makes a CA and one serving certificate for `names`, both ending after `days`. The CA's key is forgotten, so it can never
 * sign anything else.
 *
 * @throws Error when `requestProblem` has something to say.
 */
export async function makeCertificates(request: CertificateRequest): Promise<Certificates> {
  checkRequest(request);
  const { names, days = DEFAULT_DAYS, now = new Date() } = request;
  const lives = { authorityMs: days * DAY_MS, servingMs: days * DAY_MS };
  const { authority, serving } = await makePairs({ names, lives, now: () => now });
  return { ca: authority.cert, cert: serving.cert, key: serving.key };
}

/**
 * A CA and serving certificate made at start and kept in memory, for development and for a first try in a cluster.
 *
 * @throws Error when `requestProblem` has something to say.
 */
export async function selfSignedSource(options: SelfSignedOptions): Promise<SelfSignedSource> {
  checkRequest(options);
  const { names, days = DEFAULT_DAYS, onError } = options;
  const servingMs = days * DAY_MS;
  // The CA for as long as is allowed: it must never be what expires first.
  const request = { names, lives: { authorityMs: MAX_DAYS * DAY_MS, servingMs }, now: () => new Date() };
  const listeners = new Set<(certificate: ServingCertificate) => void>();
  const { authority, ...first } = await makePairs(request);
  let certificate = first.serving;
  let renewAt = Date.now() + (servingMs * 2) / 3;
  let closed = false;

  // Asked for the time again and again, not set once for the day: a timer holds 24 days at most and stops in a suspend.
  const lookEveryMs = Math.min(60 * 60 * 1000, servingMs / 10);
  const timer = setInterval(() => {
    if (Date.now() < renewAt) return;
    renew().catch((error: unknown) => {
      onError(`cannot renew the self-signed certificate: ${String(error)}`);
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
    return `${quoted} has a zone, which a certificate cannot hold: leave out the "%" and what follows`;
  if (isIP(name) !== 0) return undefined;

  const labels = name.split('.');
  const [first, ...rest] = labels;
  const plain = first === '*' ? rest : labels;
  if (name.length > 253 || !plain.every((label) => isLabel(label.toLowerCase()))) {
    return `${quoted} is not a DNS name or IP address: write it as in api.example.com, *.example.com, 10.0.0.1 or fd00::1, without scheme, port, path or brackets`;
  }
  // Clients take "10.0.0.256" for an address, so it would never match as a DNS name.
  if (/^[0-9]+$/.test(plain.at(-1) ?? ''))
    return `${quoted} is neither an IP address nor, ending in a number, a DNS name`;
  if (first === '*' && plain.length < 2)
    return `${quoted} is too wide: clients accept a wildcard before two labels or more, as in *.example.com`;
  return undefined;
}
