import type { Later } from '../admission/answer-later.ts';
import type { Endpoint } from '../admission/admit.ts';
import { keyOfSubject } from '../admission/notices.ts';
import type { AdmissionRequest } from '../admission/review.ts';
import type { Finding } from '../engine/evaluate.ts';
import { LEAST_LATE_BYTES, MOST_LATE_BYTES, shareOfNamespace } from '../text/bounds.ts';
import type { Decided } from './decide.ts';

/** A review that is answered, or about to be. */
export type LateReview = Readonly<{ endpoint: Endpoint; request: AdmissionRequest; bytes: number }>;

/**
 * Reviews that were answered before a registry answered. When it answers, they are decided again, to find what the response did
 * not report.
 */
export type LateReviews = Readonly<{
  /** Whether there is room for this review. */
  hasRoom: (review: LateReview) => boolean;
  /** Waits for the missing answers. Never throws. */
  wait: (review: LateReview, answered: Decided, later: Later<Decided>) => void;
}>;

export type LateReviewsOptions = Readonly<{
  /** Called with what was only found then about an admitted object: errors and warnings that users should see. */
  onFound: (request: AdmissionRequest, findings: readonly Finding[]) => void;
  /** Called if there is no room for a review. */
  onDrop: () => void;
  /** Called if a review cannot be decided again because of a bug. */
  onFailure: (error: unknown) => void;
}>;

export function createLateReviews({ onFound, onDrop, onFailure }: LateReviewsOptions): LateReviews {
  let bytesOfAll = 0;
  const bytesOf = new Map<string, number>();
  const waiting = new Set<string>();

  const hasRoom: LateReviews['hasRoom'] = ({ request: { namespace }, bytes }) =>
    bytesOfAll + count(bytes) <= MOST_LATE_BYTES &&
    (bytesOf.get(namespace) ?? 0) + count(bytes) <= shareOfNamespace(MOST_LATE_BYTES);

  const add = (namespace: string, bytes: number): void => {
    bytesOfAll += bytes;
    const left = (bytesOf.get(namespace) ?? 0) + bytes;
    if (left > 0) bytesOf.set(namespace, left);
    else bytesOf.delete(namespace);
  };

  return {
    hasRoom,
    wait: (review, answered, { open, decide }) => {
      const { endpoint, request, bytes } = review;
      // `/mutate` only reports what it fixed, and a denied object will not exist.
      if (endpoint !== 'validate' || answered.outcome !== 'allowed' || open.length === 0) return;
      // The Pods of one owner have the same images, so one of them is enough.
      const key = JSON.stringify([keyOfSubject(request), ...open]);
      if (waiting.has(key)) return;
      if (!hasRoom(review)) {
        onDrop();
        return;
      }
      const told = new Set((answered.admission?.findings ?? []).map((finding) => identify(finding)));
      waiting.add(key);
      add(request.namespace, count(bytes));
      void decide()
        .then(({ admission, error }) => {
          if (error !== undefined) throw error as Error;
          const found = (admission?.findings ?? []).filter(
            (finding) => finding.severity !== 'notice' && finding.action !== 'audit' && !told.has(identify(finding)),
          );
          if (found.length > 0) onFound(request, found);
        })
        .catch(onFailure)
        .finally(() => {
          waiting.delete(key);
          add(request.namespace, -count(bytes));
        });
    },
  };
}

function count(bytes: number): number {
  return Math.max(bytes, LEAST_LATE_BYTES);
}

/** A key that distinguishes the findings of one object. */
function identify({ rule, messageId, at, value }: Finding): string {
  return JSON.stringify([rule, messageId, at, value]);
}
