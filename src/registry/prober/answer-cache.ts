import type { FailedAnswer, ImageAnswer } from '../../cause/answer.ts';
import { causeOf } from '../../cause/causes.ts';
import type { ProbeSettings } from '../../policy/policy.ts';
import { followAttempts, keepBelievable } from './attempts.ts';
import { createRecentMap } from './limits.ts';
import { ANONYMOUS, type AllowedQuestion, type Fingerprints } from './question.ts';

/** Short, for a user who repairs a secret and applies again: milliseconds. */
const NEXT_APPLY_MS = 1000;

/** The answer about an image for certain credentials. No answer: it must not be asked about. */
export type KeptAnswer = Readonly<{
  answer: ImageAnswer | undefined;
  /** From then on it says nothing any more. By `performance.now()`, both. */
  until: number;
  /** From then on it is worth to ask again, while it still says what it says. Not before `until` unless the image is there. */
  renewAt: number;
}>;

/** Two clocks in milliseconds. */
export type Clocks = Readonly<{
  /** `performance.now()`: a monotonic clock. */
  now: () => number;
  /** Since 1970, as registries say when their limits end. */
  wallNow: () => number;
}>;

/** What is known of a question. */
export type CachedAnswer = Readonly<{
  /** The answer to report; undefined if there is none. */
  answer: ImageAnswer | undefined;
  /** Whether what the pull secrets held is recent enough; if not, they are to be read again. */
  isTrusted: boolean;
  /** Whether it is time to ask again, while this still is the answer. */
  isDue: boolean;
}>;

/**
 * Answers of registries, each for as long as it is good for, and which credentials pull secrets held when they were last read: of
 * either no more than the policy's `entries`, of which a namespace has its share, and no credentials.
 */
export type AnswerCache = Readonly<{
  /** What is known of a question; undefined when that is nothing. */
  get: (question: AllowedQuestion) => CachedAnswer | undefined;
  /** An answer that still says something. Keys are those of `toAnswerKey`. */
  getAnswer: (key: string) => KeptAnswer | undefined;
  /** `namespace`: on whose behalf it was asked. */
  keepAnswer: (key: string, answer: ImageAnswer | undefined, namespace: string) => void;
  /** One refresh is for all namespaces, and if it fails, it is not repeated at once. */
  postpone: (key: string, namespace: string) => void;
  /**
   * Keeps what the pull secrets of a question hold: fingerprints of what kubelet would try in turn; none if they could not be
   * read.
   */
  keepSecrets: (
    question: AllowedQuestion,
    held: Readonly<{ fingerprints: readonly string[]; isSure: boolean }>,
  ) => void;
  /** How many answers there are. */
  size: () => number;
}>;

/** Which credentials pull secrets held for a repository. */
type HeldSecrets = Readonly<{
  fingerprints: readonly string[];
  /** Whether kubelet has no others. */
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
      // An image that was found is not lost because the registry fails now.
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
  return answer === undefined || (answer.outcome === 'failed' && causeOf(answer.cause).isTransient);
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
