import type { Logger } from 'pino';
import { answerUnread, type UnreadReason } from '../admission/unread.ts';
import { readReviewHead } from '../admission/review.ts';
import type { Call, ReviewOptions } from './answer-review.ts';
import { formatProblem, sendEarly, type Refusal, type Send } from './http.ts';
import { cutText } from './log-decision.ts';
import type { Outcome } from './metrics.ts';

/** HTTP errors that can concern a valid review. */
const UNREAD: Readonly<Record<number, UnreadReason>> = {
  413: 'too-large',
  500: 'internal',
  503: 'overloaded',
};

const OUTCOMES: Readonly<Record<number, Outcome>> = { 500: 'error', 503: 'overloaded' };

/**
 * Answers a request that is not an AdmissionReview with an HTTP error. With `failurePolicy: Ignore` the API server admits a
 * request if the webhook returns an error, so a review that is too large, or arrives when there are too many, gets an
 * AdmissionReview instead.
 */
export function createRefuse(
  { policy, facts, logger, metrics }: ReviewOptions,
  send: Send,
): (call: Call, refusal: Refusal) => void {
  const log = createRefusalLog(logger);
  return ({ endpoint, request, response }, { problem: { code, message }, head }) => {
    const reason = UNREAD[code];
    const review = reason === undefined || head === undefined ? undefined : readReviewHead(head);
    metrics.requests.inc({ endpoint, kind: 'other', outcome: OUTCOMES[code] ?? 'invalid' });
    if (reason === undefined || review === undefined) {
      log({ endpoint, code, problem: message });
      if (code === 503) response.setHeader('Retry-After', '1');
      answer(code, formatProblem(code, message));
      return;
    }
    const given = { policy: policy(), facts: facts(), reason, problem: message };
    const answered = answerUnread(review, endpoint, given);
    const { uid, kind, namespace, name, operation, username } = review.request;
    log({
      endpoint,
      code,
      problem: message,
      uid: cutText(uid),
      operation: cutText(operation),
      kind: cutText(kind.kind),
      namespace: cutText(namespace),
      name: cutText(name),
      user: cutText(username),
      allowed: answered.response.allowed,
    });
    answer(200, JSON.stringify(answered));

    function answer(status: number, json: string): void {
      if (request.complete) send(response, status, json);
      else sendEarly(request, response, status, json);
    }
  };
}

/** Log lines about rejected calls per second: enough to see the problem, and few enough not to fill a disk. */
const MOST_LINES = 5;

/** Logs a rejected call. Beyond some lines per second they are only counted, as `unlogged` of the next line. */
export function createRefusalLog(logger: Logger): (fields: object) => void {
  let secondEnds = 0;
  let left = 0;
  let unlogged = 0;
  return (fields) => {
    const now = performance.now();
    if (now >= secondEnds) {
      secondEnds = now + 1000;
      left = MOST_LINES;
    }
    if (left === 0) {
      unlogged++;
      return;
    }
    left--;
    logger.warn(unlogged > 0 ? { ...fields, unlogged } : fields, 'call rejected');
    unlogged = 0;
  };
}
