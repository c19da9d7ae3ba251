import { LONGEST_COMMENT } from '../../text/bounds.ts';
import { groupBy } from '../../text/list.ts';
import { listSkipped } from '../../report/blocks.ts';
import { escapeUnprintable } from '../../text/quote.ts';
import { formatPlace, summarize, type CheckReport } from '../format-check.ts';
import { LEVELS, listIssues, toRepositoryPath, type Issue, type Level } from './issues.ts';

const MARKS: Readonly<Record<Level, string>> = { error: '❌ error', warning: '⚠️ warning', note: 'ℹ️ notice' };

/** A part of a report: one object, or all issues without an object. `remedies`: what to do, each once. */
type Section = Readonly<{ title: string; level: Level; rows: readonly string[]; remedies: readonly string[] }>;

/**
 * Markdown for a comment on a pull request or the summary of a step: a table for each object, open if it has errors. Rows that do
 * not fit into a comment are only counted.
 */
export function formatMarkdown({ result, root }: CheckReport): string {
  const sections = listSections(listIssues(result, root), root);
  const head = `### pullguard\n\n${escape(summarize(result))}\n`;
  const notes = [...listSkipped(result.skipped), ...(result.notes ?? [])];
  const foot =
    notes.length === 0
      ? ''
      : `\n${notes
          .slice(0, MOST_NOTES)
          .map((note) => `- ${escape(note)}\n`)
          .join('')}`;
  let left = LONGEST_COMMENT - bytesOf(head) - bytesOf(foot) - bytesOf(formatLeft(Number.MAX_SAFE_INTEGER));
  let missing = 0;
  const shown = sections.map((section) => {
    const fitting = missing > 0 ? undefined : fit(section, left);
    missing += section.rows.length - (fitting?.rows ?? 0);
    left -= fitting === undefined ? 0 : bytesOf(fitting.text);
    return fitting?.text ?? '';
  });
  return `${head}${shown.join('')}${missing === 0 ? '' : formatLeft(missing)}${foot}`;
}

/** Most lines about rules that did not run and about the baseline. */
const MOST_NOTES = 20;

function formatLeft(count: number): string {
  return `\n${count} more are not listed here: run \`pullguard check\` to see them.\n`;
}

function listSections(issues: readonly Issue[], root: string): readonly Section[] {
  const keyOf = ({ file, object }: Issue): string => (object === undefined ? '' : `${file}\0${object}`);
  return groupBy(issues, keyOf).map((group) => {
    const [first] = group;
    const path = toRepositoryPath(first.file, root);
    return {
      title: first.object === undefined ? 'Not checked' : `<b>${escapeHtml(first.object)}</b> in ${escapeHtml(path)}`,
      level: LEVELS.find((wanted) => group.some(({ level }) => level === wanted)) ?? 'note',
      rows: group.map((issue) => formatRow(issue, root)),
      remedies: [...new Set(group.flatMap(({ remedy }) => remedy ?? []))].map((remedy) => `\nFix: ${escape(remedy)}\n`),
    };
  });
}

function formatRow({ level, check, file, line, column, message, detail = message }: Issue, root: string): string {
  const path = toRepositoryPath(file, root);
  const place = formatPlace({ file: path, ...(line !== undefined && { line, column: column ?? 1 }) });
  return `| ${MARKS[level]} | ${escape(place)} | ${escape(detail)} | ${escape(check)} |\n`;
}

/** The rows that fit, and their number; undefined if none fits. */
function fit({ title, level, rows, remedies }: Section, bytes: number): { text: string; rows: number } | undefined {
  const open = `\n<details${level === 'error' ? ' open' : ''}>\n<summary>${title}</summary>\n\n| | where | what | rule |\n|---|---|---|---|\n`;
  const close = `${remedies.join('')}\n</details>\n`;
  let size = bytesOf(open) + bytesOf(close);
  let count = 0;
  for (const row of rows) {
    size += bytesOf(row);
    if (size > bytes) break;
    count++;
  }
  return count === 0 ? undefined : { text: open + rows.slice(0, count).join('') + close, rows: count };
}

function bytesOf(text: string): number {
  return Buffer.byteLength(text);
}

/**
 * Escapes a text for Markdown: nothing in it formats, links, mentions a user or refers to an issue. An empty comment keeps GitHub
 * and GitLab from turning it into a link, and is not shown.
 */
function escape(text: string): string {
  return escapeHtml(text).replaceAll(/[\\`*_[\]|~$^]/g, String.raw`\$&`);
}

function escapeHtml(text: string): string {
  return escapeUnprintable(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll(/(?<!\w)@(?=\w)|(?<=\w)#(?=\d)|(?<!&)#(?=\w)/g, '$&<!-- -->')
    .replaceAll('://', ':<!-- -->//')
    .replaceAll(/www\./gi, (www) => `${www.slice(0, -1)}<!-- -->.`);
}
