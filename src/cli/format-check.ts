import { escapeUnprintable } from '../text/quote.ts';
import { describeFinding, nameSubject } from '../report/finding.ts';
import { redact } from '../text/redact.ts';
import { formatFieldPath } from '../text/json.ts';
import type { Decision, Finding } from '../engine/evaluate.ts';
import type { Position } from '../manifest/document.ts';
import type { List } from './packed-list.ts';
import type { Unchecked } from './unchecked.ts';
import { listSkipped } from '../report/notes.ts';
import {
  countMarks,
  createBlockFormat,
  formatCount,
  formatLines,
  markFinding,
  paintMark,
  type Block,
  type BlockLine,
  type Mark,
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
  findings: List<LocatedFinding>;
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
  suppressed?: List<SuppressedFinding>;
  /** Every workload that was in the input, exempt or not. */
  objects?: readonly Readonly<{ file: string; kind: string; namespace: string; name: string }>[];
  /** What is to be said besides, a sentence each. */
  notes?: readonly string[];
}>;

/** A block per workload with a line per finding; then what could not be read or checked, and the counts. Piece by piece. */
export function* formatCheckText(result: CheckResult, color: boolean): Generator<string> {
  // Each remedy once: the reader of one check is usually the author of all of it.
  const formatBlock = createBlockFormat({ color, repeatRemedies: false });
  for (const block of listBlocks(result.findings)) yield formatBlock(block);
  for (const error of result.errors)
    yield `${formatPlace(error)}: ${paintMark('error', color)}: ${escapeUnprintable(error.message)}\n`;
  for (const one of listUnchecked(result))
    yield `${escapeUnprintable(`${formatPlace(one)}: not checked: ${one.message}`)}\n`;
  for (const note of [...listSkipped(result.skipped), ...(result.notes ?? [])]) yield `${escapeUnprintable(note)}\n`;
  yield `${summarize(result)}\n`;
}

/** The findings of each workload of each file, in the order of the files; each as soon as it is known as a whole. */
function* listBlocks(findings: CheckResult['findings']): Generator<Block> {
  const counts = new Map<string, number>();
  for (const finding of findings) counts.set(keyOf(finding), (counts.get(keyOf(finding)) ?? 0) + 1);
  const open = new Map<string, { title: string; lines: BlockLine[] }>();
  for (const finding of findings) {
    const block = open.get(keyOf(finding)) ?? { title: nameObject(finding.workload), lines: [] };
    block.lines.push(toLine(finding));
    open.set(keyOf(finding), block);
    for (const [key, first] of open) {
      if (first.lines.length < (counts.get(key) ?? 0)) break;
      yield first;
      open.delete(key);
    }
  }
}

function keyOf({ file, workload }: LocatedFinding): string {
  return `${file}\0${nameObject(workload)}`;
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
export function* formatCheckJson(result: CheckResult, besides: object = {}): Generator<string> {
  const { errors, counts, skipped, hidden, notes = [] } = result;
  const unchecked = listUnchecked(result);
  const actions = { deny: 0, warn: 0, audit: 0, off: 0 };
  yield `{\n  "version": ${JSON_VERSION},\n  "findings": [`;
  let before = '\n    ';
  for (const finding of result.findings) {
    actions[finding.action]++;
    yield before + JSON.stringify(toJson(finding), null, 2).replaceAll('\n', '\n    ');
    before = ',\n    ';
  }
  const summary = {
    ...counts,
    unchecked: unchecked.length,
    denied: actions.deny,
    warned: actions.warn,
    audited: actions.audit,
    ...(hidden && { inBaseline: hidden.baseline, ignored: hidden.ignored }),
  };
  const rest = {
    ...{ errors, skipped, ...(unchecked.length > 0 && { unchecked }), ...(notes.length > 0 && { notes }) },
    ...{ ...besides, summary },
  };
  yield `${result.findings.length === 0 ? '' : '\n  '}],${JSON.stringify(rest, null, 2).slice(1)}\n`;
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

function* listMarks(findings: CheckResult['findings']): Generator<Mark> {
  for (const finding of findings) yield markFinding(finding).mark;
}

/** `2 workloads checked: 1 error`, and what was not checked. */
export function summarize(result: CheckResult): string {
  const { errors } = result;
  const { workloads, exempt, otherObjects, foreign } = result.counts;
  const { baseline = 0, ignored = 0 } = result.hidden ?? {};
  const found = countMarks(listMarks(result.findings));
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

/** `shop.yaml:11:33`. */
export function formatPlace({ file, line, column }: { file: string; line?: number; column?: number }): string {
  const name = escapeUnprintable(file);
  return line === undefined ? name : `${name}:${line}:${column ?? 1}`;
}
