import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { answerUnread, ENDPOINTS, type Endpoint, type UnreadReason } from '../admission/admit.ts';
import { readReviewHead } from '../admission/review.ts';
import { createAnswerReview, type Call, type ReviewOptions } from './answer-review.ts';
import { describeRequest, type Outcome } from './decide.ts';
import { createBodyReader, createSend, formatProblem, sendEarly, type Refusal } from './http.ts';

export type AppOptions = ReviewOptions &
  Readonly<{
    /** Once true, every response asks its client to reconnect, which leads to another replica. */
    draining: () => boolean;
    /** The endpoint at a path; `/mutate` and `/validate` by default. Never print a path: it may be a secret. */
    findEndpoint?: ((path: string) => Endpoint | undefined) | undefined;
  }>;

/**
 * The HTTP side of the webhook: enforces limits, parses JSON and answers every request. It uses no framework, as its routing
 * would take longer than the decision (docs/decisions/0004).
 */
export function createApp(options: AppOptions): RequestListener {
  const { policy, facts, metrics, logger, findEndpoint = findByName } = options;
  const readBody = createBodyReader();
  const send = createSend(options.draining);
  const answerReview = createAnswerReview(options, send);
  // Separate, so that calls of wrong paths do not crowd out the lines about reviews.
  const logRefusal = createRefusalLog(logger);
  const logWrongPath = createRefusalLog(logger);
  return (request, response) => {
    guard(response, () => {
      const endpoint = request.method === 'POST' ? findEndpoint(pathOf(request)) : undefined;
      if (endpoint === undefined) {
        answerOther(request, response);
        return;
      }
      const call = { endpoint, request, response, cameAt: performance.now() };
      const finish = (refusal: Refusal | undefined): void => {
        if (refusal !== undefined) refuse(call, refusal);
      };
      readBody(request, (outcome) => {
        guard(response, () => {
          const answered = 'problem' in outcome ? outcome : answerReview(call, outcome);
          if (!(answered instanceof Promise)) {
            finish(answered);
            return;
          }
          answered.then(finish).catch((error: unknown) => {
            answerBug(error, response);
          });
        });
      });
    });
  };

  function guard(response: ServerResponse, step: () => void): void {
    try {
      step();
    } catch (error) {
      answerBug(error, response);
    }
  }

  /** Only a bug leads here; later requests are still served. */
  function answerBug(error: unknown, response: ServerResponse): void {
    metrics.errors.inc({ where: 'admission' });
    logger.error({ err: error }, 'request failed');
    send(response, 500, formatProblem(500, 'pullguard internal error: see its log'));
  }

  /** Answers requests that an API server does not send: with another path or method. */
  function answerOther(request: IncomingMessage, response: ServerResponse): void {
    if (findEndpoint(pathOf(request)) !== undefined) {
      response.setHeader('Allow', 'POST');
      send(response, 405, formatProblem(405, 'send AdmissionReviews by POST'));
      return;
    }
    // If an API server calls a wrong path, it admits objects unchecked.
    if (request.method === 'POST') {
      metrics.callsRefused.inc({ reason: 'path' });
      logWrongPath({ code: 404, problem: NOT_SERVED });
    }
    send(response, 404, formatProblem(404, NOT_SERVED));
  }

  /**
   * Answers a request that is not an AdmissionReview with an HTTP error. With `failurePolicy: Ignore` the API server admits a
   * request if the webhook returns an error, so a review that is too large, or arrives when there are too many, gets an
   * AdmissionReview instead.
   */
  function refuse({ endpoint, request, response }: Call, { problem: { code, message }, head }: Refusal): void {
    const answer = (status: number, json: string): void => {
      if (request.complete) send(response, status, json);
      else sendEarly(request, response, status, json);
    };
    const reason = UNREAD[code];
    const review = reason === undefined || head === undefined ? undefined : readReviewHead(head);
    metrics.requests.inc({ endpoint, kind: 'other', outcome: OUTCOMES[code] ?? 'invalid' });
    if (reason === undefined || review === undefined) {
      logRefusal({ endpoint, code, problem: message });
      if (code === 503) response.setHeader('Retry-After', '1');
      answer(code, formatProblem(code, message));
      return;
    }
    const answered = answerUnread(review, endpoint, { policy: policy(), facts: facts(), reason, problem: message });
    const { allowed } = answered.response;
    logRefusal({ endpoint, code, problem: message, ...describeRequest(review.request), allowed });
    answer(200, JSON.stringify(answered));
  }
}

const NOT_SERVED = 'not found: use the path in the webhook configurations';

/** HTTP errors that can concern a valid review. */
const UNREAD: Readonly<Record<number, UnreadReason>> = { 413: 'too-large', 500: 'internal', 503: 'overloaded' };

const OUTCOMES: Readonly<Record<number, Outcome>> = { 500: 'error', 503: 'overloaded' };

function findByName(path: string): Endpoint | undefined {
  return ENDPOINTS.find((endpoint) => path === `/${endpoint}`);
}

function pathOf({ url = '' }: IncomingMessage): string {
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
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
