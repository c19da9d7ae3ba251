import type { ImageAnswer } from '../../cause/image-answer.ts';

/** Whether kubelet goes on with the next credentials after this, and we with it. What is left out fails with any. */
export function mayGoWithOthers({ outcome }: ImageAnswer): boolean {
  return outcome === 'denied' || outcome === 'not-found';
}

/**
 * What to tell of an image that no credentials could get; undefined when there were none. Who sees the repository knows best
 * that the image is not in it; besides that those who come first are the ones that are meant for it.
 */
export function pickFailure(failures: readonly ImageAnswer[]): ImageAnswer | undefined {
  return failures.find((failure) => !isAboutCredentials(failure)) ?? failures[0];
}

/** What is true of an image even though credentials may be missing that kubelet has; `isSure` when none are. */
export function keepBelievable(answer: ImageAnswer | undefined, isSure: boolean): ImageAnswer | undefined {
  if (answer === undefined || isSure) return answer;
  if (isAboutCredentials(answer)) return undefined;
  return answer.outcome === 'not-found' ? { ...answer, mayBeHidden: true } : answer;
}

/** Registries say of a repository that somebody may not see that it is not there. */
function isAboutCredentials(answer: ImageAnswer): boolean {
  return answer.outcome === 'denied' || (answer.outcome === 'not-found' && answer.missing === 'repository');
}
