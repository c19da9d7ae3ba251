import { formatSecond } from '../../text/time.ts';
import { termProblem, type Term } from '../../tls/source.ts';
import type { ApiServer } from '../connection/api-server.ts';

/** What each part of managing a certificate is given. */
export type PartOptions = Readonly<{
  api: ApiServer;
  /** Called when the answers of the part may have changed. */
  onChange: () => void;
  /** Called once for each distinct problem until it is over, never with key material. */
  onError: (message: string) => void;
  onInfo: (message: string) => void;
}>;

/** A certificate with its key, or why there is none that can be used, as in `ca.crt is empty`. */
export type Stored<Pair extends Term = Term> = Readonly<{ ok: true; pair: Pair } | { ok: false; problem: string }>;

/** What is kept: a CA with its key, and a serving certificate that this CA issued for all our names. */
export type StoredPairs<Pair extends Term = Term> = Readonly<{ authority: Stored<Pair>; serving: Stored<Pair> }>;

/**
 * What to do with it. `make-all` makes a new CA and a serving certificate of it, `issue` only the latter. What is
 * `urgent` is broken and not to be left to a leader who may not be there; the rest is ageing, and good until then.
 */
export type CertificatePlan = Readonly<{ do: 'nothing' }> | RenewalPlan;
export type RenewalPlan = Readonly<{ do: 'make-all' | 'issue'; reason: string; urgent: boolean }>;

/** A new pair beside the one in use. `trusted`: by every webhook that is ours, as far as is known here. */
export type Handover = Readonly<{
  used?: (Term & Readonly<{ trusted: boolean }>) | undefined;
  offered: Term & Readonly<{ trusted: boolean }>;
  /** For how long every webhook has held the CA of the offered one; undefined when one of them does not. */
  heldForMs: number | undefined;
}>;

/** Longer than an API server takes to hear of a changed webhook, which is moments: there may be several, and slow ones. */
export const MAX_SETTLE_MS = 30_000;
/** Longer than any replica takes to hear of a new certificate, even one that was cut off for a good while. */
const MAX_OVERLAP_MS = 60 * 60 * 1000;

/** Decides from what is stored alone, so every replica comes to the same plan, at once or after a restart. */
export function planCertificates({ authority, serving }: StoredPairs, now: Date): CertificatePlan {
  if (!authority.ok) return { do: 'make-all', reason: authority.problem, urgent: true };
  // One of the future was made by a clock that is ahead of the API server's; with a new one both can live.
  const authorityProblem = termProblem('CA', authority.pair, now);
  if (authorityProblem !== undefined) return { do: 'make-all', reason: authorityProblem, urgent: true };

  // Before the age of the CA: a certificate of the CA that is trusted already helps at once.
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
 * Whether to serve the offered pair from now on. While the one in use is good, not before every API server has had the
 * time to hear of the new CA: those that have not would refuse it.
 */
export function shouldTakeOver({ used, offered, heldForMs }: Handover, now: Date): boolean {
  if (termProblem('', offered, now) !== undefined) return false;
  if (used === undefined || termProblem('', used, now) !== undefined) return true;
  // Somebody took the CA of the one in use out of a webhook: its calls fail now, so nothing is lost.
  if (!used.trusted && offered.trusted) return true;
  return heldForMs !== undefined && heldForMs >= settleMs(offered);
}

/** How long a CA must have been in the webhooks before what it issued is served. */
export function settleMs(serving: Term): number {
  return Math.min(MAX_SETTLE_MS, lifeOf(serving) / 12);
}

/**
 * How long a CA must have been in the webhooks before older ones are taken out: after `settleMs` replicas turn to
 * certificates of the new CA, each as soon as it has heard of them.
 */
export function overlapMs(serving: Term): number {
  return Math.min(MAX_OVERLAP_MS, lifeOf(serving) / 6);
}

/** Two thirds through its life: early enough for months of trouble, and late enough to be used. */
function renewalOf(term: Term): Date {
  return new Date(term.notBefore.getTime() + (lifeOf(term) * 2) / 3);
}

function lifeOf({ notBefore, notAfter }: Term): number {
  return notAfter.getTime() - notBefore.getTime();
}

function ageOf(what: string, { notAfter }: Term): string {
  return `the ${what}, valid until ${formatSecond(notAfter)}, is through two thirds of its life`;
}
