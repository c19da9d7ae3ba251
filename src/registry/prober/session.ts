import type { ImageAnswer } from '../../cause/answer.ts';
import type { ProbeSettings } from '../../policy/policy.ts';
import { createAnswerCache, type AnswerCache } from './answer-cache.ts';
import { createCircuitBreaker, type CircuitBreaker } from './circuit-breaker.ts';
import { createRecentMap, type RecentMap } from './recent-map.ts';
import { createSingleFlight, type SingleFlight } from './single-flight.ts';

/** What is known under one policy. Another policy begins anew, and what comes in for this one is of no use any more. */
export type Session = Readonly<{
  /** By image and fingerprint of the credentials. */
  answers: AnswerCache;
  /** By namespace, pull secrets and repository. */
  accesses: RecentMap<Access>;
  breaker: CircuitBreaker;
  /** Probes under way, by the same as `answers`. */
  probes: SingleFlight<ImageAnswer | undefined>;
  /** Questions under way, by `Pull.key`. */
  questions: SingleFlight<ImageAnswer | undefined>;
}>;

/** Which credentials pull secrets held for a repository when they were last read. */
export type Access = Readonly<{
  /** Of what kubelet would try in turn; empty when nobody could read the secrets. */
  fingerprints: readonly string[];
  /** Whether kubelet has no others. */
  isSure: boolean;
  /** When that was. Milliseconds since 1970. */
  at: number;
}>;

export function openSession(settings: () => ProbeSettings, now: () => number): Session {
  return {
    answers: createAnswerCache(settings, now),
    accesses: createRecentMap(() => settings().entries),
    breaker: createCircuitBreaker(now),
    probes: createSingleFlight(),
    questions: createSingleFlight(),
  };
}

/** The key of an answer in `answers` and `probes`. */
export function toAnswerKey(image: string, fingerprint: string): string {
  return `${image} ${fingerprint}`;
}
