import { styleText } from 'node:util';
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
export function findWidth(stream: Io['stdout']): number | undefined {
  if (stream.isTTY !== true) return undefined;
  const width = 'columns' in stream ? stream.columns : undefined;
  return typeof width === 'number' && width > 0 ? width : USUAL_WIDTH;
}

/** Quotes a text as one word of a shell command that a user can paste. */
export function quoteForShell(text: string): string {
  return /^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
