import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { ENDPOINTS, type Endpoint } from '../admission/admit.ts';
import { createAnswerReview, type Refusal, type ReviewOptions } from './answer-review.ts';
import { createSend, formatProblem, type Send } from './http.ts';
import { createBodyReader } from './read-body.ts';
import { createRefusalLog, createRefuse } from './refuse.ts';

type FindEndpoint = (path: string) => Endpoint | undefined;

export type AppOptions = ReviewOptions &
  Readonly<{
    /** Once true, every answer asks its client to come back on a new connection, which will lead elsewhere. */
    draining: () => boolean;
    /** What is served at a path; `/mutate` and `/validate` by default. Never print a path: it may be a secret. */
    findEndpoint?: FindEndpoint | undefined;
  }>;

/**
 * The webhook's HTTP side: limits, JSON, and an answer to everything. Without a framework, whose routing costs more than deciding
 * does (docs/decisions/0004).
 */
export function createApp(options: AppOptions): RequestListener {
  const { findEndpoint = (path) => ENDPOINTS.find((endpoint) => path === `/${endpoint}`) } = options;
  const readBody = createBodyReader();
  const send = createSend(options.draining);
  const answerReview = createAnswerReview(options, send);
  const answerOther = createAnswerOther({ ...options, findEndpoint }, send);
  const refuse = createRefuse(options, send);
  return (request, response) => {
    const guard = (step: () => void): void => {
      try {
        step();
      } catch (error) {
        answerBug(error, { request, response, send }, options);
      }
    };
    guard(() => {
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
        guard(() => {
          const answered = 'problem' in outcome ? outcome : answerReview(call, outcome);
          if (!(answered instanceof Promise)) {
            finish(answered);
            return;
          }
          answered.then(finish).catch((error: unknown) => {
            answerBug(error, { request, response, send }, options);
          });
        });
      });
    });
  };
}

function pathOf({ url = '' }: IncomingMessage): string {
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}

/** Answers what no API server sends. */
function createAnswerOther(
  { findEndpoint, metrics, logger }: Pick<AppOptions, 'metrics' | 'logger'> & Readonly<{ findEndpoint: FindEndpoint }>,
  send: Send,
): RequestListener {
  const logRefusal = createRefusalLog(logger);
  return (request, response) => {
    if (findEndpoint(pathOf(request)) !== undefined) {
      response.setHeader('Allow', 'POST');
      send(response, 405, formatProblem(405, 'send AdmissionReviews by POST'));
      return;
    }
    // Should an API server call here, then objects are admitted unchecked.
    if (request.method === 'POST') {
      metrics.callsRefused.inc({ reason: 'path' });
      logRefusal({ code: 404, problem: NOT_SERVED });
    }
    send(response, 404, formatProblem(404, NOT_SERVED));
  };
}

const NOT_SERVED = 'not found: use the path in the webhook configurations';

type Exchange = Readonly<{ request: IncomingMessage; response: ServerResponse; send: Send }>;

/** Whatever comes this far is a mistake of ours; the next request is served all the same. */
function answerBug(error: unknown, { response, send }: Exchange, { logger, metrics }: AppOptions): void {
  metrics.errors.inc({ where: 'admission' });
  logger.error({ err: error }, 'request failed');
  send(response, 500, formatProblem(500, 'pullguard internal error: see its log'));
}
