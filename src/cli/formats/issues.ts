import { createHash } from 'node:crypto';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describeFinding, nameSubject } from '../../report/finding.ts';
import { markFinding } from '../../report/blocks.ts';
import { escapeUnprintable } from '../../text/quote.ts';
import { toEntry } from '../baseline.ts';
import { STDIN } from '../check-inputs.ts';
import { nameObject, type CheckResult, type LocatedFinding } from '../format-check.ts';

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
    file,
    line,
    column,
    endLine,
    endColumn,
    check: rule,
    level: levelOf(finding),
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

/**
 * The folder to which a CI takes the paths in reports to be relative: the repository, even if a step works in one of its folders.
 * Outside of a CI, the working directory.
 */
export function findRoot(cwd: string, env: Readonly<Record<string, string | undefined>>): string {
  const roots = [env['GITHUB_WORKSPACE'], env['CI_PROJECT_DIR']].filter(
    (root) => root !== undefined && isAbsolute(root),
  );
  return roots.find((root) => root !== undefined && isWithin(relative(root, cwd))) ?? cwd;
}

/** `apps/shop.yaml`: relative to the root, with `/`. A file outside of the root keeps its absolute path. */
export function toRepositoryPath(file: string, root: string): string {
  if (file === STDIN) return 'stdin';
  const path = relative(root, resolve(file));
  return isWithin(path) ? path.replaceAll(sep, '/') : resolve(file).replaceAll(sep, '/');
}

/** The same as a relative URI, or as a `file:` URI outside of the root. */
export function toUri(file: string, root: string): string {
  const path = toRepositoryPath(file, root);
  if (isAbsolute(path)) return pathToFileURL(path).href;
  return path.split('/').map(encodeSegment).join('/');
}

function isWithin(path: string): boolean {
  return !isAbsolute(path) && path !== '..' && !path.startsWith(`..${sep}`);
}

/** A lone surrogate, from a file name that is not UTF-8, cannot be encoded. */
function encodeSegment(segment: string): string {
  return encodeURIComponent(segment.replaceAll(/\p{Cs}/gu, '\ufffd'));
}
