import { MOST_TOLD } from '../../text/bounds.ts';

/** The longest wait after the first failure; doubled after each further failure, up to the maximum. */
const FIRST_MS = 500;
const MAX_MS = 30_000;

/** An attempt that lasted this long counts as a success. */
const LASTED_MS = 10_000;

/**
 * Milliseconds to wait before the next attempt, given how long the last one lasted: exponential backoff with jitter, so that not
 * all clients of a failed server return at once.
 */
export function createBackoff(): (wentWellMs: number) => number {
  let limitMs = FIRST_MS;
  return (wentWellMs) => {
    if (wentWellMs >= LASTED_MS) limitMs = FIRST_MS;
    const waitMs = Math.random() * limitMs;
    limitMs = Math.min(limitMs * 2, MAX_MS);
    return waitMs;
  };
}

/** Waits until the time is over or the signal fires, without keeping the process alive. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms).unref();
    signal.addEventListener('abort', end, { once: true });
  });
}

/** Reports each problem once until it is solved. */
export type Reporter = Readonly<{
  /** `about` names what was attempted; a different problem with it is reported too. */
  report: (about: string, problem: string) => void;
  /** The attempt succeeded: new problems with it are reported again. */
  clear: (about: string) => void;
}>;

/** With more than `MOST_TOLD` problems at a time, one line says that the others are not reported. */
export function reportOnce(onError: (problem: string) => void): Reporter {
  const reported = new Map<string, Set<string>>();
  let count = 0;
  return {
    report: (about, problem) => {
      const problems = reported.get(about);
      if (problems?.has(problem) === true || count > MOST_TOLD) return;
      count += 1;
      if (problems === undefined) reported.set(about, new Set([problem]));
      else problems.add(problem);
      onError(
        count > MOST_TOLD
          ? `more than ${MOST_TOLD} problems at a time, further ones are not logged: ${problem}`
          : problem,
      );
    },
    clear: (about) => {
      count -= reported.get(about)?.size ?? 0;
      reported.delete(about);
    },
  };
}
