import type { CheckReport } from '../format-check.ts';
import { joinAdvice, listIssues, toRepositoryPath, type Issue, type Level } from './issues.ts';

const SEVERITIES: Readonly<Record<Level, string>> = { error: 'major', warning: 'minor', note: 'info' };

/** A Code Quality report for GitLab, in the part of the Code Climate format that GitLab reads. */
export function formatGitlab({ result, root }: CheckReport): string {
  return `${JSON.stringify(
    listIssues(result, root).map((issue) => toEntry(issue, root)),
    null,
    2,
  )}\n`;
}

function toEntry({ check, file, line, endLine, level, message, remedy, fingerprint }: Issue, root: string): object {
  return {
    description: joinAdvice(message, remedy),
    check_name: check,
    fingerprint,
    severity: check === 'unreadable' ? 'blocker' : SEVERITIES[level],
    location: {
      path: toRepositoryPath(file, root),
      // GitLab drops entries without a line.
      lines: { begin: line ?? 1, ...(endLine !== undefined && { end: endLine }) },
    },
  };
}
