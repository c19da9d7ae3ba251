import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { ENDPOINTS, type Endpoint } from '../admission/admit.ts';
import { createAnswerReview, type ReviewOptions } from './answer-review.ts';
import { createBodyReader, createSend, formatProblem, type Refusal, type Send } from './http.ts';
import { createRefusalLog, createRefuse } from './refuse.ts';

type FindEndpoint = (path: string) => Endpoint | undefined;

export type AppOptions = ReviewOptions &
  Readonly<{
    /** Once true, every response asks its client to reconnect, which leads to another replica. */
    draining: () => boolean;
    /** The endpoint at a path; `/mutate` and `/validate` by default. Never print a path: it may be a secret. */
    findEndpoint?: FindEndpoint | undefined;
  }>;

/**
 * The HTTP side of the webhook: enforces limits, parses JSON and answers every request. It uses no framework, as its routing
 * would take longer than the decision (docs/decisions/0004).
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

/** Answers requests that an API server does not send: with another path or method. */
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
    // If an API server calls a wrong path, it admits objects unchecked.
    if (request.method === 'POST') {
      metrics.callsRefused.inc({ reason: 'path' });
      logRefusal({ code: 404, problem: NOT_SERVED });
    }
    send(response, 404, formatProblem(404, NOT_SERVED));
  };
}

const NOT_SERVED = 'not found: use the path in the webhook configurations';

type Exchange = Readonly<{ request: IncomingMessage; response: ServerResponse; send: Send }>;

/** Only a bug leads here; later requests are still served. */
function answerBug(error: unknown, { response, send }: Exchange, { logger, metrics }: AppOptions): void {
  metrics.errors.inc({ where: 'admission' });
  logger.error({ err: error }, 'request failed');
  send(response, 500, formatProblem(500, 'pullguard internal error: see its log'));
}
