/** Below it lies what a `Date` header cannot tell: it has whole seconds, and an answer is on its way for a moment. */
const NOTICEABLE_MS = 2000;

export type ServerClock = Readonly<{
  /** What an answer that came just now has in its `Date` header; null when it has none. */
  learn: (dateHeader: string | null) => void;
  now: () => Date;
}>;

/** The clock of a server, by its latest answer: ours, moved by the difference. Ours until there is an answer. */
export function createServerClock(): ServerClock {
  let aheadMs = 0;
  return {
    learn: (dateHeader) => {
      // The header is cut to the second: the moment meant lies half a second later on average.
      const theirs = Date.parse(dateHeader ?? '') + 500;
      const difference = theirs - Date.now();
      if (!Number.isNaN(difference)) aheadMs = Math.abs(difference) < NOTICEABLE_MS ? 0 : difference;
    },
    now: () => new Date(Date.now() + aheadMs),
  };
}
