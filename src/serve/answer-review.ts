import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import type { Admission, Endpoint } from '../admission/admit.ts';
import { answerLater, MOST_QUESTIONS, type Answered, type Registries } from '../admission/answer-later.ts';
import { isByController, readReview, type AdmissionRequest } from '../admission/review.ts';
import type { Finding } from '../engine/evaluate.ts';
import type { Facts, RegistryFacts } from '../pull/facts.ts';
import type { Policy } from '../engine/rule.ts';
import { LONGEST_REVIEW_HEAD, TIME_BUDGET_MS } from '../text/bounds.ts';
import { countDecision, decide, logDecision, logLate, startBudget, type Decided } from './decide.ts';
import { parseBody, readTimeoutOf, type ReadBody, type Refusal, type Send } from './http.ts';
import type { LargeReviews } from './large-reviews.ts';
import { createLateReviews, type LateReview } from './late-reviews.ts';
import type { Metrics } from './metrics.ts';
import type { Recreations } from './recreations.ts';

export type ReviewOptions = Readonly<{
  policy: () => Policy;
  facts: () => Facts;
  metrics: Metrics;
  logger: Logger;
  /** The registries to ask; undefined if none may be asked. */
  registries?: () => Registries | undefined;
  /** Decides large reviews in another thread; without it, they are decided like all others. */
  large?: LargeReviews;
  /** The time of the cluster; by default the time of this machine. */
  now?: () => Date;
  /** Counts Pods that are created again and again. */
  recreations?: Recreations;
  /** Called for each decided review, after its response. */
  onDecided?: (request: AdmissionRequest, admission: Admission) => void;
  /** Reports problems that are found after the response, as a registry answered late. */
  late?: LateFindings;
}>;

/** Reports what was found after the response to a review. */
export type LateFindings = Readonly<{
  /** Whether findings can be reported now. */
  isTelling: () => boolean;
  tell: (request: AdmissionRequest, findings: readonly Finding[]) => void;
}>;

/** A webhook call whose body has been read. */
export type Call = Readonly<{
  endpoint: Endpoint;
  request: IncomingMessage;
  response: ServerResponse;
  /** When its headers arrived, by `performance.now()`. */
  cameAt: number;
}>;

/**
 * Answers a review, or returns why the body is not a review. Returns a promise if it waits for registries or if the review is
 * large; the promise rejects only because of a bug.
 */
export type AnswerReview = (call: Call, body: ReadBody) => Refusal | Promise<Refusal | undefined> | undefined;

/** The part of the API server's timeout that is left for writing and sending the response. Milliseconds. */
const SPARE_MS = 200;

/**
 * The most bytes of bodies whose reviews wait for registries at the same time; beyond it, a review is answered with what is
 * known. These bodies are small; one of nothing but brackets takes thirty times its size when parsed, so all of them take at most
 * 32 MB. It is enough for 250 reviews of the usual 4 kB.
 */
const MAX_WAITING_BYTES = 1024 * 1024;

