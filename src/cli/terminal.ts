import type { Io } from './io.ts';

/** Only on a terminal, and not where the user asked for none (https://no-color.org). */
export function useColor({ stdout }: Io): boolean {
  return stdout.isTTY === true && (process.env['NO_COLOR'] ?? '') === '';
}

/** As a terminal that does not say is taken to be. */
const USUAL_WIDTH = 120;

/** How many characters a line may have; undefined where nobody looks at it as it is printed, such as a file or a pipe. */
export function findWidth(stream: Io['stdout']): number | undefined {
  if (stream.isTTY !== true) return undefined;
  const width = 'columns' in stream ? stream.columns : undefined;
  return typeof width === 'number' && width > 0 ? width : USUAL_WIDTH;
}

/** A text as one word of a command line that is meant to be pasted. */
export function quoteForShell(text: string): string {
  return /^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
