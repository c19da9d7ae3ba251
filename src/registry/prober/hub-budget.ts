import type { RateLimit } from '../client/rate-limit.ts';

const HOUR_MS = 3_600_000;

/** Nodes pull with the same account or address as we do, and they are what its limit is for. */
const LEFT_TO_NODES = 1 / 5;

/** Says how many manifests of Docker Hub may be fetched: each counts as a pull there, where asking by HEAD is free. */
export type HubBudget = Readonly<{
  /** Takes so many of those that an hour has; gives the way to return them, or undefined when they are used up. */
  take: (manifests: number, perHour: number) => (() => void) | undefined;
  /** What Docker Hub last said of its own limit. */
  note: (limit: RateLimit) => void;
}>;

export function createHubBudget(now: () => number): HubBudget {
  let taken: readonly Readonly<{ at: number; manifests: number }>[] = [];
  let last: RateLimit | undefined;
  return {
    take: (manifests, perHour) => {
      taken = taken.filter(({ at }) => now() - at < HOUR_MS);
      const used = taken.reduce((sum, each) => sum + each.manifests, 0);
      if (used + manifests > perHour || isNearlyReached(last)) return undefined;
      const grant = { at: now(), manifests };
      taken = [...taken, grant];
      return () => {
        taken = taken.filter((each) => each !== grant);
      };
    },
    note: (limit) => {
      last = limit;
    },
  };
}

/** Without a limit in what it says, only when nothing remains. */
function isNearlyReached(last: RateLimit | undefined): boolean {
  if (last === undefined) return false;
  return last.limit === undefined ? last.remaining <= 0 : last.remaining < last.limit * LEFT_TO_NODES;
}
