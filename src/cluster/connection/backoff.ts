export type BackoffOptions = Readonly<{
  /** The longest that is waited after the first failure; 500 unless told otherwise. It doubles with each further one. */
  firstMs?: number;
  /** The longest that is ever waited; 30,000 unless told otherwise. */
  maxMs?: number;
  /** At least 0 and less than 1. */
  random?: () => number;
}>;

export type Backoff = Readonly<{
  /** Milliseconds to wait before the next attempt, after one that went well for so long. */
  next: (wentWellMs?: number) => number;
}>;

/** An attempt that went well for so long has nothing to do with those before it. */
const LASTED_MS = 10_000;

/**
 * How long to wait between attempts: longer after each failure, and any time up to that, so that all who lost the same
 * server do not come back to it at once.
 */
export function createBackoff(options: BackoffOptions = {}): Backoff {
  const { firstMs = 500, maxMs = 30_000, random = Math.random } = options;
  let limitMs = firstMs;
  return {
    next: (wentWellMs = 0) => {
      if (wentWellMs >= LASTED_MS) limitMs = firstMs;
      const waitMs = random() * limitMs;
      limitMs = Math.min(limitMs * 2, maxMs);
      return waitMs;
    },
  };
}
