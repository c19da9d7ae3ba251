import { readFileSync, writeFileSync } from 'node:fs';
import type { Finding } from '../engine/evaluate.ts';
import { describeCause, describeUnreadable } from '../manifest/files.ts';
import { isRecord } from '../text/json.ts';
import { quote } from '../text/quote.ts';
import { redact } from '../text/redact.ts';
import type { CheckResult, LocatedFinding, SuppressedFinding } from './format-check.ts';
import { UsageError } from './io.ts';
import { PackedList } from './packed-list.ts';

/** What tells a finding from others wherever it stands: no line, no wording, no credential. */
type BaselineEntry = Readonly<{
  rule: string;
  message: string;
  kind: string;
  namespace?: string;
  name: string;
  part?: string;
  image?: string;
  secret?: string;
}>;

export type BaselineOptions = Readonly<{
  /** Findings that are known, and left out. */
  baseline?: string;
  /** Where to record those that there are. */
  writeBaseline?: string;
}>;

export type Baseline = Readonly<{
  /** Whether a finding is recorded, and so neither reported nor fixed. */
  isKnown: (finding: Finding) => boolean;
  /** The result without what is recorded. Writes the baseline, if that is asked for. */
  finish: (result: CheckResult) => CheckResult;
}>;

/** @throws UsageError for a baseline that cannot be used */
export function openBaseline({ baseline, writeBaseline }: BaselineOptions): Baseline {
  const known = new Map(baseline === undefined ? [] : readBaseline(baseline).map((entry) => [keyOf(entry), entry]));
  return {
    isKnown: (finding) => known.has(keyOf(toEntry(finding))),
    finish: (result) => {
      if (writeBaseline !== undefined) return record(result, writeBaseline);
      return baseline === undefined ? result : leaveOut(result, baseline, known);
    },
  };
}

const HEAD = { apiVersion: 'pullguard.dev/v1alpha1', kind: 'Baseline' };

const TEXTS = ['rule', 'message', 'kind', 'namespace', 'name', 'part', 'image', 'secret'] as const;
const REQUIRED: ReadonlySet<string> = new Set(['rule', 'message', 'kind', 'name']);

export function toEntry({ rule, messageId, workload, label, value, secret }: Finding): BaselineEntry {
  return {
    rule,
    message: messageId,
    kind: workload.kind,
    ...(workload.namespace !== '' && { namespace: workload.namespace }),
    name: redact(workload.name),
    ...(label !== undefined && { part: label }),
    ...(value !== undefined && { image: redact(value) }),
    ...(secret !== undefined && { secret: redact(secret) }),
  };
}

/** One entry for findings that are the same, in an order that does not depend on that of the files: it is read in reviews. */
function formatBaseline(findings: Iterable<Finding>): string {
  const entries = new Map<string, BaselineEntry>();
  for (const finding of findings) if (isRecordable(finding)) entries.set(keyOf(toEntry(finding)), toEntry(finding));
  const sorted = [...entries].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, entry]) => entry);
  return `${JSON.stringify({ ...HEAD, findings: sorted }, null, 2)}\n`;
}

/** @throws UsageError saying what is wrong with the file */
function readBaseline(file: string): readonly BaselineEntry[] {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const why = error instanceof SyntaxError ? 'cannot be read: it is no JSON' : describeUnreadable(error);
    throw new UsageError(`the baseline ${quote(file)} ${why}`, { cause: error });
  }
  const findings = isRecord(content) && content['kind'] === HEAD.kind ? content['findings'] : undefined;
  if (!isRecord(content) || content['apiVersion'] !== HEAD.apiVersion || !Array.isArray(findings)) {
    throw new UsageError(`${quote(file)} is no baseline: make one with --write-baseline`);
  }
  return findings.map((entry, at) => readEntry(entry, at, file));
}

