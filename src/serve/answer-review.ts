import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { admit, type Admission, type Endpoint } from '../admission/admit.ts';
import { answerLater, type Questioning, type Registries } from '../admission/answer-later.ts';
import { respond, respondToFailure } from '../admission/response.ts';
import { readReview, type AdmissionRequest, type AdmissionReview } from '../admission/review.ts';
import type { Facts, RegistryFacts } from '../pull/facts.ts';
import type { Policy } from '../engine/rule.ts';
import { TIME_BUDGET_MS } from '../text/bounds.ts';
import { HttpProblem, readTimeoutOf, type Send } from './http.ts';
import { logDecision } from './log-decision.ts';
import { countAdmission, type Metrics, type Outcome } from './metrics.ts';

export type ReviewOptions = Readonly<{
  policy: () => Policy;
  facts: () => Facts;
  metrics: Metrics;
  logger: Logger;
  /** Registries that may be asked; undefined when none may be. */
  registries?: () => Registries | undefined;
  /** The cluster's time, or else this machine's. */
  now?: () => Date;
  /** Told of each decided review, after it was answered. */
  onDecided?: (request: AdmissionRequest, admission: Admission) => void;
}>;

/** A webhook call whose body has been read. */
export type Call = Readonly<{
  endpoint: Endpoint;
  request: IncomingMessage;
  response: ServerResponse;
  /** When its head came, by `performance.now()`. */
  cameAt: number;
}>;

/**
 * Answers a review, or says why the body is none. Done when it returns; or, when registries have been asked, later: the
 * promise rejects when we have a bug.
 */
export type AnswerReview = (call: Call, body: unknown) => HttpProblem | Promise<void> | undefined;

/** Of the time that the API server waits, for the answer to be written and to arrive. Milliseconds. */
const SPARE_MS = 200;

/**
 * The most bytes of bodies whose reviews wait for registries at a time; who finds no room is answered by what is known.
 * Parsed, a body is up to fifty times its size, and with the largest that may come meanwhile that still fits into 256 MiB.
 * Reviews of the usual 4 kB are 250 of them.
 */
const MAX_WAITING_BYTES = 1024 * 1024;

export function createAnswerReview(options: ReviewOptions, send: Send): AnswerReview {
  let waitingBytes = 0;

  return (call, body) => {
    const started = performance.now();
    const read = readReview(body);
    if (!read.ok) return new HttpProblem(400, read.problem);
    const { review } = read;
    const registries = options.registries?.();
    const bytes = countBytes(call.request);
    const limit = (): number => (waitingBytes + bytes > MAX_WAITING_BYTES ? 0 : limitWait(call, options.policy()));
    // A dry run is told what is known, and asks nobody: it has no effects on others, not even on what they may pull.
    const decided =
      registries === undefined || review.request.dryRun
        ? decide(review, call.endpoint, options, registries?.known)
        : answerLater((known) => decide(review, call.endpoint, options, known), registries, limit);
    if (!(decided instanceof Promise)) {
      finish({ review, started, ...call }, decided);
      return undefined;
    }
    waitingBytes += bytes;
    return decided
      .finally(() => (waitingBytes -= bytes))
      .then((last) => {
        finish({ review, started, ...call }, last);
      });
  };

  function finish({ endpoint, review: { request }, response, started }: ReadCall, decided: Decided): void {
    const { metrics, logger, onDecided } = options;
    send(response, 200, decided.text);
    const seconds = (performance.now() - started) / 1000;
    metrics.duration.observe({ endpoint }, seconds);
    countAdmission(metrics, endpoint, request, decided);
    if (decided.error !== undefined) metrics.errors.inc({ where: 'admission' });
    logDecision(logger, { endpoint, request, seconds, ...decided });
    if (decided.admission !== undefined) onDecided?.(request, decided.admission);
  }
}

type ReadCall = Call & Readonly<{ review: AdmissionReview; started: number }>;

/** API servers say how long a body is. What others send may be any size. */
function countBytes({ headers }: IncomingMessage): number {
  return Number(headers['content-length'] ?? Infinity);
}

function limitWait({ request, cameAt }: Call, { probe }: Policy): number {
  return Math.min(probe.waitMs, readTimeoutOf(request) - SPARE_MS - (performance.now() - cameAt));
}

type Decided = Questioning & Readonly<{ text: string; outcome: Outcome; admission?: Admission; error?: unknown }>;

/** Decides a review; whatever goes wrong in doing so lets the object pass, with a word to its author. */
function decide(
  review: AdmissionReview,
  endpoint: Endpoint,
  { policy, facts, now = () => new Date() }: ReviewOptions,
  registries?: RegistryFacts,
): Decided {
  try {
    const known = registries === undefined ? facts() : { registries, ...facts() };
    const started = performance.now();
    const timeLeft = (): number => 1 - (performance.now() - started) / TIME_BUDGET_MS;
    const admission = admit(review.request, endpoint, policy(), { facts: known, now: now().getTime(), timeLeft });
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
