import type { Decision, Finding } from '../engine/evaluate.ts';
import type { Position } from '../manifest/document.ts';
import {
  countMarks,
  createBlockFormat,
  formatCount,
  formatLines,
  listSkipped,
  markFinding,
  paintMark,
  type Block,
  type BlockLine,
  type Mark,
} from '../report/blocks.ts';
import { describeFinding, nameSubject } from '../report/finding.ts';
import { formatFieldPath, joinPointer } from '../text/json.ts';
import { groupBy, listSome } from '../text/list.ts';
import { escapeUnprintable, quote } from '../text/quote.ts';
import { redact } from '../text/redact.ts';
import type { Fixed, FixReport, Unfixed } from './fix-manifests.ts';
import type { FailOn } from './options.ts';
import type { List } from './packed-list.ts';
import type { Change } from './plan-fixes.ts';
import type { Unchecked } from './unchecked.ts';

/**
 * `endLine` and `endColumn`: what follows the last character of the value, where there is one. `input`: what the object was read
 * from, if it was rendered from the file.
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

/** The result of `check`, for all formats. */
export type CheckReport = Readonly<{
  result: CheckResult;
  /** What --fix wrote, or --diff shows. */
  fixes?: FixReport | undefined;
  /** What --fix would write. */
  fixable: readonly Fixed[];
  /** The lowest action of a finding that makes the command fail; `deny` by default. */
  failOn?: FailOn | undefined;
  /** The folder to which other programs take paths to be relative, as an absolute path. */
  root: string;
}>;

/** What was fixed, a block per workload with a line per finding, what could not be read or checked, and the counts. */
export function* formatCheckText(
  { result, fixes }: Pick<CheckReport, 'result' | 'fixes'>,
  color: boolean,
): Generator<string> {
  if (fixes !== undefined) yield formatFixText(fixes);
  // Each remedy once: the reader of one check is usually the author of all of it.
  const formatBlock = createBlockFormat({ color, repeatRemedies: false });
  for (const block of listBlocks(result.findings)) yield formatBlock(block);
  for (const error of result.errors)
    yield `${formatPlace(error)}: ${paintMark('error', color)}: ${escapeUnprintable(error.message)}\n`;
  for (const one of result.unchecked ?? [])
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

/** One JSON document, as described in docs/check.md: `findings`, `errors`, `skipped` rules, what was fixed, and `summary`. */
export function* formatCheckJson({ result, fixes }: Pick<CheckReport, 'result' | 'fixes'>): Generator<string> {
  const { errors, unchecked = [], counts, skipped, hidden, notes = [] } = result;
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
    errors,
    skipped,
    ...(unchecked.length > 0 && { unchecked }),
    ...(notes.length > 0 && { notes }),
    ...(fixes && toFixJson(fixes)),
    summary,
  };
  yield `${result.findings.length === 0 ? '' : '\n  '}],${JSON.stringify(rest, null, 2).slice(1)}\n`;
}

/** Members that do not apply are undefined, so that JSON leaves them out. */
function toJson(finding: LocatedFinding): object {
  const { file, line, column, endLine, endColumn, label, at, value, suggestion, replacement, secret } = finding;
  const { rule, messageId, cause, faqItems, action, fixed, severity, remedy } = finding;
  const { kind, namespace, name } = finding.workload;
  const hide = (text: string | undefined): string | undefined => (text === undefined ? undefined : redact(text));
  return {
    file,
    line,
    column,
    endLine,
    endColumn,
    kind,
    namespace,
    name,
    part: label,
    field: formatFieldPath(at),
    value: hide(value),
    rule,
    messageId,
    cause,
    faqItems,
    action,
    fixed,
    severity,
    message: describeFinding(finding),
    suggestion: hide(suggestion),
    replacement: hide(replacement),
    secret: hide(secret),
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
  const unchecked = result.unchecked?.length ?? 0;
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

/** The changes of files, one line each; empty if there was nothing to fix. */
function formatFixText({ mode, fixed, unfixed }: FixReport): string {
  const lines = fixed.map((one) => {
    const { file, before, change } = one;
    return mode === 'write'
      ? `${formatPlace(one)}: fixed: ${describeChange(change, 'replaced', 'added')}`
      : `${formatPlace({ file, ...before })}: can be fixed: ${describeChange(change, 'replace', 'add')}`;
  });
  return [...lines, ...listUnfixed(unfixed)].map((line) => `${escapeUnprintable(line)}\n`).join('');
}

/** The same for `-o json`, beside the remaining findings. */
function toFixJson({ mode, fixed, unfixed }: FixReport): object {
  return {
    [mode === 'write' ? 'fixed' : 'fixable']: fixed.map(({ file, line, column, before, change }) => ({
      file,
      ...(mode === 'write' ? { line, column } : before),
      ...toObjectJson(change.findings[0]),
      field: formatFieldPath(change.op === 'set' ? change.at : joinPointer(change.at, 'imagePullSecrets')),
      ...(change.op === 'set' ? { from: redact(change.from), to: change.to } : { added: change.names }),
      rules: listRules(change),
    })),
    notFixed: unfixed.map(({ file, line, column, finding, why }) => ({
      file,
      line,
      column,
      ...toObjectJson(finding),
      field: formatFieldPath(finding.at),
      rule: finding.rule,
      message: why,
    })),
  };
}

function toObjectJson({ workload: { kind, namespace, name }, label }: Unfixed['finding']): object {
  return { kind, namespace, name: redact(name), ...(label !== undefined && { part: label }) };
}

function describeChange(change: Change, replaced: string, added: string): string {
  const [first] = change.findings;
  const rules = listRules(change).join(', ');
  if (change.op === 'set') {
    return `${nameSubject(first)}: ${replaced} ${quote(change.from)} with ${quote(change.to)} (${rules})`;
  }
  const labels = [...new Set(change.findings.flatMap(({ label }) => label ?? []))];
  const needed =
    labels.length === 0 ? '' : `, which ${listSome(labels, 'and')} ${labels.length === 1 ? 'needs' : 'need'}`;
  const names = change.names.map((name) => quote(name)).join(' and ');
  return `${nameSubject({ workload: first.workload })}: ${added} imagePullSecrets ${names}${needed} (${rules})`;
}

function listRules({ findings }: Change): readonly string[] {
  return [...new Set(findings.map(({ rule }) => rule))];
}

/** One line for each reason, as many objects have the same one. */
function listUnfixed(unfixed: readonly Unfixed[]): readonly string[] {
  return groupBy(unfixed, ({ finding, why }) => `${finding.rule} ${why}`).map(([first, ...others]) => {
    const more = others.length === 0 ? '' : ` and ${others.length} more`;
    return `${formatPlace(first)}: not fixed: ${nameSubject(first.finding)}${more}: ${first.why} (${first.finding.rule})`;
  });
}

/** `shop.yaml:11:33`. */
export function formatPlace({ file, line, column }: { file: string; line?: number; column?: number }): string {
  const name = escapeUnprintable(file);
  return line === undefined ? name : `${name}:${line}:${column ?? 1}`;
}
