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

export function reportOnce(onError: (problem: string) => void): Reporter {
  const reported = new Map<string, Set<string>>();
  return {
    report: (about, problem) => {
      const problems = reported.get(about) ?? new Set();
      reported.set(about, problems);
      if (problems.has(problem)) return;
      problems.add(problem);
      onError(problem);
    },
    clear: (about) => reported.delete(about),
  };
}
