import type { FailedAnswer, ImageAnswer } from '../../cause/answer.ts';
import { causeOf } from '../../cause/causes.ts';
import type { ProbeSettings } from '../../policy/policy.ts';
import { followAttempts, keepBelievable } from '../../pull/keyring.ts';
import { createRecentMap } from './limits.ts';
import { ANONYMOUS, type AllowedQuestion, type Fingerprints } from './question.ts';

/** Milliseconds. Short, for a user who fixes a Secret and applies again. */
const NEXT_APPLY_MS = 1000;

/** The answer about an image for certain credentials. Without an answer: the registry must not be asked about it. */
export type KeptAnswer = Readonly<{
  answer: ImageAnswer | undefined;
  /** When the answer expires. Both times are by `performance.now()`. */
  until: number;
  /** When it is worth asking again, while the answer is still valid. Only an existing image is renewed before `until`. */
  renewAt: number;
}>;

/** Two clocks in milliseconds. */
export type Clocks = Readonly<{
  /** `performance.now()`: a monotonic clock. */
  now: () => number;
  /** Milliseconds since 1970, as registries report the end of a rate limit. */
  wallNow: () => number;
}>;

/** What the cache has for a question. */
export type CachedAnswer = Readonly<{
  /** The answer to report; undefined if there is none. */
  answer: ImageAnswer | undefined;
  /** Whether the pull secrets were read recently enough; otherwise they must be read again. */
  isTrusted: boolean;
  /** Whether to ask again now, while the answer is still valid. */
  isDue: boolean;
}>;

/**
 * Answers of registries until they expire, and fingerprints of the credentials that pull secrets held when they were last read,
 * no credentials themselves. Each of both has at most the policy's `entries`, of which a namespace has its share.
 */
export type AnswerCache = Readonly<{
  /** The cached answer to a question; undefined without one. */
  get: (question: AllowedQuestion) => CachedAnswer | undefined;
  /** An answer that has not expired. Keys are those of `toAnswerKey`. */
  getAnswer: (key: string) => KeptAnswer | undefined;
  /** `namespace`: the namespace that the registry was asked for. */
  keepAnswer: (key: string, answer: ImageAnswer | undefined, namespace: string) => void;
  /** One refresh is for all namespaces; if it fails, it is not repeated at once. */
  postpone: (key: string, namespace: string) => void;
  /**
   * Keeps fingerprints of the credentials that kubelet would try in turn, read from the pull secrets of a question; none if the
   * secrets could not be read.
   */
  keepSecrets: (
    question: AllowedQuestion,
    held: Readonly<{ fingerprints: readonly string[]; isSure: boolean }>,
  ) => void;
  /** The number of cached answers. */
  size: () => number;
}>;

/** The credentials that pull secrets held for a repository. */
type HeldSecrets = Readonly<{
  fingerprints: readonly string[];
  /** Whether kubelet has no other credentials. */
  isSure: boolean;
  /** When they were read, by `performance.now()`. */
  at: number;
}>;

export function toAnswerKey(image: string, fingerprint: string): string {
  return `${image} ${fingerprint}`;
}

export function createAnswerCache(
  settings: () => ProbeSettings,
  { ofSecrets }: Pick<Fingerprints, 'ofSecrets'>,
  { now, wallNow }: Clocks,
): AnswerCache {
  const answers = createRecentMap<KeptAnswer>(() => settings().entries);
  const secrets = createRecentMap<HeldSecrets>(() => settings().entries);

  return {
    get: (question) => {
      const held = question.secrets.length === 0 ? asAnybody(question) : secrets.get(ofSecrets(question));
      if (held === undefined) return undefined;
      const attempt = followAttempts(held.fingerprints, (fingerprint) =>
        getAnswer(toAnswerKey(question.image, fingerprint)),
      );
      if (attempt !== undefined && 'next' in attempt) return undefined;
      const { answer, renewAt = Infinity } = attempt?.told ?? {};
      return {
        answer: keepBelievable(answer, held.isSure),
        isTrusted: now() - held.at < limitTrust(answer, settings()),
        isDue: answer?.outcome === 'ok' && now() >= renewAt,
      };
    },
    getAnswer,
    keepAnswer: (key, answer, namespace) => {
      // An image that was found stays known while the registry fails for a time.
      if (saysNothingOfImage(answer) && getAnswer(key)?.answer?.outcome === 'ok') postpone(key, namespace);
      else answers.set(key, { answer, ...limitLife(answer) }, namespace);
    },
    postpone,
    keepSecrets: (question, held) => {
      secrets.set(ofSecrets(question), { ...held, at: now() }, question.namespace);
    },
    size: answers.size,
  };

  function getAnswer(key: string): KeptAnswer | undefined {
    const kept = answers.get(key);
    return kept !== undefined && now() < kept.until ? kept : undefined;
  }

  function postpone(key: string, namespace: string): void {
    const kept = answers.get(key);
    if (kept !== undefined) answers.set(key, { ...kept, renewAt: now() + settings().errorMs }, namespace);
  }

  function limitLife(answer: ImageAnswer | undefined): Pick<KeptAnswer, 'until' | 'renewAt'> {
    const { positiveMs } = settings();
    if (answer?.outcome === 'ok') return { until: now() + positiveMs, renewAt: now() + positiveMs / 2 };
    const until = now() + limitBelief(answer, settings(), wallNow());
    return { until, renewAt: until };
  }

  /** Without pull secrets there is nothing to read. */
  function asAnybody({ isWhole }: AllowedQuestion): HeldSecrets {
    return { fingerprints: [ANONYMOUS], isSure: isWhole, at: now() };
  }
}

/** How long an answer may be used without reading the pull secrets again. Not needed if other credentials would not change it. */
function limitTrust(answer: ImageAnswer | undefined, { positiveMs, errorMs }: ProbeSettings): number {
  if (answer === undefined) return errorMs;
  if (answer.outcome === 'ok') return positiveMs / 2;
  return causeOf(answer.cause).credentials === 'no' ? errorMs : NEXT_APPLY_MS;
}

function saysNothingOfImage(answer: ImageAnswer | undefined): boolean {
  return answer === undefined || (answer.outcome === 'failed' && causeOf(answer.cause).isTransient === true);
}

function limitBelief(
  answer: FailedAnswer | undefined,
  { positiveMs, negativeMs, errorMs }: ProbeSettings,
  wallNow: number,
): number {
  switch (answer === undefined ? 'error' : causeOf(answer.cause).believed) {
    case 'negative':
      return negativeMs;
    case 'error':
      return errorMs;
    case 'until-reset': {
      const endsAt = answer !== undefined && 'endsAt' in answer ? answer.endsAt : undefined;
      return Math.min(Math.max((endsAt ?? 0) - wallNow, errorMs), positiveMs);
    }
  }
}
