import type { ImageReference } from '../image/reference.ts';
import type { FailedAnswer, FailedPull } from './answer.ts';
import { causeOf, type CauseContext } from './causes.ts';
import { describeFault } from './fault.ts';

/** How a registry was asked, and when. */
export type Asking = Pick<CauseContext, 'secrets' | 'usualSecret' | 'now'>;

/** A failed answer in words; `Cause` says what `message` and `remedy` are. */
export function describeFailure(
  answer: FailedAnswer,
  reference: ImageReference,
  asking: Asking,
): Readonly<{ message: string; remedy: string }> {
  const cause = causeOf(answer.cause);
  const context: CauseContext = { ...asking, ...answer, reference };
  return { message: cause.message(context), remedy: cause.remedy(context) };
}

/** The cause in a few words: `connection refused`, `HTTP 503`. */
export function nameCause(answer: FailedPull): string {
  return 'fault' in answer ? describeFault(answer.fault) : causeOf(answer.cause).name;
}
