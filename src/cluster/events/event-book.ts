import type { Notice } from '../../admission/notices.ts';

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
  /** Takes a notice down that was seen at `seenAt`. */
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

/** Of those, how many may wait for their first Event: what the rate below gets through in five minutes is still news. */
const MOST_NEW = 150;

/** How often one Event is written at most. The API server keeps it for an hour after that. */
const REPEAT_MS = 5 * 60 * 1000;

/** All Events together: 25 at once, as many as client-go allows one object, then one every two seconds. */
const BURST = 25;
const REFILL_MS = 2000;

type Entry = Omit<DueEvent, 'key'> &
  Readonly<{
    /** When it began to wait. */
    waitsSince: number;
    takenAt: number | undefined;
  }>;

/**
 * Makes few Events of many notices: those of one owner, rule and outcome are one Event whose count grows. `onDrop` is called
 * for each Event that there was no room for.
 */
export function createEventBook(onDrop: () => void): EventBook {
  // The least recently noted comes first.
  const entries = new Map<string, Entry>();
  const takeToken = createBucket();

  return {
    note: (notice, seenAt, now) => {
      const key = identify(notice);
      const known = entries.get(key);
      if (known === undefined && countNew() >= MOST_NEW) {
        onDrop();
        return;
      }
      entries.delete(key);
      entries.set(key, addTo(known, notice, seenAt, now));
      if (entries.size > MOST_KEPT) forgetOldest();
    },
    take: (now) => {
      const found = findDue(entries, now);
      if (found === undefined || !takeToken(now)) return undefined;
      const [key, entry] = found;
      entries.set(key, { ...entry, count: 0, takenAt: now });
      return { key, ...entry };
    },
    keep: (key, written) => {
      const entry = entries.get(key);
      if (entry !== undefined) entries.set(key, { ...entry, written });
    },
    hasUntold: () => [...entries.values()].some(({ count }) => count > 0),
  };

  function countNew(): number {
    return [...entries.values()].filter(({ takenAt }) => takenAt === undefined).length;
  }

  function forgetOldest(): void {
    const [oldest] = entries;
    if (oldest === undefined) return;
    const [key, { count }] = oldest;
    entries.delete(key);
    if (count > 0) onDrop();
  }
}

/** Tells two notices apart that are not of one Event. Names hold no line breaks. */
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

/** The new notice that has waited longest, or without new ones the one reported before. */
function findDue(entries: ReadonlyMap<string, Entry>, now: number): readonly [key: string, entry: Entry] | undefined {
  let found: readonly [string, Entry] | undefined;
  for (const each of entries) {
    const [, { count, takenAt }] = each;
    const isDue = count > 0 && (takenAt === undefined || now - takenAt >= REPEAT_MS);
    if (isDue && (found === undefined || isBefore(each[1], found[1]))) found = each;
  }
  return found;
}

function isBefore(one: Entry, other: Entry): boolean {
  const isNew = one.takenAt === undefined;
  if (isNew !== (other.takenAt === undefined)) return isNew;
  return one.waitsSince < other.waitsSince;
}

/** A token bucket: says whether one could be taken. */
function createBucket(): (now: number) => boolean {
  let tokens = BURST;
  let filledAt = 0;
  return (now) => {
    tokens = Math.min(BURST, tokens + (now - filledAt) / REFILL_MS);
    filledAt = now;
    if (tokens < 1) return false;
    tokens--;
    return true;
  };
}
