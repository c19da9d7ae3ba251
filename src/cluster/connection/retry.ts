import { MOST_TOLD } from '../../text/bounds.ts';

/** The longest that is waited after the first failure, which doubles with each further one, and the longest ever. */
const FIRST_MS = 500;
const MAX_MS = 30_000;

/** An attempt that went well for so long has nothing to do with those before it. */
const LASTED_MS = 10_000;

/**
 * How many milliseconds to wait before the next attempt, after one that went well for so long: longer after each failure, and
 * any time up to that, so that all who lost the same server do not come back to it at once.
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

/** Waits, but not when the signal fires, and keeps no process alive for it. */
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

/** Reports problems, each once until it is over, however often it is met on the way. */
export type Reporter = Readonly<{
  /** `about` names the thing that is tried: another problem with it is reported too. */
  report: (about: string, problem: string) => void;
  /** It went well: from now on a problem with it is news again. */
  clear: (about: string) => void;
}>;

/** Beyond `MOST_TOLD` problems at a time others are not reported, and that is. */
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
      onError(count > MOST_TOLD ? `more than ${MOST_TOLD} problems at a time, like this one: ${problem}` : problem);
    },
    clear: (about) => {
      count -= reported.get(about)?.size ?? 0;
      reported.delete(about);
    },
  };
}
