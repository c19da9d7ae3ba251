import { issueCertificate, makeAuthority, makeKeys, readAuthority } from '../../tls/authority.ts';
import { requestProblem } from '../../tls/self-signed.ts';
import { readServingCertificate, type ServingCertificate } from '../../tls/source.ts';
import type { CertificatePairs } from './certificate-secret.ts';

/** How long certificates live, in milliseconds. */
export type Lives = Readonly<{ authorityMs: number; servingMs: number }>;

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * A CA for ten years: changing it takes the Secret, the webhooks and every replica, so it should be rare, but must not
 * wait for people either. A serving certificate for 90 days, renewed after 60: often enough that a renewal which does
 * not work any more shows within a quarter, and with a month to put it right.
 */
export const DEFAULT_LIVES: Lives = { authorityMs: 3650 * DAY_MS, servingMs: 90 * DAY_MS };

/** Certificates count whole seconds: with less, the waits between two steps of a renewal could not be kept. */
const MIN_LIFE_MS = 10_000;

export type IssueRequest = Readonly<{ names: readonly string[]; lives: Lives; now: () => Date }>;

/** What is wrong with a request, in words that name the value, or undefined. */
export function issueProblem({ names, lives }: Pick<IssueRequest, 'names' | 'lives'>): string | undefined {
  const { authorityMs, servingMs } = lives;
  if (!(servingMs >= MIN_LIFE_MS && authorityMs >= servingMs)) {
    return `a serving certificate for ${servingMs} ms and a CA for ${authorityMs} ms cannot be managed: the first must live for ${MIN_LIFE_MS} ms or more, and the CA no less than that`;
  }
  return requestProblem({ names });
}

/** A new CA, and a serving certificate that it issued. */
export async function makeAll({ names, lives, now }: IssueRequest): Promise<CertificatePairs> {
  const [authorityKeys, keys] = await Promise.all([makeKeys(), makeKeys()]);
  const made = makeAuthority(authorityKeys, { now: now(), lifeMs: lives.authorityMs });
  const cert = issueCertificate(made, {
    publicKey: keys.publicKey,
    names,
    now: now(),
    lifeMs: lives.servingMs,
  });
  return {
    authority: readServingCertificate(made.pem, authorityKeys.privateKey),
    serving: readServingCertificate(cert, keys.privateKey),
  };
}

/** The same CA with another serving certificate, of another key. */
export async function issueAgain(authority: ServingCertificate, request: IssueRequest): Promise<CertificatePairs> {
  const { names, lives, now } = request;
  const keys = await makeKeys();
  const cert = issueCertificate(readAuthority(authority.cert, authority.key), {
    publicKey: keys.publicKey,
    names,
    now: now(),
    lifeMs: lives.servingMs,
  });
  return { authority, serving: readServingCertificate(cert, keys.privateKey) };
}
