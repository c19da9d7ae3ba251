import { resolve } from 'node:path';
import { describeCause } from '../manifest/files.ts';
import { writeWhole } from '../manifest/replace-file.ts';
import { suggestOrList } from '../policy/errors.ts';
import { quote } from '../text/quote.ts';
import { formatCheckJson, formatCheckText, type CheckReport } from './format-check.ts';
import { formatGithub } from './formats/github.ts';
import { formatGitlab } from './formats/gitlab.ts';
import { formatJunit } from './formats/junit.ts';
import { formatMarkdown } from './formats/markdown.ts';
import { formatSarif } from './formats/sarif.ts';
import { UsageError, type Io } from './io.ts';

/** How each format is written, piece by piece if it allows that. */
const FORMATTERS = {
  text: formatCheckText,
  json: formatCheckJson,
  sarif: (report) => [formatSarif(report)],
  junit: (report) => [formatJunit(report)],
  github: (report) => [formatGithub(report)],
  gitlab: (report) => [formatGitlab(report)],
  markdown: (report) => [formatMarkdown(report)],
} as const satisfies Readonly<Record<string, (report: CheckReport, color: boolean) => Iterable<string>>>;

/** How `check` can report; `text` is for people. */
export type Format = keyof typeof FORMATTERS;
export const FORMATS = Object.keys(FORMATTERS) as readonly Format[];

/** A report in a file. */
export type OutputFile = Readonly<{ format: Format; path: string }>;

/** @throws UsageError for what is not `FORMAT=PATH`, and for a path that is given twice */
export function readOutputFiles(written: readonly string[]): readonly OutputFile[] {
  const files = written.map((each) => readOutputFile(each));
  const paths = files.map(({ path }) => resolve(path));
  const twice = files.find(({ path }, at) => paths.indexOf(resolve(path)) < at);
  if (twice !== undefined) {
    throw new UsageError(`--output-file writes ${quote(twice.path)} twice: give each report a file of its own`);
  }
  return files;
}

function readOutputFile(written: string): OutputFile {
  const [, name = '', path = ''] = /^([^=]*)=(.*)$/s.exec(written) ?? [];
  const format = FORMATS.find((each) => each === name);
  if (path === '')
    throw new UsageError(`--output-file ${quote(written)} is not FORMAT=PATH: write sarif=pullguard.sarif`);
  if (format === undefined) {
    throw new UsageError(`--output-file has an unknown format ${quote(name)}${suggestOrList(name, FORMATS)}`);
  }
  return { format, path };
}

/** Whether a file is one of the reports, which stands in a folder that is checked and is from the last run. */
export function isReport(file: string, files: readonly OutputFile[]): boolean {
  return files.some(({ path }) => resolve(path) === resolve(file));
}

/** A report in pieces of some size: one of a hundred thousand findings is never held as a whole. */
export function* formatReport(report: CheckReport, format: Format, color: boolean): Generator<string> {
  const formatPieces: (report: CheckReport, color: boolean) => Iterable<string> = FORMATTERS[format];
  let held = '';
  for (const piece of formatPieces(report, color)) {
    held += piece;
    if (held.length < PIECE) continue;
    yield held;
    held = '';
  }
  yield held;
}

/** Characters that are written at once. */
const PIECE = 64 * 1024;

/** Whether all files could be written; of each that could not it is said why, and the others are written. */
export function writeOutputFiles(files: readonly OutputFile[], report: CheckReport, stderr: Io['stderr']): boolean {
  let isWritten = true;
  for (const { format, path } of files) {
    try {
      writeWhole(path, formatReport(report, format, false));
    } catch (error) {
      stderr.write(`error: --output-file ${quote(path)} cannot be written: ${describeCause(error)}\n`);
      isWritten = false;
    }
  }
  return isWritten;
}
