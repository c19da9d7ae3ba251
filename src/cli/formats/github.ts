import { summarize, type CheckReport } from '../format-check.ts';
import { listSkipped } from '../../report/blocks.ts';
import { escapeUnprintable } from '../../text/quote.ts';
import { listIssues, toRepositoryPath, type Issue, type Level } from './issues.ts';

const COMMANDS: Readonly<Record<Level, string>> = { error: 'error', warning: 'warning', note: 'notice' };

/**
 * Commands of GitHub Actions that annotate the lines of a pull request, the most urgent first, as GitHub only shows ten errors,
 * ten warnings and ten notices of a step. The lines after them are for the log.
 */
export function formatGithub({ result, root }: CheckReport): string {
  const annotations = listIssues(result, root).map((issue) => formatAnnotation(issue, root));
  const notes = [...listSkipped(result.skipped), ...(result.notes ?? []), summarize(result)];
  return [...annotations, ...notes.map(formatLine)].map((line) => `${line}\n`).join('');
}

function formatAnnotation(issue: Issue, root: string): string {
  const { level, check, file, line, column, message, remedy } = issue;
  const properties = {
    file: toRepositoryPath(file, root),
    line,
    ...(issue.endLine !== undefined && { endLine: issue.endLine }),
    col: column,
    // For a value of several lines, GitHub would take this for a column of the first line.
    ...(issue.endLine === line && { endColumn: issue.endColumn }),
    title: `pullguard: ${check}`,
  };
  const written = Object.entries(properties).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${escapeProperty(String(value))}`],
  );
  const text = remedy === undefined ? message : `${message}\nFix: ${remedy}`;
  return `::${COMMANDS[level]} ${written.join(',')}::${escapeData(text)}`;
}

/** As in `@actions/core`: GitHub decodes only these. */
function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}

/** A line of the log. The runner would take `::` at its start, and `##[` anywhere, for a command. */
function formatLine(text: string): string {
  return escapeUnprintable(text)
    .replace(/^\s*::/, ': :')
    .replaceAll('##[', '# #[');
}
