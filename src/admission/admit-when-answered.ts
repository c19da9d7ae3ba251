import type { Inquiry } from './inquiry.ts';
import type { TakeTurn } from './take-turns.ts';

/** A review that is judged by what registries say. */
export type AskingReview<Decision> = Readonly<{
  /** Judges it by what is known at the time; called again for the same review. */
  decide: () => Decision;
  inquiry: Inquiry;
  /** How long it may wait, in milliseconds; asked once, when there is something to wait for. */
  waitMs: () => number;
  /** Called before it is decided again in time, as others may be at the same moment. */
  takeTurn: TakeTurn;
}>;

/**
 * Decides a review at once if registries have nothing to add. Otherwise waits for their answers, decides again, and goes on
 * like that while new questions come up, as a rule may move an image before another one asks about it. When the time is
 * over, what is known then decides.
 */
export function admitWhenAnswered<Decision>(review: AskingReview<Decision>): Decision | Promise<Decision> {
  const decision = review.decide();
  const pending = review.inquiry.pending();
  if (pending === undefined) return decision;
  const waitMs = review.waitMs();
  return waitMs > 0 ? decideAgain(review, pending, performance.now() + waitMs) : decision;
}

async function decideAgain<Decision>(
  { decide, inquiry, takeTurn }: AskingReview<Decision>,
  first: Promise<void>,
  deadline: number,
): Promise<Decision> {
  let pending: Promise<void> | undefined = first;
  for (;;) {
    const isInTime = await settlesWithin(pending, deadline - performance.now());
    if (isInTime) await takeTurn(deadline);
    const decision = decide();
    pending = inquiry.pending();
    if (!isInTime || pending === undefined) return decision;
  }
}

/** Whether a promise that never rejects resolves in so many milliseconds. */
async function settlesWithin(promise: Promise<void>, milliseconds: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, milliseconds, false);
  });
  const isInTime = await Promise.race([promise.then(() => true), late]);
  clearTimeout(timer);
  return isInTime;
}