export function createAnswerReview(options: ReviewOptions, send: Send): AnswerReview {
  const { policy, facts, large, now = () => new Date() } = options;
  let waitingBytes = 0;
  const lateReviews = createLateReviews({
    onFound: (request, findings) => {
      logLate(options.logger, request, findings);
      options.late?.tell(request, findings);
    },
    onDrop: () => {
      options.metrics.events.inc({ result: 'dropped' });
    },
    onFailure: (error) => {
      options.metrics.errors.inc({ where: 'admission' });
      options.logger.error({ err: error }, 'a review could not be decided again');
    },
  });
  return (call, body) => {
    if ('body' in body) return answer(call, body.body);
    if (large !== undefined) return answerElsewhere(call, body, large).finally(body.letGo);
    const parsed = parseBody(Buffer.concat(body.large));
    body.letGo();
    return 'problem' in parsed ? parsed : answer(call, parsed.body);
  };

  function answer(call: Call, body: unknown): Refusal | Promise<undefined> | undefined {
    const started = performance.now();
    const read = readReview(body);
    if (!read.ok) return { problem: { code: 400, message: read.problem } };
    const { review } = read;
    const { request } = review;
    const registries = options.registries?.();
    const bytes = countBytes(call.request);
    const limit = (): number => (waitingBytes + bytes > MAX_WAITING_BYTES ? 0 : limitWait(call, request, policy()));
    const lateReview = { endpoint: call.endpoint, request, bytes };
    const decideBy = (known?: RegistryFacts, waitedMs?: number): Decided =>
      decide(review, call.endpoint, () => ({
        policy: policy(),
        facts: withRegistries(withRecreations(request), known && { ...known, ...sayLate(lateReview, waitedMs) }),
        now: now().getTime(),
        timeLeft: startBudget(TIME_BUDGET_MS),
      }));
    // A dry run uses known answers and asks no registry: it has no effects, not even on rate limits.
    const decided =
      registries === undefined || request.dryRun
        ? { decided: decideBy(registries?.known), later: undefined }
        : answerLater(decideBy, registries, limit);
    const conclude = ({ decided: last, later }: Answered<Decided>, waited: boolean): void => {
      finish(call, { request, started, bytes, waited }, last);
      if (later !== undefined) lateReviews.wait(lateReview, last, later);
    };
    if (!(decided instanceof Promise)) {
      conclude(decided, false);
      return;
    }
    waitingBytes += bytes;
    return decided
      .finally(() => (waitingBytes -= bytes))
      .then((last) => {
        conclude(last, true);
        return undefined;
      });
  }

  /** Only people are told that a registry is late; a controller would not read it. */
  function sayLate(review: LateReview, waitedMs: number | undefined): Pick<RegistryFacts, 'late'> {
    if (waitedMs === undefined || isByController(review.request)) return {};
    return { late: { waitedMs, isToldLater: options.late?.isTelling() === true && lateReviews.hasRoom(review) } };
  }

  /** Registries are asked only after the response, for the next review: the caller has waited long enough. */
  async function answerElsewhere(
    call: Call,
    { large: body }: Extract<ReadBody, Readonly<{ large: unknown }>>,
    elsewhere: LargeReviews,
  ): Promise<Refusal | undefined> {
    const started = performance.now();
    const bytes = body.reduce((sum, { length }) => sum + length, 0);
    const head = body[0]?.toString('utf8', 0, LONGEST_REVIEW_HEAD) ?? '';
    const registries = options.registries?.();
    const until = call.cameAt + readTimeoutOf(call.request) - SPARE_MS;
    const decision = await elsewhere.decide({
      endpoint: call.endpoint,
      body,
      until,
      facts: () => withRegistries(facts(), registries?.known),
      now: now().getTime(),
    });
    if ('problem' in decision) return { problem: decision.problem, head };
    const { request, decided } = decision;
    finish(call, { request, started, bytes, waited: false }, decided);
    const questions = request.dryRun ? [] : [...decided.unanswered, ...decided.outdated];
    for (const question of questions.slice(0, MOST_QUESTIONS)) void registries?.ask(question);
    return undefined;
  }

  function finish({ endpoint, response }: Call, review: Finished, decided: Decided): void {
    const { request, started, bytes, waited } = review;
    const { metrics, logger, onDecided } = options;
    send(response, 200, decided.text);
    const seconds = (performance.now() - started) / 1000;
    const answered = { endpoint, request, ...decided, bytes, seconds, waited };
    countDecision(metrics, answered);
    logDecision(logger, answered);
    if (decided.admission === undefined) return;
    options.recreations?.note(endpoint, request, decided.admission);
    onDecided?.(request, decided.admission);
  }

  function withRecreations(request: AdmissionRequest): Facts {
    const recreations = options.recreations?.find(request);
    return recreations === undefined ? facts() : { recreations, ...facts() };
  }
}

type Finished = Readonly<{ request: AdmissionRequest; started: number; bytes: number; waited: boolean }>;

function withRegistries(facts: Facts, registries: RegistryFacts | undefined): Facts {
  return registries === undefined ? facts : { registries, ...facts };
}

/** API servers send a Content-Length. Without one, a body may have any size. */
function countBytes({ headers }: IncomingMessage): number {
  return Number(headers['content-length'] ?? Infinity);
}

/** People read the response; a controller that waits delays everything that it manages. */
function limitWait({ request, cameAt }: Call, review: AdmissionRequest, { probe }: Policy): number {
  const most = isByController(review) ? probe.controllerWaitMs : probe.waitMs;
  return Math.min(most, readTimeoutOf(request) - SPARE_MS - (performance.now() - cameAt));
}
