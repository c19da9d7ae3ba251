import { writeFileSync } from 'node:fs';
import type { Finding } from '../engine/evaluate.ts';
import type { Policy } from '../engine/rule.ts';
import { createExclude } from '../manifest/exclude.ts';
import { describeCause } from '../manifest/files.ts';
import type { ManifestObject } from '../manifest/read-manifests.ts';
import { quote } from '../text/quote.ts';
import { createRecorded, formatBaseline, readBaseline, type BaselineEntry } from './baseline.ts';
import type { CheckResult, LocatedFinding, SuppressedFinding } from './format-check.ts';
import type { ReadManifest } from './fix.ts';
import { createIgnores } from './ignore-comments.ts';
import { UsageError } from './io.ts';
import { PackedList } from './packed-list.ts';

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
    finish: (result) => {
      if (writeBaseline !== undefined) return record(result, writeBaseline);
      return recorded === undefined ? result : leaveOut(result, recorded);
    },
  };
}

/** What is wrong with a comment is said until it is mended. */
function isRecordable({ workload }: Finding): boolean {
  return workload.kind !== 'comment';
}

function leaveOut(result: CheckResult, recorded: ReturnType<typeof createRecorded>): CheckResult {
  const left = hide(result, (finding) => isRecordable(finding) && recorded.has(finding));
  const objects = new Set(
    result.objects?.map(({ kind, namespace, name }) => JSON.stringify({ kind, namespace, name })),
  );
  const isInInput = ({ kind, namespace = '', name }: BaselineEntry): boolean =>
    objects.has(JSON.stringify({ kind, namespace, name }));
  return { ...left, notes: recorded.listStale(isInInput) };
}

/** Records what there is, which then is known. What could not be read is not in it, and still said. */
function record(result: CheckResult, file: string): CheckResult {
  const left = hide(result, isRecordable);
  const count = left.hidden?.baseline ?? 0;
  try {
    writeFileSync(file, formatBaseline(listRecordable(result)));
  } catch (error) {
    throw new UsageError(`the baseline ${quote(file)} cannot be written: ${describeCause(error)}`, { cause: error });
  }
  const notes = [
    `recorded ${count} ${count === 1 ? 'finding' : 'findings'} in ${quote(file)}: leave them out with --baseline`,
  ];
  return { ...left, notes };
}

function* listRecordable({ findings }: CheckResult): Generator<Finding> {
  for (const finding of findings) if (isRecordable(finding)) yield finding;
}

/** Without the findings that the baseline has. */
function hide(result: CheckResult, isKnown: (finding: Finding) => boolean): CheckResult {
  const findings = new PackedList<LocatedFinding>();
  const suppressed = new PackedList<SuppressedFinding>();
  for (const one of result.suppressed ?? []) suppressed.push(one);
  for (const finding of result.findings) {
    if (isKnown(finding)) suppressed.push({ ...finding, by: 'baseline' });
    else findings.push(finding);
  }
  const hidden = { baseline: result.findings.length - findings.length, ignored: result.hidden?.ignored ?? 0 };
  return { ...result, findings, suppressed, hidden };
}
