import type { Notice } from '../../admission/notices.ts';
import { createFairQueue } from './fair-queue.ts';

/** The fields of an existing Event that matter for its next update. */
export type WrittenEvent = Readonly<{ count: number; lastTimestamp: string; resourceVersion: string }>;

/** An Event to be written now, for `count` admissions that are not reported yet, from `firstAt` to `lastAt`. */
export type DueEvent = Readonly<{
  key: string;
  notice: Notice;
  count: number;
  firstAt: Date;
  lastAt: Date;
  /** What was written last; undefined when nothing was, or when that is forgotten. */
  written: WrittenEvent | undefined;
}>;

/** What to report, and when. Times are milliseconds of a monotonic clock. */
export type EventBook = Readonly<{
  /** Records a notice that was seen at `seenAt`. */
  note: (notice: Notice, seenAt: Date, now: number) => void;
  /** The Event to write next; undefined if none may be written now. It counts as reported, even if writing fails. */
  take: (now: number) => DueEvent | undefined;
  /** Keeps what was written for a key, to go on from there. */
  keep: (key: string, written: WrittenEvent) => void;
  /** Whether anything is not reported yet. */
  hasUntold: () => boolean;
}>;

/** Owners and rules that are remembered: some 2 KB each. */
const MOST_KEPT = 1000;

/** Of those, how many may wait for their first Event. */
const MOST_NEW = 150;

/** How often one Event is written at most. The API server keeps it for an hour after that. */
const REPEAT_MS = 5 * 60 * 1000;

/** Those of one namespace: 25 at once, as many as client-go allows one object, then one every two seconds. */
const OF_NAMESPACE: Rate = { burst: 25, refillMs: 2000 };

/** All together: two a second, where each kubelet may write fifty. */
const OF_ALL: Rate = { burst: 50, refillMs: 500 };

type Entry = Omit<DueEvent, 'key'> &
  Readonly<{
    /** When it began to wait. */
    waitsSince: number;
    takenAt: number | undefined;
  }>;

/**
 * Combines many notices into few Events: notices with the same owner, rule and outcome are one Event with a count. Each namespace
 * has its turn and its own rate, so that no namespace delays another. `onDrop` is called for each Event without room.
 */
export function createEventBook(onDrop: () => void): EventBook {
  // The least recently noted comes first.
  const entries = new Map<string, Entry>();
  const unwritten = createFairQueue(MOST_NEW);
  const rates = createRates();

  return {
    note: (notice, seenAt, now) => {
      const key = identify(notice);
      const known = entries.get(key);
      entries.delete(key);
      entries.set(key, addTo(known, notice, seenAt, now));
      if (known === undefined) queue(key, notice);
      if (entries.size > MOST_KEPT) forgetOldest();
    },
    take: (now) => {
      if (!rates.hasAny(now)) return undefined;
      const mayHave = (namespace: string): boolean => rates.has(namespace, now);
      const key = unwritten.take(mayHave)?.[0] ?? findRepeat(entries, now, mayHave);
      const entry = key === undefined ? undefined : entries.get(key);
      if (key === undefined || entry === undefined) return undefined;
      rates.use(entry.notice.involved.namespace, now);
      entries.set(key, { ...entry, count: 0, takenAt: now });
      return { key, ...entry };
    },
    keep: (key, written) => {
      const entry = entries.get(key);
      if (entry !== undefined) entries.set(key, { ...entry, written });
    },
    hasUntold: () => [...entries.values()].some(({ count }) => count > 0),
  };

  function queue(key: string, { involved: { namespace, kind } }: Notice): void {
    const dropped = unwritten.put(key, { namespace, isOfOwner: kind !== 'Pod' });
    if (dropped === undefined) return;
    entries.delete(dropped);
    onDrop();
  }

  function forgetOldest(): void {
    for (const [key, { count, takenAt }] of entries) {
      // Entries that wait for their first Event have their own limit.
      if (takenAt === undefined) continue;
      entries.delete(key);
      if (count > 0) onDrop();
      return;
    }
  }
}

/** Notices with the same key are one Event. Names contain no line breaks. */
function identify({ involved, rule, outcome }: Notice): string {
  const { apiVersion, kind, namespace, name, uid = '' } = involved;
  return [namespace, apiVersion, kind, name, uid, rule, outcome].join('\n');
}

function addTo(known: Entry | undefined, notice: Notice, seenAt: Date, now: number): Entry {
  const told = known === undefined || known.count === 0;
  return {
    notice,
    count: told ? 1 : known.count + 1,
    firstAt: told ? seenAt : known.firstAt,
    lastAt: seenAt,
    waitsSince: told ? now : known.waitsSince,
    takenAt: known?.takenAt,
    written: known?.written,
  };
}

/** Of those that were written before, and long enough ago, the one that has waited longest. */
function findRepeat(
  entries: ReadonlyMap<string, Entry>,
  now: number,
  mayHave: (namespace: string) => boolean,
): string | undefined {
  let found: readonly [key: string, waitsSince: number] | undefined;
  for (const [key, { count, takenAt, waitsSince, notice }] of entries) {
    const isDue = count > 0 && takenAt !== undefined && now - takenAt >= REPEAT_MS;
    if (isDue && waitsSince < (found?.[1] ?? Infinity) && mayHave(notice.involved.namespace)) found = [key, waitsSince];
  }
  return found?.[0];
}

type Rate = Readonly<{ burst: number; refillMs: number }>;

/** Token buckets, one for all and one for each namespace that has not its full share. */
function createRates(): Readonly<{
  hasAny: (now: number) => boolean;
  has: (namespace: string, now: number) => boolean;
  use: (namespace: string, now: number) => void;
}> {
  const all = { tokens: OF_ALL.burst, filledAt: 0 };
  const namespaces = new Map<string, typeof all>();
  const count = (bucket: typeof all | undefined, { burst, refillMs }: Rate, now: number): number =>
    bucket === undefined ? burst : Math.min(burst, bucket.tokens + (now - bucket.filledAt) / refillMs);
  return {
    hasAny: (now) => count(all, OF_ALL, now) >= 1,
    has: (namespace, now) => count(namespaces.get(namespace), OF_NAMESPACE, now) >= 1,
    use: (namespace, now) => {
      Object.assign(all, { tokens: count(all, OF_ALL, now) - 1, filledAt: now });
      const tokens = count(namespaces.get(namespace), OF_NAMESPACE, now) - 1;
      namespaces.set(namespace, { tokens, filledAt: now });
      for (const [name, bucket] of namespaces) {
        if (count(bucket, OF_NAMESPACE, now) >= OF_NAMESPACE.burst) namespaces.delete(name);
      }
    },
  };
}
