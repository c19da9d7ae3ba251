import { writeFileSync } from 'node:fs';
import type { Finding } from '../engine/evaluate.ts';
import type { Policy } from '../engine/rule.ts';
import { createExclude } from '../manifest/exclude.ts';
import { describeCause } from '../manifest/files.ts';
import type { ManifestObject } from '../manifest/read-manifests.ts';
import { quote } from '../text/quote.ts';
import { createRecorded, formatBaseline, readBaseline, type BaselineEntry } from './baseline.ts';
import type { CheckResult, SuppressedFinding } from './format-check.ts';
import type { ReadManifest } from './fix.ts';
import { createIgnores, type Ignores } from './ignore-comments.ts';
import { UsageError } from './io.ts';

export type ExceptionOptions = Readonly<{
  /** Findings that are known, and left out. */
  baseline?: string;
  /** Where to record those that there are. */
  writeBaseline?: string;
  /** Files that are not looked at. */
  exclude?: readonly string[];
}>;

/** What is left out of a report, and why: files, what comments ignore, and what is known. */
export type Exceptions = Readonly<{
  isExcluded: (file: string) => boolean;
  /** What is not to be fixed, as it is not reported; of the texts as they were read. */
  watch: (read: readonly ReadManifest[]) => (finding: Finding, manifest: ManifestObject, file: string) => boolean;
  /** The result of one file, without what its comments ignore, and with what is wrong with them. */
  apply: (result: CheckResult, file: string, ignores: Ignores) => CheckResult;
  /** The result of all files, without what is recorded. Writes the baseline, if that is asked for. */
  finish: (result: CheckResult) => CheckResult;
}>;

/** @throws UsageError for a pattern or a baseline that cannot be used */
export function createExceptions(options: ExceptionOptions, policy: Policy, paths: readonly string[]): Exceptions {
  const { baseline, writeBaseline, exclude = [] } = options;
  const isExcluded = createExclude(exclude, paths);
  if (isExcluded === undefined)
    throw new UsageError(
      `--exclude has a pattern with an open "[" or a "\\" at its end: ${exclude.map((each) => quote(each)).join(', ')}`,
    );
  const known = baseline === undefined ? undefined : readBaseline(baseline);
  const recorded = known && createRecorded(known);
  return {
    isExcluded,
    watch: (read) => {
      const ignores = new Map(read.map(({ file, text = '' }) => [file, createIgnores(text, policy)]));
      const before = known && createRecorded(known);
      return (finding, manifest, file) =>
        before?.has(finding) === true ||
        ignores.get(file)?.isIgnored({ ...finding, ...manifest.locate(finding.at) }) === true;
    },
    apply: applyIgnores,
    finish: (result) => {
      if (writeBaseline !== undefined) return record(result, writeBaseline);
      return recorded === undefined ? result : leaveOut(result, recorded);
    },
  };
}

function applyIgnores(result: CheckResult, file: string, { isIgnored, reasonOf, report }: Ignores): CheckResult {
  const left = new Set(result.findings.filter((finding) => isIgnored(finding)));
  const findings = result.findings.filter((finding) => !left.has(finding));
  const skipped = new Set(result.skipped.map(({ rule }) => rule));
  const problems = report(file, (rule) => !skipped.has(rule));
  const ignored = left.size;
  if (ignored === 0 && problems.length === 0) return result;
  return {
    ...result,
    findings: [...findings, ...problems].sort((left, right) => left.line - right.line || left.column - right.column),
    hidden: { baseline: 0, ignored },
    suppressed: [...left].map((finding) => ({ ...finding, by: 'comment', reason: reasonOf(finding) })),
  };
}

/** What is wrong with a comment is said until it is mended. */
function isRecordable({ workload }: Finding): boolean {
  return workload.kind !== 'comment';
}

function leaveOut(result: CheckResult, recorded: ReturnType<typeof createRecorded>): CheckResult {
  const left = new Set(result.findings.filter((finding) => isRecordable(finding) && recorded.has(finding)));
  const findings = result.findings.filter((finding) => !left.has(finding));
  const objects = new Set(
    result.objects?.map(({ kind, namespace, name }) => JSON.stringify({ kind, namespace, name })),
  );
  const isInInput = ({ kind, namespace = '', name }: BaselineEntry): boolean =>
    objects.has(JSON.stringify({ kind, namespace, name }));
  return {
    ...result,
    findings,
    hidden: { baseline: result.findings.length - findings.length, ignored: result.hidden?.ignored ?? 0 },
    suppressed: [...(result.suppressed ?? []), ...suppressKnown([...left])],
    notes: recorded.listStale(isInInput),
  };
}

function suppressKnown(findings: CheckResult['findings']): readonly SuppressedFinding[] {
  return findings.map((finding) => ({ ...finding, by: 'baseline' }));
}

/** Records what there is, which then is known. What could not be read is not in it, and still said. */
function record(result: CheckResult, file: string): CheckResult {
  const findings = result.findings.filter((finding) => isRecordable(finding));
  try {
    writeFileSync(file, formatBaseline(findings));
  } catch (error) {
    throw new UsageError(`the baseline ${quote(file)} cannot be written: ${describeCause(error)}`, { cause: error });
  }
  return {
    ...result,
    findings: result.findings.filter((finding) => !isRecordable(finding)),
    hidden: { baseline: findings.length, ignored: result.hidden?.ignored ?? 0 },
    suppressed: [...(result.suppressed ?? []), ...suppressKnown(findings)],
    notes: [
      `recorded ${findings.length} ${findings.length === 1 ? 'finding' : 'findings'} in ${quote(file)}: leave them out with --baseline`,
    ],
  };
}
