import type { Progress as Shown } from '../scan/scan-cluster.ts';
import type { Io } from './io.ts';
import { findWidth } from './terminal.ts';

export type Progress = Shown &
  Readonly<{
    /** Takes the line away, as whatever is printed next would go on in it. */
    clear: () => void;
  }>;

const WIDTH = 24;

/** To the start of the line, and away with what is in it. */
const CLEAR = '\r\u001b[K';

/** One line that says how far a command is: `[########----------------] 500 of 1500 deployments`. Only on a terminal. */
export function createProgress(stderr: Io['stderr']): Progress {
  const width = findWidth(stderr);
  if (width === undefined || process.env['TERM'] === 'dumb') return { show: () => undefined, clear: () => undefined };
  let isShown = false;
  return {
    show: (what, done = 0, remaining) => {
      // Without a count, or while what remains is not known, there is no bar.
      // Of a line that goes on below itself only the last part could be taken away.
      stderr.write(CLEAR + formatLine(what, done, remaining).slice(0, width - 1));
      isShown = true;
    },
    clear: () => {
      if (isShown) stderr.write(CLEAR);
      isShown = false;
    },
  };
}

function formatLine(what: string, done: number, remaining: number | undefined): string {
  if (done === 0) return `reading ${what}`;
  if (remaining === undefined) return `${done} ${what}`;
  const total = done + remaining;
  const filled = Math.floor((WIDTH * done) / total);
  return `[${'#'.repeat(filled)}${'-'.repeat(WIDTH - filled)}] ${done} of ${total} ${what}`;
}
