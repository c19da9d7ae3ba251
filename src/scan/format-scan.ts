import type { CauseCode } from '../cause/causes.ts';
import type { Finding } from '../engine/evaluate.ts';
import { readReference } from '../image/reference.ts';
import {
  countMarks,
  formatBlocks,
  formatCount,
  markFinding,
  paintMark,
  type Block,
  type BlockLine,
  type Mark,
} from '../report/blocks.ts';
import { listSkipped } from '../report/blocks.ts';
import { escapeUnprintable } from '../text/quote.ts';
import { redact } from '../text/redact.ts';
import { describeFinding } from '../report/finding.ts';
import type { FindingGroup, Owner, Result } from './tally.ts';
import { isPod } from '../workload/kinds.ts';
import { formatFieldPath } from '../text/json.ts';
import type { ScanResult } from './scan-cluster.ts';

/** A block per owner with a line per finding; then what was not checked, what could not be read, and the counts. */
export function formatScanText(result: ScanResult, color: boolean): string {
  const errors = result.errors.map((error) => `${paintMark('error', color)}: ${escapeUnprintable(error)}\n`);
  return [
    // Remedies again in each block, as each may go to another team.
    formatBlocks(listBlocks(result.groups), { color, repeatRemedies: true }),
    ...listNotes(result).map((note) => `${escapeUnprintable(note)}\n`),
    ...errors,
    `${summarize(result)}\n`,
  ].join('');
}

/** Groups of findings come sorted by owner. */
function listBlocks(groups: readonly FindingGroup[]): readonly Block[] {
  const blocks = new Map<string, { title: string; lines: BlockLine[] }>();
  for (const group of groups) {
    const title = nameOwner(group);
    const block = blocks.get(title) ?? { title, lines: [] };
    blocks.set(title, block);
    block.lines.push(toLine(group));
  }
  return [...blocks.values()];
}

function nameOwner({ namespace, owner }: FindingGroup): string {
  return `${owner.kind}/${redact(owner.name)}${namespace === '' ? '' : ` (namespace ${redact(namespace)})`}`;
}

function toLine(group: FindingGroup): BlockLine {
  const { result, finding, owner, pods } = group;
  const where = [
    ...(pods === undefined || isPod(owner) ? [] : [formatCount(pods, 'Pod')]),
    ...(finding.label === undefined ? [] : [finding.label]),
  ].join(', ');
  const text = `${where === '' ? '' : `${where}: `}${describe(result, finding)} (${finding.rule})`;
  return { ...(result === 'unfixed' ? markUnfixed(group) : markFinding(finding)), text };
}

function markUnfixed({ namespace, owner }: FindingGroup): Pick<BlockLine, 'mark' | 'remedy'> {
  return { mark: 'unfixed', remedy: adviseNewPods(namespace, owner) };
}

/**
 * One JSON document: `waiting` with the details of each waiting Pod, `findings`, `unfixed` Pods, `errors`, `notServed`,
 * `unknown`, `skipped`, and `summary` with the counts.
 */
export function formatScanJson(result: ScanResult, waiting: readonly object[]): string {
  const { groups, errors, notServed, unknown, skipped, counts } = result;
  const [unfixed, findings] = [true, false].map((wanted) =>
    groups.filter((group) => (group.result === 'unfixed') === wanted).map((group) => toRow(group)),
  );
  const summary = {
    ...counts,
    denied: count(result, 'denied'),
    warned: count(result, 'warned'),
    fixed: count(result, 'fixed'),
    audited: count(result, 'audited'),
  };
  return `${JSON.stringify({ waiting, findings, unfixed, errors, notServed, unknown, skipped, summary }, null, 2)}\n`;
}

/** A finding for all reports except text: redacted, and only with what may be shown. */
export type ScanRow = Readonly<{
  namespace: string;
  owner: Owner;
  /** How many Pods have it; absent if it is in a template. */
  pods?: number;
  part?: string;
  field: string;
  value?: string;
  /** The registry of the image, if the value is an image. */
  registry?: string;
  rule: string;
  messageId: string;
  cause?: CauseCode;
  faqItems: readonly number[];
  action?: Finding['action'];
  fixed?: Finding['fixed'];
  severity: Finding['severity'];
  message: string;
  remedy: string;
}>;