function readEntry(entry: unknown, at: number, file: string): BaselineEntry {
  const isEntry =
    isRecord(entry) &&
    TEXTS.every((key) => typeof entry[key] === 'string' || (entry[key] === undefined && !REQUIRED.has(key)));
  if (!isEntry) throw new UsageError(`the baseline ${quote(file)} cannot be read: findings[${at}] is no finding`);
  return Object.fromEntries(
    TEXTS.flatMap((key) => (entry[key] === undefined ? [] : [[key, entry[key]]])),
  ) as BaselineEntry;
}

function keyOf(entry: BaselineEntry): string {
  return JSON.stringify(TEXTS.map((key) => entry[key] ?? ''));
}

/** What is wrong with a comment is said until it is mended. */
function isRecordable({ workload }: Finding): boolean {
  return workload.kind !== 'comment';
}

function leaveOut(result: CheckResult, file: string, known: ReadonlyMap<string, BaselineEntry>): CheckResult {
  const left = new Map(known);
  const shown = hide(result, (finding) => {
    const key = keyOf(toEntry(finding));
    left.delete(key);
    return known.has(key);
  });
  return { ...shown, notes: listStale(file, [...left.values()], result.objects) };
}

/** More at once are not read. */
const MOST_STALE = 10;

/**
 * What of the baseline was not found, in sentences. Of objects that were not in the input nothing is known, as a commit hook
 * passes only the files that changed.
 */
function listStale(
  file: string,
  left: readonly BaselineEntry[],
  objects: CheckResult['objects'] = [],
): readonly string[] {
  const keyOfObject = ({ kind, namespace = '', name }: Pick<BaselineEntry, 'kind' | 'namespace' | 'name'>): string =>
    JSON.stringify([kind, namespace, name]);
  const inInput = new Set(objects.map(keyOfObject));
  const stale = left.filter((entry) => inInput.has(keyOfObject(entry)));
  const others = left.length - stale.length;
  const more = stale.length - MOST_STALE;
  const source = `baseline ${quote(file)}`;
  return [
    ...stale.slice(0, MOST_STALE).map((entry) => `${source}: no longer found: ${describeEntry(entry)}`),
    ...(more > 0 ? [`${source}: ${more} more are no longer found`] : []),
    ...(stale.length > 0 ? [`${source}: record what is left with --write-baseline`] : []),
    ...(others > 0
      ? [`${source}: ${others} ${others === 1 ? 'entry is' : 'entries are'} of objects that are not in the input`]
      : []),
  ];
}

function describeEntry({ rule, kind, name, part, image }: BaselineEntry): string {
  const object = `${redact(kind)}/${redact(name)}${part === undefined ? '' : ` ${redact(part)}`}`;
  return `${object}${image === undefined ? '' : `: ${quote(image)}`} (${redact(rule)})`;
}

/** Records what there is, which then is known. What could not be read is not in it, and still said. */
function record(result: CheckResult, file: string): CheckResult {
  const left = hide(result, () => true);
  const count = left.hidden?.baseline ?? 0;
  try {
    writeFileSync(file, formatBaseline(result.findings));
  } catch (error) {
    throw new UsageError(`the baseline ${quote(file)} cannot be written: ${describeCause(error)}`, { cause: error });
  }
  const notes = [
    `recorded ${count} ${count === 1 ? 'finding' : 'findings'} in ${quote(file)}: leave them out with --baseline`,
  ];
  return { ...left, notes };
}

/** Without the findings that the baseline has. */
function hide(result: CheckResult, isKnown: (finding: Finding) => boolean): CheckResult {
  const findings = new PackedList<LocatedFinding>();
  const suppressed = new PackedList<SuppressedFinding>();
  for (const one of result.suppressed ?? []) suppressed.push(one);
  for (const finding of result.findings) {
    if (isRecordable(finding) && isKnown(finding)) suppressed.push({ ...finding, by: 'baseline' });
    else findings.push(finding);
  }
  const hidden = { baseline: result.findings.length - findings.length, ignored: result.hidden?.ignored ?? 0 };
  return { ...result, findings, suppressed, hidden };
}
