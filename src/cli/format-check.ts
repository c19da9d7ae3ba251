import type { Action } from '../policy/policy.ts';
import { escapeUnprintable } from '../text/quote.ts';
import { describeFinding, nameSubject } from '../report/finding.ts';
import { redact } from '../text/redact.ts';
import { formatFieldPath } from '../text/json.ts';
import type { Decision, Finding } from '../engine/evaluate.ts';
import type { Position } from '../manifest/document.ts';
import type { Unchecked } from './unchecked.ts';
import { listSkipped } from '../report/notes.ts';
import {
  countMarks,
  formatBlocks,
  formatCount,
  formatLines,
  markFinding,
  paintMark,
  type Block,
  type BlockLine,
} from '../report/blocks.ts';

/**
 * `endLine` and `endColumn`: what follows the last character of the value, where there is one. `input`: what the object was read from, if
 * it was rendered from the file.
 */
export type LocatedFinding = Finding &
  Position &
  Readonly<{ file: string; endLine?: number; endColumn?: number; input?: string }>;

/** A finding that is left out, by a comment in the file or by the baseline, and why. */
export type SuppressedFinding = LocatedFinding & Readonly<{ by: 'comment' | 'baseline'; reason?: string }>;

/** The result of checking all paths. */
export type CheckResult = Readonly<{
  findings: readonly LocatedFinding[];
  /** Files and places in them that could not be read. */
  errors: readonly Readonly<{ file: string; line?: number; column?: number; message: string }>[];
  /** Workloads checked, and exempt from it; other Kubernetes objects; documents that are not Kubernetes objects. */
  counts: Readonly<{ workloads: number; exempt: number; otherObjects: number; foreign: number }>;
  /** Rules that did not run, and the facts that they lacked. */
  skipped: Decision['skipped'];
  /** What was not checked, and why. */
  unchecked?: readonly Unchecked[];
  /** Findings that are left out: those of the baseline, and those that a comment ignores. */
  hidden?: Readonly<{ baseline: number; ignored: number }>;
  suppressed?: readonly SuppressedFinding[];
  /** Every workload that was in the input, exempt or not. */
  objects?: readonly Readonly<{ file: string; kind: string; namespace: string; name: string }>[];
  /** What is to be said besides, a sentence each. */
  notes?: readonly string[];
}>;

/** A block per workload with a line per finding; then what could not be read or checked, and the counts. */
export function formatCheckText(result: CheckResult, color: boolean): string {
  const errors = result.errors.map(
    (error) => `${formatPlace(error)}: ${paintMark('error', color)}: ${escapeUnprintable(error.message)}\n`,
  );
  const notes = [
    ...listUnchecked(result).map((one) => `${formatPlace(one)}: not checked: ${one.message}`),
    ...listSkipped(result.skipped),
    ...(result.notes ?? []),
  ];
  return [
    // Each remedy once: the reader of one check is usually the author of all of it.
    formatBlocks(listBlocks(result.findings), { color, repeatRemedies: false }),
    ...errors,
    ...notes.map((note) => `${escapeUnprintable(note)}\n`),
    `${summarize(result)}\n`,
  ].join('');
}

/** The findings of each workload of each file, in the order of the files. */
function listBlocks(findings: readonly LocatedFinding[]): readonly Block[] {
  const blocks = new Map<string, { title: string; lines: BlockLine[] }>();
  for (const finding of findings) {
    const title = nameObject(finding.workload);
    const key = `${finding.file}\0${title}`;
    const block = blocks.get(key) ?? { title, lines: [] };
    blocks.set(key, block);
    block.lines.push(toLine(finding));
  }
  return [...blocks.values()];
}

function toLine(finding: LocatedFinding): BlockLine {
  const where = finding.label === undefined ? '' : `${finding.label}: `;
  const text = `${where}${describeFinding(finding)} (${finding.rule})`;
  return { place: formatPlace(finding), ...markFinding(finding), text };
}

/** Findings of one object, as they stand below its name. */
export function listLines(findings: readonly LocatedFinding[]): string {
  return formatLines(
    findings.map((finding) => toLine(finding)),
    new Set(),
    false,
  );
}

