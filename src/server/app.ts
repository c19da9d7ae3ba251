import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import express, { type ErrorRequestHandler, type Express } from 'express';
import type { Logger } from 'pino';
import { admit, ENDPOINTS, type Admission, type Endpoint } from '../admission/admit.ts';
import { respond, respondToFailure } from '../admission/response.ts';
import { readReview, type AdmissionRequest, type AdmissionReview } from '../admission/review.ts';
import type { Policy } from '../engine/policy.ts';
import type { Facts } from '../engine/facts.ts';
import { HttpProblem, sendJson, sendProblem, sendProblemEarly } from './http-problem.ts';
import { logDecision } from './log-decision.ts';
import { countAdmission, type Metrics, type Outcome } from './metrics.ts';
import { createBodyReader } from './read-body.ts';

export type AppOptions = Readonly<{
  policy: () => Policy;
  facts: () => Facts;
  metrics: Metrics;
  logger: Logger;
  /** Once true, every answer asks its client to come back on a new connection, which will lead elsewhere. */
  draining: () => boolean;
  /** Told of each decided review, after it was answered. */
  onDecided?: (request: AdmissionRequest, admission: Admission) => void;
}>;

/**
 * The webhook's HTTP side: limits, JSON, and an answer to everything. Reviews are taken before Express sees them, as its
 * routing costs more than deciding does (docs/decisions); the rest, which no API server sends, is left to it.
 */
export function createApp(options: AppOptions): RequestListener {
  const endpoints = new Map(ENDPOINTS.map((endpoint) => [`/${endpoint}`, endpoint]));
  const readBody = createBodyReader();
  const others = createOtherRoutes(options);
  return (request, response) => {
    const guard = (step: () => void): void => {
      try {
        step();
      } catch (error) {
        answerBug(error, { request, response }, options);
      }
    };
    guard(() => {
      if (options.draining()) response.setHeader('Connection', 'close');
      const endpoint = request.method === 'POST' ? endpoints.get(pathOf(request)) : undefined;
      if (endpoint === undefined) {
        others(request, response);
        return;
      }
      readBody(request, (outcome) => {
        guard(() => {
          const problem =
            'problem' in outcome ? outcome.problem : answerReview(endpoint, outcome.body, response, options);
          if (problem !== undefined) refuse(endpoint, { request, response, problem }, options);
        });
      });
    });
  };
}

function pathOf({ url = '' }: IncomingMessage): string {
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}

function createOtherRoutes(options: AppOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.enable('strict routing');
  app.enable('case sensitive routing');
  for (const endpoint of ENDPOINTS) {
    app.all(`/${endpoint}`, (request, response) => {
      response.setHeader('Allow', 'POST');
      sendProblem(response, 405, `${request.path} takes AdmissionReviews by POST`);
    });
  }
  app.use((_request, response) => {
    sendProblem(response, 404, `nothing is served here; the API server calls /${ENDPOINTS.join(' and /')}`);
  });
  // eslint-disable-next-line @typescript-eslint/no-unused-vars -- Express knows error handlers by their four parameters
  const onError: ErrorRequestHandler = (error: unknown, request, response, _next) => {
    answerBug(error, { request, response }, options);
  };
  return app.use(onError);
}

/** Answers a review, or says why the body is none. */
function answerReview(
  endpoint: Endpoint,
  body: unknown,
  response: ServerResponse,
  { policy, facts, metrics, logger, onDecided }: AppOptions,
): HttpProblem | undefined {
  const started = performance.now();
  const read = readReview(body);
  if (!read.ok) return new HttpProblem(400, read.problem);
  const { review } = read;
  const decided = decide(review, () => admit(review.request, endpoint, policy(), facts()));
  sendJson(response, 200, decided.text);
  const seconds = (performance.now() - started) / 1000;
  metrics.duration.observe({ endpoint }, seconds);
  countAdmission(metrics, endpoint, review.request, decided);
  if (decided.error !== undefined) metrics.errors.inc({ where: 'admission' });
  logDecision(logger, { endpoint, request: review.request, seconds, ...decided });
  if (decided.admission !== undefined) onDecided?.(review.request, decided.admission);
  return undefined;
}

type Decided = Readonly<{ text: string; outcome: Outcome; admission?: Admission; error?: unknown }>;

/** Decides a review; whatever goes wrong in doing so lets the object pass, with a word to its author. */
function decide(review: AdmissionReview, decision: () => Admission): Decided {
  try {
    const admission = decision();
    const answer = respond(review, admission);
    return { text: JSON.stringify(answer), outcome: nameOutcome(admission, answer.response.allowed), admission };
  } catch (error) {
    return { text: JSON.stringify(respondToFailure(review)), outcome: 'error', error };
  }
}

function nameOutcome({ pass, edits }: Admission, allowed: boolean): Outcome {
  if (pass !== undefined) return 'passed';
  if (!allowed) return 'denied';
  return edits.length > 0 ? 'patched' : 'allowed';
}

type Exchange = Readonly<{ request: IncomingMessage; response: ServerResponse }>;

/** Answers what is no AdmissionReview, and what there is no room for. */
function refuse(
  endpoint: Endpoint,
  { request, response, problem }: Exchange & Readonly<{ problem: HttpProblem }>,
  { logger, metrics }: AppOptions,
): void {
  const { code, message } = problem;
  metrics.requests.inc({ endpoint, kind: 'other', outcome: code === 503 ? 'overloaded' : 'invalid' });
  logger.warn({ endpoint, code, problem: message }, 'refused');
  if (code === 503) response.setHeader('Retry-After', '1');
  if (request.complete) sendProblem(response, code, message);
  else sendProblemEarly(request, response, problem);
}

/** Whatever comes this far is a mistake of ours; the next request is served all the same. */
function answerBug(error: unknown, { request, response }: Exchange, { logger, metrics }: AppOptions): void {
  metrics.errors.inc({ where: 'admission' });
  logger.error({ err: error, path: pathOf(request) }, 'request failed');
  if (!response.headersSent) sendProblem(response, 500, 'pullguard failed; see its log');
}
