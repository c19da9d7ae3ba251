import { escapeUnprintable } from './quote.ts';
import { findUserinfo } from './redact.ts';
import { findToken, introducesSecret } from './secret-words.ts';

/** A range of characters, and the text that replaces it. */
export type Replacement = Readonly<{ start: number; end: number; text: string }>;

/** @param replacements in the order of the text, not overlapping */
export function applyReplacements(text: string, replacements: readonly Replacement[]): string {
  let edited = '';
  let at = 0;
  for (const { start, end, text: inserted } of replacements) {
    edited += text.slice(at, start) + inserted;
    at = end;
  }
  return edited + text.slice(at);
}

/** Lines of context around a change, as in `diff -u`. */
const CONTEXT = 3;

/**
 * The result of replacements as a unified diff for `patch -p1` and `git apply`. The changes are known, so nothing is compared.
 * Credentials are not shown: context ends before a line that may contain one, and a changed line with one is left out.
 */
export function formatDiff(name: string, text: string, replacements: readonly Replacement[]): string {
  if (replacements.length === 0) return '';
  const lines = splitLines(text);
  const path = escapeUnprintable(name.replace(/^(?:\.?\/)+/, ''));
  let shift = 0;
  const hunks = listHunks(lines, listChanges(text, lines, replacements)).map((hunk) => {
    const printed = formatHunk(lines, hunk, shift);
    shift += hunk.changes.reduce((sum, { start, end, lines: added }) => sum + added.length - (end - start), 0);
    return printed;
  });
  return `--- a/${path}\n+++ b/${path}\n${hunks.join('')}`;
}

/** Lines from `start` to before `end`, and their replacement. */
type Change = Readonly<{ start: number; end: number; lines: readonly string[] }>;

/** Changes that are shown together, and the range of the old lines that is shown. */
type Hunk = Readonly<{ start: number; end: number; changes: readonly Change[] }>;

function splitLines(text: string): readonly string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

function listChanges(text: string, lines: readonly string[], replacements: readonly Replacement[]): readonly Change[] {
  const starts: number[] = [];
  let length = 0;
  for (const line of lines) {
    starts.push(length);
    length += line.length;
  }
  const groups: { start: number; end: number; replacements: Replacement[] }[] = [];
  for (const replacement of replacements) {
    const start = findLine(starts, replacement.start, text);
    const end = Math.max(start, findLine(starts, Math.max(replacement.start, replacement.end - 1), text)) + 1;
    const last = groups.at(-1);
    if (last !== undefined && start < last.end) {
      last.end = Math.max(last.end, end);
      last.replacements.push(replacement);
    } else groups.push({ start, end, replacements: [replacement] });
  }
  return groups.map((group) => {
    const [from, to] = [starts[group.start] ?? text.length, starts[group.end] ?? text.length];
    const moved = group.replacements.map((one) => ({ ...one, start: one.start - from, end: one.end - from }));
    const added = splitLines(applyReplacements(text.slice(from, to), moved));
    return trim(lines, { start: group.start, end: Math.min(group.end, lines.length), lines: added });
  });
}

/** The line at an offset; at the end of a text with a final line break, the number of lines. */
function findLine(starts: readonly number[], offset: number, text: string): number {
  if (offset >= text.length && (text === '' || text.endsWith('\n'))) return starts.length;
  let [low, high] = [0, starts.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Removes unchanged lines from both ends. */
function trim(old: readonly string[], { start, end, lines }: Change): Change {
  let [head, tail] = [0, 0];
  const most = Math.min(end - start, lines.length);
  while (head < most && old[start + head] === lines[head]) head++;
  while (tail < most - head && old[end - 1 - tail] === lines[lines.length - 1 - tail]) tail++;
  return { start: start + head, end: end - tail, lines: lines.slice(head, lines.length - tail) };
}

function listHunks(lines: readonly string[], changes: readonly Change[]): readonly Hunk[] {
  const hunks: { start: number; end: number; changes: Change[] }[] = [];
  for (const change of changes) {
    let { start, end } = change;
    while (start > 0 && change.start - start < CONTEXT && isShown(lines[start - 1])) start--;
    while (end < lines.length && end - change.end < CONTEXT && isShown(lines[end])) end++;
    const last = hunks.at(-1);
    if (last !== undefined && start <= last.end) {
      last.end = end;
      last.changes.push(change);
    } else hunks.push({ start, end, changes: [change] });
  }
  return hunks;
}

function formatHunk(lines: readonly string[], { start, end, changes }: Hunk, shift: number): string {
  const printed: string[] = [];
  let at = start;
  let added = 0;
  for (const change of changes) {
    for (const line of lines.slice(at, change.start)) printed.push(formatLine(' ', line));
    for (const line of lines.slice(change.start, change.end)) printed.push(formatLine('-', line));
    for (const line of change.lines) printed.push(formatLine('+', line));
    added += change.lines.length - (change.end - change.start);
    at = change.end;
  }
  for (const line of lines.slice(at, end)) printed.push(formatLine(' ', line));
  return `@@ -${formatRange(start, end - start)} +${formatRange(start + shift, end - start + added)} @@\n${printed.join('')}`;
}

/** A range of zero lines has the number of the line before it. */
function formatRange(start: number, count: number): string {
  return `${count === 0 ? start : start + 1},${count}`;
}

function formatLine(sign: string, line: string): string {
  const shown = holdsCredential(line) ? 'not shown, as it holds credentials\n' : line;
  return `${sign}${shown}${shown.endsWith('\n') ? '' : '\n\\ No newline at end of file\n'}`;
}

/** In YAML the value of a variable is below its name, which may be that of a password. */
function isShown(line = ''): boolean {
  return !/^(?:---|\s*-?\s*["']?value["']?\s*:)/.test(line) && !holdsCredential(line);
}

function holdsCredential(line: string): boolean {
  if (introducesSecret(line) || findToken(line) >= 0) return true;
  return line.split(/[\s"',]+/).some((word) => /:[^@]*@/.test(word) && findUserinfo(word) >= 0);
}
