import { styleText } from 'node:util';
import type { Progress as Shown } from '../scan/resources.ts';
import type { Io } from './io.ts';

/**
 * Only on a terminal that has colors, and not if NO_COLOR is set (https://no-color.org); always if FORCE_COLOR is set
 * (https://force-color.org), unless it is 0 or false, as Node.js and chalk read it.
 */
export function useColor(
  stream: Io['stdout'],
  env: Readonly<Record<string, string | undefined>> = process.env,
): boolean {
  const { FORCE_COLOR: force = '', NO_COLOR: no = '', TERM: term } = env;
  if (force !== '') return force !== '0' && force !== 'false';
  return no === '' && term !== 'dumb' && stream.isTTY === true;
}

/** A text in a style, if colors are used. */
export function paint(style: Parameters<typeof styleText>[0], text: string, color: boolean): string {
  return color && text !== '' ? styleText(style, text, { validateStream: false }) : text;
}

/** Used for a terminal that does not report its width. */
const USUAL_WIDTH = 120;

/** How many characters a line may have; undefined for a file or a pipe. */
function findWidth(stream: Io['stdout']): number | undefined {
  if (stream.isTTY !== true) return undefined;
  const width = 'columns' in stream ? stream.columns : undefined;
  return typeof width === 'number' && width > 0 ? width : USUAL_WIDTH;
}

/** Quotes a text as one word of a shell command that a user can paste. */
export function quoteForShell(text: string): string {
  return /^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

export type Progress = Shown &
  Readonly<{
    /** Clears the line, as the next output would continue on it. */
    clear: () => void;
  }>;

const WIDTH = 24;

/** Moves to the start of the line and erases it. */
const CLEAR = '\r\u001b[K';

/** Shows the progress of a command in one line: `[########----------------] 500 of 1500 deployments`. Only on a terminal. */
export function createProgress(stderr: Io['stderr']): Progress {
  const width = findWidth(stderr);
  if (width === undefined || process.env['TERM'] === 'dumb') return { show: () => undefined, clear: () => undefined };
  let isShown = false;
  return {
    show: (what, done = 0, remaining) => {
      // A line that wraps could not be cleared as a whole.
      stderr.write(CLEAR + formatLine(what, done, remaining).slice(0, width - 1));
      isShown = true;
    },
    clear: () => {
      if (isShown) stderr.write(CLEAR);
      isShown = false;
    },
  };
}

/** From when on, and how often, the progress of what usually takes no time is shown. */
const LATE_MS = 2000;
const PAUSE_MS = 100;

/** The same from the third second on, and not in a CI, or with NO_COLOR, as another program then reads the terminal. */
export function createLateProgress(
  stderr: Io['stderr'],
  { CI: ci = '', NO_COLOR: no = '' }: Readonly<Record<string, string | undefined>> = process.env,
): Progress {
  const progress = createProgress(ci === '' && no === '' ? stderr : { write: () => undefined });
  let next = performance.now() + LATE_MS;
  return {
    show: (...line) => {
      const now = performance.now();
      if (now < next) return;
      next = now + PAUSE_MS;
      progress.show(...line);
    },
    clear: progress.clear,
  };
}

function formatLine(what: string, done: number, remaining: number | undefined): string {
  if (done === 0) return `reading ${what}`;
  if (remaining === undefined) return `${done} ${what}`;
  const total = done + remaining;
  const filled = Math.floor((WIDTH * done) / total);
  return `[${'#'.repeat(filled)}${'-'.repeat(WIDTH - filled)}] ${done} of ${total} ${what}`;
}
