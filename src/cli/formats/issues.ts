import { createHash } from 'node:crypto';
import { describeFinding, nameSubject } from '../../report/finding.ts';
import { markFinding } from '../../report/blocks.ts';
import { escapeUnprintable } from '../../text/quote.ts';
import { toEntry } from '../baseline.ts';
import { nameObject, type CheckResult, type LocatedFinding } from '../format-check.ts';
import { toRepositoryPath } from './repository-path.ts';

/** How urgent an issue is, in the words of other programs, most urgent first. */
export const LEVELS = ['error', 'warning', 'note'] as const;
export type Level = (typeof LEVELS)[number];

/** An entry of a report: a finding, input that cannot be read, or something that was not checked. */
export type Issue = Readonly<{
  level: Level;
  /** The rule, or `unreadable` or `not-checked`. */
  check: string;
  file: string;
  line?: number | undefined;
  column?: number | undefined;
  endLine?: number | undefined;
  endColumn?: number | undefined;
  /** The object, if the issue is about one, and what is wrong with it. */
  object?: string;
  detail?: string;
  /** What is wrong, and with what. */
  message: string;
  remedy?: string | undefined;
  /** The same in each run, even if the issue has moved within its file, and unique within a run. */
  fingerprint: string;
}>;

/** All issues, most urgent first and then in the order of the input. Their texts are escaped for a terminal. */
export function listIssues({ findings, errors, unchecked = [] }: CheckResult, root: string): readonly Issue[] {
  const toFingerprint = createFingerprints(root);
  const issues: readonly Issue[] = [
    ...errors.map((error) => ({
      ...({ ...error, level: 'error', check: 'unreadable', message: escapeUnprintable(error.message) } as const),
      fingerprint: toFingerprint(error.file, ['unreadable', error.message]),
    })),
    ...unchecked.map((one) => {
      const message = escapeUnprintable(one.message);
      const { file, line, column } = one;
      const fingerprint = toFingerprint(file, ['not-checked', message]);
      return { file, line, column, level: 'warning', check: 'not-checked', message, fingerprint } as const;
    }),
    ...Array.from(findings, (finding) => ({
      ...toIssue(finding),
      fingerprint: toFingerprint(finding.file, toEntry(finding)),
    })),
  ];
  return LEVELS.flatMap((wanted) => issues.filter(({ level }) => level === wanted));
}

function toIssue(finding: LocatedFinding): Omit<Issue, 'fingerprint'> {
  const { file, line, column, endLine, endColumn, rule, workload, label } = finding;
  return {
    ...{ file, line, column, endLine, endColumn, check: rule, level: levelOf(finding) },
    object: escapeUnprintable(nameObject(workload)),
    detail: `${label === undefined ? '' : `${escapeUnprintable(label)}: `}${describeFinding(finding)}`,
    message: `${nameSubject(finding)}: ${describeFinding(finding)}`,
    remedy: adviceOf(finding),
  };
}

/** What to do; undefined if the finding is fixed or harmless. */
export function adviceOf(finding: LocatedFinding): string | undefined {
  const { remedy } = markFinding(finding);
  return remedy === undefined ? undefined : escapeUnprintable(remedy);
}

/** What is wrong and what to do in one text. */
export function joinAdvice(message: string, remedy: string | undefined): string {
  return remedy === undefined ? message : `${message}${/[.?!]$/.test(message) ? '' : '.'} Fix: ${remedy}`;
}

export function levelOf(finding: LocatedFinding): Level {
  const { mark } = markFinding(finding);
  return mark === 'error' || mark === 'warning' ? mark : 'note';
}

/** Identical issues in one file get different fingerprints. */
export function createFingerprints(root: string): (file: string, identity: object) => string {
  const seen = new Map<string, number>();
  return (file, identity) => {
    const key = JSON.stringify([toRepositoryPath(file, root), identity]);
    const count = seen.get(key) ?? 0;
    seen.set(key, count + 1);
    return createHash('sha256')
      .update(`${key}${count === 0 ? '' : count}`)
      .digest('hex')
      .slice(0, 40);
  };
}
