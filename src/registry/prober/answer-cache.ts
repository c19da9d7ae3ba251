import type { ImageAnswer } from '../../cause/answer.ts';
import { causeOf } from '../../cause/causes.ts';
import type { ProbeSettings } from '../../policy/policy.ts';
import { createRecentMap } from './recent-map.ts';

/** What was said of an image. No answer: it may not be asked about. */
export type KeptAnswer = Readonly<{
  answer: ImageAnswer | undefined;
  /** From then on it says nothing any more. Milliseconds since 1970, both. */
  until: number;
  /** From then on it is worth to ask again, while it still says what it says. Not before `until` unless the image is there. */
  renewAt: number;
}>;

/** Answers of registries, each for as long as it is good for; bounded by the policy's `entries`. */
export type AnswerCache = Readonly<{
  /** One that still says something. */
  find: (key: string) => KeptAnswer | undefined;
  keep: (key: string, answer: ImageAnswer | undefined) => void;
  /** Who asks again now does so for everybody, and if nothing comes of it, it is not tried at once again. */
  postpone: (key: string) => void;
  size: () => number;
}>;

export function createAnswerCache(settings: () => ProbeSettings, now: () => number): AnswerCache {
  const kept = createRecentMap<KeptAnswer>(() => settings().entries);

  const find = (key: string): KeptAnswer | undefined => {
    const found = kept.find(key);
    return found !== undefined && now() < found.until ? found : undefined;
  };
  const postpone = (key: string): void => {
    const found = kept.find(key);
    if (found !== undefined) kept.set(key, { ...found, renewAt: now() + settings().errorMs });
  };
  return {
    find,
    postpone,
    keep: (key, answer) => {
      // That an image is there is not less true because nobody can say so just now.
      if (saysNothingOfImage(answer) && find(key)?.answer?.outcome === 'ok') postpone(key);
      else kept.set(key, { answer, ...limitLife(answer, settings(), now()) });
    },
    size: kept.size,
  };
}

function saysNothingOfImage(answer: ImageAnswer | undefined): boolean {
  return answer === undefined || (answer.outcome === 'failed' && causeOf(answer.cause).isTransient);
}

function limitLife(
  answer: ImageAnswer | undefined,
  { positiveMs, negativeMs, errorMs }: ProbeSettings,
  now: number,
): Pick<KeptAnswer, 'until' | 'renewAt'> {
  if (answer?.outcome === 'ok') return { until: now + positiveMs, renewAt: now + positiveMs / 2 };
  const until = now + believeFor();
  return { until, renewAt: until };

  function believeFor(): number {
    switch (answer?.outcome === 'failed' ? causeOf(answer.cause).believed : 'error') {
      case 'negative':
        return negativeMs;
      case 'error':
        return errorMs;
      case 'until-reset': {
        const endsAt = answer !== undefined && 'endsAt' in answer ? answer.endsAt : undefined;
        return Math.min(Math.max((endsAt ?? 0) - now, errorMs), positiveMs);
      }
    }
  }
}
