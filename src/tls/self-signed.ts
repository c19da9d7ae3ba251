import { isIP } from 'node:net';

import { issueCertificate, makeAuthority, makeKeys, type KeyPair } from './authority.ts';
import { readServingCertificate, type ReadyCertificateSource, type ServingCertificate } from './source.ts';

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
export type SelfSignedSource = ReadyCertificateSource & Readonly<{ ca: string }>;

const DEFAULT_DAYS = 365;

/** Ten years: what lives longer than the people who know about it is better made again. */
const MAX_DAYS = 3650;

const DAY_MS = 24 * 60 * 60 * 1000;

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
  const life = { now, lifeMs: days * DAY_MS };
  const authority = makeAuthority(authorityKeys, life);
  return {
    ca: authority.pem,
    cert: issueCertificate(authority, { ...life, publicKey: keys.publicKey, names }),
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
  const authority = makeAuthority(authorityKeys, { now: new Date(), lifeMs: MAX_DAYS * DAY_MS });
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
    ca: authority.pem,
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

  function issueNow({ publicKey, privateKey }: KeyPair): ServingCertificate {
    const cert = issueCertificate(authority, { publicKey, names, now: new Date(), lifeMs: days * DAY_MS });
    return readServingCertificate(cert, privateKey);
  }

  function nextRenewal(): number {
    return Date.now() + (days * DAY_MS * 2) / 3;
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
