import type { FailedAnswer, ImageAnswer } from '../../cause/answer.ts';
import { causeOf } from '../../cause/causes.ts';

/** Whether kubelet goes on with the next credentials after this, and we with it. What is left out fails with any. */
export function mayGoWithOthers(answer: ImageAnswer): answer is FailedAnswer {
  if (answer.outcome === 'ok') return false;
  const { about } = causeOf(answer.cause);
  return about === 'image' || about === 'credentials';
}

/**
 * What to tell of an image that no credentials could get; undefined when there were none. Who sees the repository knows best
 * that the image is not in it; besides that those who come first are the ones that are meant for it.
 */
export function pickFailure(failures: readonly FailedAnswer[]): FailedAnswer | undefined {
  return failures.find(({ cause }) => causeOf(cause).credentials !== 'decide') ?? failures[0];
}

/** What is true of an image even though credentials may be missing that kubelet has; `isSure` when none are. */
export function keepBelievable(answer: ImageAnswer | undefined, isSure: boolean): ImageAnswer | undefined {
  if (answer === undefined || answer.outcome === 'ok' || isSure) return answer;
  if (causeOf(answer.cause).credentials === 'decide') return undefined;
  return answer.cause === 'image-not-found' ? { ...answer, mayBeHidden: true } : answer;
}
