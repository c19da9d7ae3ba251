import { formatSecond } from '../../text/time.ts';
import { termProblem, type Term } from '../../tls/source.ts';
import type { ApiServer } from '../connection/api-server.ts';

/** The options of each part of the certificate management. */
export type PartOptions = Readonly<{
  api: ApiServer;
  /** Called when the state of the part may have changed. */
  onChange: () => void;
  /** Called once for each distinct problem until it is solved, never with key material. */
  onError: (message: string) => void;
  onInfo: (message: string) => void;
}>;

/** A certificate with its key, or why there is no usable one, such as `ca.crt is empty`. */
export type Stored<Pair extends Term = Term> = Readonly<{ ok: true; pair: Pair } | { ok: false; problem: string }>;

/** The stored pairs: a CA with its key, and a serving certificate that this CA issued for all our names. */
export type StoredPairs<Pair extends Term = Term> = Readonly<{ authority: Stored<Pair>; serving: Stored<Pair> }>;

/**
 * What to do with the stored pairs. `make-all` creates a new CA and a serving certificate, `issue` only the latter. `urgent`:
 * something is broken, so any replica acts without waiting for the leader. Otherwise the certificate is only getting old.
 */
export type CertificatePlan = Readonly<{ do: 'nothing' }> | RenewalPlan;
export type RenewalPlan = Readonly<{ do: 'make-all' | 'issue'; reason: string; urgent: boolean }>;

/** A new pair, and the current one if any. `trusted`: by each of our webhooks, as far as this replica knows. */
export type Handover = Readonly<{
  used?: (Term & Readonly<{ trusted: boolean }>) | undefined;
  offered: Term & Readonly<{ trusted: boolean }>;
  /** For how long every webhook has had the CA of the new one; undefined if one of them does not. */
  heldForMs: number | undefined;
}>;

/** Longer than an API server takes to notice a changed webhook: there may be several, and slow ones. */
export const MAX_SETTLE_MS = 30_000;
/** Longer than a replica takes to notice a new certificate, even after a long network outage. */
const MAX_OVERLAP_MS = 60 * 60 * 1000;

/** Depends only on what is stored, so every replica makes the same plan, also after a restart. */
export function planCertificates({ authority, serving }: StoredPairs, now: Date): CertificatePlan {
  if (!authority.ok) return { do: 'make-all', reason: authority.problem, urgent: true };
  // A certificate from the future was created by a clock that is ahead of the API server's.
  const authorityProblem = termProblem('CA', authority.pair, now);
  if (authorityProblem !== undefined) return { do: 'make-all', reason: authorityProblem, urgent: true };

  // Checked before the age of the CA, as a certificate issued by the trusted CA helps at once.
  if (!serving.ok) return { do: 'issue', reason: serving.problem, urgent: true };
  const servingProblem = termProblem('serving certificate', serving.pair, now);
  if (servingProblem !== undefined) return { do: 'issue', reason: servingProblem, urgent: true };

  if (now >= renewalOf(authority.pair)) {
    return { do: 'make-all', reason: ageOf('CA', authority.pair), urgent: false };
  }
  if (now >= renewalOf(serving.pair)) {
    return { do: 'issue', reason: ageOf('serving certificate', serving.pair), urgent: false };
  }
  return { do: 'nothing' };
}

/**
 * Whether to serve the new pair from now on. While the current one is valid, this waits until every API server has had time to
 * notice the new CA, as it would reject the new pair before.
 */
export function shouldTakeOver({ used, offered, heldForMs }: Handover, now: Date): boolean {
  if (termProblem('', offered, now) !== undefined) return false;
  if (used === undefined || termProblem('', used, now) !== undefined) return true;
  // The CA of the current pair was removed from a webhook. Its calls fail already, so nothing is lost.
  if (!used.trusted && offered.trusted) return true;
  return heldForMs !== undefined && heldForMs >= settleMs(offered);
}

/** How long a CA must have been in the webhooks before a certificate issued by it is served. */
export function settleMs(serving: Term): number {
  return Math.min(MAX_SETTLE_MS, lifeOf(serving) / 12);
}

/**
 * How long a CA must have been in the webhooks before older ones are removed: after `settleMs` each replica switches to a
 * certificate of the new CA as soon as it notices it.
 */
export function overlapMs(serving: Term): number {
  return Math.min(MAX_OVERLAP_MS, lifeOf(serving) / 6);
}

/** After two thirds of its lifetime, which leaves months to solve problems. */
function renewalOf(term: Term): Date {
  return new Date(term.notBefore.getTime() + (lifeOf(term) * 2) / 3);
}

function lifeOf({ notBefore, notAfter }: Term): number {
  return notAfter.getTime() - notBefore.getTime();
}

function ageOf(what: string, { notAfter }: Term): string {
  return `two thirds of the lifetime of the ${what} have passed, it expires at ${formatSecond(notAfter)}`;
}
