import { admit, type Admission, type Endpoint } from '../admission/admit.ts';
import type { Questioning } from '../admission/answer-later.ts';
import { respond, respondToFailure } from '../admission/response.ts';
import type { AdmissionReview } from '../admission/review.ts';
import type { Policy } from '../engine/rule.ts';
import type { Facts } from '../pull/facts.ts';
import type { Outcome } from './metrics.ts';

/** The result of a review; `text` is the response. */
export type Decided = Questioning &
  Readonly<{ text: string; outcome: Outcome; admission?: Admission; error?: unknown }>;

/** What the decision of a review depends on, besides the review. */
export type Surroundings = Readonly<{
  policy: Policy;
  facts: Facts;
  /** Milliseconds since 1970. */
  now: number;
  /** See `evaluate`. */
  timeLeft: () => number;
}>;

/** Decides a review. If that fails for any reason, the object is admitted unchecked, with a warning. */
export function decide(review: AdmissionReview, endpoint: Endpoint, surroundings: () => Surroundings): Decided {
  try {
    const { policy, ...known } = surroundings();
    const admission = admit(review.request, endpoint, policy, known);
    const { unanswered, outdated } = admission;
    const answer = respond(review, admission);
    const outcome = nameOutcome(admission, answer.response.allowed);
    return { text: JSON.stringify(answer), outcome, admission, unanswered, outdated };
  } catch (error) {
    const text = JSON.stringify(respondToFailure(review));
    return { text, outcome: 'error', error, unanswered: [], outdated: [] };
  }
}

function nameOutcome({ exempt, edits }: Admission, allowed: boolean): Outcome {
  if (exempt !== undefined) return 'passed';
  if (!allowed) return 'denied';
  return edits.length > 0 ? 'patched' : 'allowed';
}

/** Starts the time budget of a review. The function returns the share that is left: 1 at first, 0 or less at the end. */
export function startBudget(ms: number): () => number {
  const started = performance.now();
  return () => 1 - (performance.now() - started) / ms;
}