export function nameObject(workload: Omit<LocatedFinding['workload'], 'podSpec'>): string {
  const { namespace } = workload;
  return `${nameSubject({ workload })}${namespace === '' ? '' : ` (namespace ${redact(namespace)})`}`;
}

/** Raised when a member is removed or changes its meaning, and not when one is added. */
const JSON_VERSION = 1;

/** One JSON document, as described in docs/check.md: `findings`, `errors`, `skipped` rules, and `summary`; and what is given besides. */
export function formatCheckJson(result: CheckResult, besides: object = {}): string {
  const { errors, counts, skipped, hidden, notes = [] } = result;
  const unchecked = listUnchecked(result);
  const summary = {
    ...counts,
    unchecked: unchecked.length,
    denied: count(result, 'deny'),
    warned: count(result, 'warn'),
    audited: count(result, 'audit'),
    ...(hidden && { inBaseline: hidden.baseline, ignored: hidden.ignored }),
  };
  return `${JSON.stringify({ version: JSON_VERSION, findings: result.findings.map((finding) => toJson(finding)), errors, skipped, ...(unchecked.length > 0 && { unchecked }), ...(notes.length > 0 && { notes }), ...besides, summary }, null, 2)}\n`;
}

function listUnchecked({ unchecked = [] }: CheckResult): readonly Unchecked[] {
  return unchecked;
}

function toJson(finding: LocatedFinding): object {
  const { file, line, column, endLine, endColumn, workload, label, at, value, suggestion, replacement, secret } =
    finding;
  const { rule, messageId, cause, faqItems, action, fixed, severity, remedy } = finding;
  const { kind, namespace, name } = workload;
  return {
    file,
    line,
    column,
    ...(endLine !== undefined && { endLine, endColumn }),
    kind,
    namespace,
    name,
    ...(label !== undefined && { part: label }),
    field: formatFieldPath(at),
    ...(value !== undefined && { value: redact(value) }),
    rule,
    messageId,
    ...(cause !== undefined && { cause }),
    faqItems,
    action,
    fixed,
    severity,
    message: describeFinding(finding),
    ...(suggestion !== undefined && { suggestion: redact(suggestion) }),
    ...(replacement !== undefined && { replacement: redact(replacement) }),
    ...(secret !== undefined && { secret: redact(secret) }),
    remedy,
  };
}

/** `2 workloads checked: 1 error`, and what was not checked. */
export function summarize(result: CheckResult): string {
  const { errors } = result;
  const { workloads, exempt, otherObjects, foreign } = result.counts;
  const { baseline = 0, ignored = 0 } = result.hidden ?? {};
  const found = countMarks(result.findings.map((finding) => markFinding(finding).mark));
  const unchecked = listUnchecked(result).length;
  const rest: readonly (readonly [count: number, text: string])[] = [
    [errors.length, `${formatCount(errors.length, 'problem')} reading the input`],
    [unchecked, `${unchecked} not checked`],
    [exempt, `${exempt} exempt`],
    [otherObjects, `${formatCount(otherObjects, 'object')} without images skipped`],
    [foreign, `${formatCount(foreign, 'document')} skipped, not Kubernetes objects`],
    [baseline, `${formatCount(baseline, 'finding')} in the baseline`],
    [ignored, `${formatCount(ignored, 'finding')} ignored`],
  ];
  const checked = `${formatCount(workloads, 'workload')} checked`;
  const isFine = found === '' && workloads > 0 && errors.length === 0 && unchecked === 0;
  const outcome = isFine ? 'no problems found' : found;
  return [
    outcome === '' ? checked : `${checked}: ${outcome}`,
    ...rest.filter(([count]) => count > 0).map(([, text]) => text),
  ].join('; ');
}

function count({ findings }: CheckResult, action: Action): number {
  return findings.filter((finding) => finding.action === action).length;
}

/** `shop.yaml:11:33`. */
export function formatPlace({ file, line, column }: { file: string; line?: number; column?: number }): string {
  const name = escapeUnprintable(file);
  return line === undefined ? name : `${name}:${line}:${column ?? 1}`;
}