export function toRow({ namespace, owner, result, finding, pods }: FindingGroup): ScanRow {
  const { label, at, value, rule, messageId, cause, faqItems, action, fixed, severity, remedy } = finding;
  const isUnfixed = result === 'unfixed';
  const registry = value === undefined || !IS_IMAGE.test(at) ? undefined : readReference(value)?.registry;
  return {
    namespace,
    owner: { ...owner, name: redact(owner.name) },
    ...(pods !== undefined && { pods }),
    ...(label !== undefined && { part: label }),
    field: formatFieldPath(at),
    ...(value !== undefined && { value: redact(value) }),
    ...(registry !== undefined && { registry }),
    rule,
    messageId,
    ...(cause !== undefined && { cause }),
    faqItems,
    ...(!isUnfixed && { action, fixed }),
    // The fix is missing in a running Pod.
    severity: isUnfixed ? 'warning' : severity,
    message: describe(result, finding),
    remedy: isUnfixed ? adviseNewPods(namespace, owner) : remedy,
  };
}

/** Matches the field of an image, of a container or of a volume. */
const IS_IMAGE = /\/(?:image|reference)$/;

/** The word in text output for how urgent a finding is. */
export function markOf({ result, finding }: Pick<FindingGroup, 'result' | 'finding'>): Mark {
  return result === 'unfixed' ? 'unfixed' : markFinding(finding).mark;
}

function describe(result: Result, finding: Finding): string {
  if (result !== 'unfixed') return describeFinding(finding);
  // Describes what the running Pod lacks by what new Pods get; the advice is in the remedy.
  return finding.fix === undefined ? describeFinding(finding) : escapeUnprintable(`new Pods get ${finding.fix.coming}`);
}

/** The kinds that `kubectl rollout restart` takes. */
const RESTARTABLE: readonly string[] = ['apps/DaemonSet', 'apps/Deployment', 'apps/StatefulSet'];

function adviseNewPods(namespace: string, { group, kind, name }: Owner): string {
  if (RESTARTABLE.includes(`${group}/${kind}`)) {
    return `Run "kubectl -n ${namespace} rollout restart ${kind.toLowerCase()}/${name}".`;
  }
  return isPod({ group, kind })
    ? 'Delete this Pod and create it again.'
    : `Delete the Pods; ${kind}/${name} creates new ones.`;
}

/** What was not checked, and why. */
export function listNotes({ notServed, unknown, skipped }: ScanResult): readonly string[] {
  return [
    ...listSkipped(skipped),
    ...unknown.map((problem) => `unknown: ${problem}`),
    ...(notServed.length > 0 ? [`not in this cluster: ${notServed.join(', ')}`] : []),
  ];
}

function summarize({ groups, errors, counts }: ScanResult): string {
  const exempt = counts.leftOut > 0 ? `, ${formatCount(counts.leftOut, 'object')} exempt` : '';
  const checked = `${formatCount(counts.workloads, 'workload')} and ${formatCount(counts.pods, 'Pod')} checked${exempt}`;
  const marks = groups.filter(({ result }) => result !== 'unfixed').map(({ finding }) => markFinding(finding).mark);
  const found = [
    countMarks(marks),
    ...(counts.unfixedPods > 0 ? [`${formatCount(counts.unfixedPods, 'Pod')} unfixed`] : []),
  ].filter((part) => part !== '');
  if (errors.length === 0) return `${checked}: ${found.length === 0 ? 'no problems found' : found.join(', ')}`;
  const outcome = found.length === 0 ? checked : `${checked}: ${found.join(', ')}`;
  return `${outcome}; ${formatCount(errors.length, 'problem')} reading the cluster`;
}

function count({ groups }: ScanResult, result: Result): number {
  return groups.filter((group) => group.result === result).length;
}
