import type { Later } from '../admission/answer-later.ts';
import type { Endpoint } from '../admission/admit.ts';
import { keyOfSubject } from '../admission/notices.ts';
import type { AdmissionRequest } from '../admission/review.ts';
import type { Finding } from '../engine/evaluate.ts';
import { LEAST_LATE_BYTES, MOST_LATE_BYTES, shareOfNamespace } from '../text/bounds.ts';
import type { Decided } from './decide.ts';

/** A review that is answered, or about to be. */
export type LateReview = Readonly<{ endpoint: Endpoint; request: AdmissionRequest; bytes: number }>;

/** Reviews that were answered before a registry did: they are decided once more when it has, for what was not said then. */
export type LateReviews = Readonly<{
  /** Whether there is room for one. */
  hasRoom: (review: LateReview) => boolean;
  /** Waits for what is still to come. Never throws. */
  wait: (review: LateReview, answered: Decided, later: Later<Decided>) => void;
}>;

export type LateReviewsOptions = Readonly<{
  /** Told what was found only then, of an object that was admitted: errors and warnings that people were to be told of. */
  onFound: (request: AdmissionRequest, findings: readonly Finding[]) => void;
  /** Told that there was no room for one. */
  onDrop: () => void;
  /** Told of a bug of ours. */
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
      // `/mutate` says nothing but what it fixed, and what was denied will not be there.
      if (endpoint !== 'validate' || answered.outcome !== 'allowed' || open.length === 0) return;
      // The Pods of one owner want the same images.
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

/** Tells findings of one object apart. */
function identify({ rule, messageId, at, value }: Finding): string {
  return JSON.stringify([rule, messageId, at, value]);
}
