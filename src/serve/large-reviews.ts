import { getAsset, isSea } from 'node:sea';
import { Worker } from 'node:worker_threads';
import type { Endpoint } from '../admission/admit.ts';
import type { Facts } from '../pull/facts.ts';
import type { HttpProblem } from './http.ts';
import { listAskable, lookUpAll, type BodyDecision, type Job, type LookUp, type Told } from './decide-body.ts';

/**
 * Decides large reviews, which would delay others, in a separate thread: one at a time, in the order of their arrival.
 */
export type LargeReviews = Readonly<{
  /** The problem in the result may also be a lack of time or memory. */
  decide: (review: LargeReview) => Promise<BodyDecision>;
  close: () => Promise<void>;
}>;

export type LargeReview = Readonly<{
  endpoint: Endpoint;
  /** Its parts. They are transferred to the thread, so the sender can no longer use them. */
  body: readonly Buffer[];
  /** When its caller gives up, by `performance.now()`. */
  until: number;
  facts: () => Facts;
  /** Milliseconds since 1970. */
  now: number;
}>;

export type ToWorker = Readonly<{ job: Job; policy: string | undefined }> | Readonly<{ told: Told }>;
export type FromWorker = Readonly<{ open: ReadonlyMap<string, LookUp> }> | Readonly<{ decision: BodyDecision }>;

export type LargeReviewsOptions = Readonly<{
  /** The text of the policy's file; undefined for the built-in policy. */
  policyText: () => string | undefined;
  /** Names of the facts that are gathered, for `keepAnswerable`. */
  gathered: readonly string[];
  /** Called if the thread ends because of a bug. */
  onFailure: (error: unknown) => void;
}>;

/**
 * For the largest body, of 19 MiB: `MOST_COLLECTIONS` keeps it below ten times its size when parsed, where a small one of nothing
 * but brackets takes thirty. Together with the heap of the main thread, this fits into 512 MiB; beyond it, the answer is a 413.
 */
const HEAP_MB = 160;

/** A review takes at most two seconds, so a thread that takes this long hangs. */
const LONGEST_MS = 5000;

export function createLargeReviews({ policyText, gathered, onFailure }: LargeReviewsOptions): LargeReviews {
  let worker: Worker | undefined;
  let last: Promise<unknown> = Promise.resolve();

  return {
    decide: async (review) => {
      const decided = last.then(async () => decideNow(review));
      last = decided.catch(() => undefined);
      return decided;
    },
    close: async () => {
      await worker?.terminate();
    },
  };

  async function decideNow({ endpoint, body, until, facts, now }: LargeReview): Promise<BodyDecision> {
    const left = Math.min(until - performance.now(), LONGEST_MS);
    if (left <= 0) return { problem: OVERLOADED };
    const running = (worker ??= startWorker());
    const job = { endpoint, body, askable: listAskable(facts()), now };
    return new Promise<BodyDecision>((resolve) => {
      const finish = (decision: BodyDecision): void => {
        clearTimeout(timer);
        running.off('message', onMessage).off('error', onError).off('exit', onExit);
        resolve(decision);
      };
      const timer = setTimeout(() => {
        void running.terminate();
        finish({ problem: OVERLOADED });
      }, left);
      const onMessage = (message: FromWorker): void => {
        if ('open' in message) running.postMessage({ told: lookUpAll(message.open, facts()) } satisfies ToWorker);
        else finish(message.decision);
      };
      let failure: unknown;
      const onError = (error: unknown): void => {
        failure = error;
      };
      const onExit = (): void => {
        if (isOutOfMemory(failure)) {
          finish({ problem: TOO_MUCH_MEMORY });
          return;
        }
        onFailure(failure);
        finish({ problem: FAILED });
      };
      running.on('message', onMessage).on('error', onError).on('exit', onExit);
      const transferred = body.map(({ buffer }) => buffer as ArrayBuffer);
      running.postMessage({ job, policy: policyText() } satisfies ToWorker, transferred);
    });
  }

  function startWorker(): Worker {
    const started = new Worker(workerCode(), {
      workerData: gathered,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB, maxYoungGenerationSizeMb: 16 },
    });
    // The next review starts another worker.
    started.once('exit', () => {
      if (worker === started) worker = undefined;
    });
    started.on('error', () => undefined);
    // The process can exit without waiting for it.
    started.unref();
    return started;
  }
}

/** The code of the worker: a file beside this one, or in a binary, which has no files, an asset of the same name. */
function workerCode(): URL {
  if (!isSea()) return new URL('./decide-worker.js', import.meta.url);
  const code = Buffer.from(getAsset('decide-worker.js')).toString('base64');
  return new URL(`data:text/javascript;base64,${code}`);
}

function isOutOfMemory(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === 'ERR_WORKER_OUT_OF_MEMORY';
}

const OVERLOADED: HttpProblem = { code: 503, message: 'too many large requests at once: try again in a second' };
const FAILED: HttpProblem = { code: 500, message: 'pullguard internal error: see its log' };
const TOO_MUCH_MEMORY: HttpProblem = {
  code: 413,
  message: 'checking the object needs more memory than one object may use: split it into smaller ones',
};
