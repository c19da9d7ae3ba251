import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import express, { type ErrorRequestHandler, type Express } from 'express';
import { ENDPOINTS, type Endpoint } from '../admission/admit.ts';
import { createAnswerReview, type Refusal, type ReviewOptions } from './answer-review.ts';
import { createSend, formatProblem, type Send } from './http.ts';
import { createBodyReader } from './read-body.ts';
import { createRefusalLog, createRefuse } from './refuse.ts';

export type AppOptions = ReviewOptions &
  Readonly<{
    /** Once true, every answer asks its client to come back on a new connection, which will lead elsewhere. */
    draining: () => boolean;
    /** What is served at a path; `/mutate` and `/validate` unless told otherwise. Never print a path: it may be a secret. */
    findEndpoint?: ((path: string) => Endpoint | undefined) | undefined;
  }>;

/**
 * The webhook's HTTP side: limits, JSON, and an answer to everything. Reviews are taken before Express sees them, as its
 * routing costs more than deciding does (docs/decisions); the rest, which no API server sends, is left to it.
 */
export function createApp(options: AppOptions): RequestListener {
  const { findEndpoint = (path) => ENDPOINTS.find((endpoint) => path === `/${endpoint}`) } = options;
  const readBody = createBodyReader();
  const send = createSend(options.draining);
  const answerReview = createAnswerReview(options, send);
  const others = createOtherRoutes({ ...options, findEndpoint }, send);
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
        others(request, response);
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

function createOtherRoutes(options: AppOptions, send: Send): Express {
  const logRefusal = createRefusalLog(options.logger);
  const app = express();
  app.disable('x-powered-by');
  app.use((request, response) => {
    if (options.findEndpoint?.(pathOf(request)) !== undefined) {
      response.setHeader('Allow', 'POST');
      send(response, 405, formatProblem(405, 'AdmissionReviews are taken by POST'));
      return;
    }
    // Should an API server call here, then objects are admitted unchecked.
    if (request.method === 'POST') {
      options.metrics.callsRefused.inc({ reason: 'path' });
      logRefusal({ code: 404, problem: NOT_SERVED });
    }
    send(response, 404, formatProblem(404, NOT_SERVED));
  });
  // eslint-disable-next-line @typescript-eslint/no-unused-vars -- Express knows error handlers by their four parameters
  const onError: ErrorRequestHandler = (error: unknown, request, response, _next) => {
    answerBug(error, { request, response, send }, options);
  };
  return app.use(onError);
}

const NOT_SERVED = 'nothing is served at this path: call where the webhook configurations say';

type Exchange = Readonly<{ request: IncomingMessage; response: ServerResponse; send: Send }>;

/** Whatever comes this far is a mistake of ours; the next request is served all the same. */
function answerBug(error: unknown, { response, send }: Exchange, { logger, metrics }: AppOptions): void {
  metrics.errors.inc({ where: 'admission' });
  logger.error({ err: error }, 'request failed');
  send(response, 500, formatProblem(500, 'pullguard failed; see its log'));
}
