import type { Io } from './io.ts';

/** Only on a terminal, and not if NO_COLOR is set (https://no-color.org). */
export function useColor({ stdout }: Io): boolean {
  return stdout.isTTY === true && (process.env['NO_COLOR'] ?? '') === '';
}

/** Used for a terminal that does not report its width. */
const USUAL_WIDTH = 120;

/** How many characters a line may have; undefined for a file or a pipe. */
export function findWidth(stream: Io['stdout']): number | undefined {
  if (stream.isTTY !== true) return undefined;
  const width = 'columns' in stream ? stream.columns : undefined;
  return typeof width === 'number' && width > 0 ? width : USUAL_WIDTH;
}

/** Quotes a text as one word of a shell command that a user can paste. */
export function quoteForShell(text: string): string {
  return /^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
