import { styleText } from 'node:util';
import type { Finding } from '../engine/evaluate.ts';
import { listRemedies, listSkipped } from '../report/notes.ts';
import { escapeUnprintable } from '../text/quote.ts';
import { redact } from '../text/redact.ts';
import { describeFinding } from '../report/finding.ts';
import { formatTable } from '../text/table.ts';
import type { FindingGroup, Owner, Result } from './tally.ts';
import { isPod } from '../workload/kinds.ts';
import { formatFieldPath } from '../text/json.ts';
import type { ScanResult } from './scan-cluster.ts';

type Style = Parameters<typeof styleText>[0];
const STYLES: Readonly<Record<Result | 'error', Style>> = {
  denied: 'red',
  unfixed: 'yellow',
  warned: 'yellow',
  fixed: 'green',
  audited: 'gray',
  error: 'red',
};

const HEAD = ['NAMESPACE', 'WORKLOAD', 'RESULT', 'PODS', 'RULE', 'MESSAGE'];
const RESULT_COLUMN = HEAD.indexOf('RESULT');

/** `width` is that of the terminal; without it a finding is a line, however long. */
export type TableLook = Readonly<{ color: boolean; width: number | undefined }>;

/** A row per finding and owner, what could not be read or asked, and the counts. */
export function formatScanTable(result: ScanResult, { color, width }: TableLook): string {
  const paint = (word: string): string =>
    color && word in STYLES ? styleText(STYLES[word as Result], word, { validateStream: false }) : word;
  const table = formatTable(
    HEAD,
    result.groups.map((group) => toRow(group)),
    {
      ...(width !== undefined && { width }),
      paint: (cell, column) => (column === RESULT_COLUMN ? paint(cell) : cell),
    },
  );
  const notes = listNotes(result);
  const errors = result.errors.map((error) => `${paint('error')}: ${escapeUnprintable(error)}`);
  return [
    ...(result.groups.length > 0 ? [`${table}\n`] : []),
    ...[...notes, ...errors, summarize(result)].map((line) => `${line}\n`),
  ].join('');
}

/** One JSON document: `findings`, `unfixed` pods, `errors`, `notServed`, `unknown`, `skipped`, and `summary` with the counts. */
export function formatScanJson(result: ScanResult): string {
  const { groups, errors, notServed, unknown, skipped, counts } = result;
  const [unfixed, findings] = [true, false].map((wanted) =>
    groups.filter((group) => (group.result === 'unfixed') === wanted).map((group) => toJson(group)),
  );
  const summary = {
    ...counts,
    denied: count(result, 'denied'),
    warned: count(result, 'warned'),
    fixed: count(result, 'fixed'),
    audited: count(result, 'audited'),
  };
  return `${JSON.stringify({ findings, unfixed, errors, notServed, unknown, skipped, summary }, null, 2)}\n`;
}

function toRow({ namespace, owner, result, finding, pods }: FindingGroup): readonly string[] {
  const where = finding.label === undefined ? '' : `${finding.label}: `;
  const message = `${where}${describe(result, finding)}`;
  const cells = [namespace || '-', `${owner.kind}/${owner.name}`, result, pods === undefined ? '-' : String(pods)];
  return [...cells, finding.rule, message].map((cell) => escapeUnprintable(cell));
}

function toJson({ namespace, owner, result, finding, pods }: FindingGroup): object {
  const { label, at, value, rule, action, fixed, severity, remedy } = finding;
  const isUnfixed = result === 'unfixed';
  return {
    namespace,
    owner,
    ...(pods !== undefined && { pods }),
    ...(label !== undefined && { part: label }),
    field: formatFieldPath(at),
    ...(value !== undefined && { value: redact(value) }),
    rule,
    ...(!isUnfixed && { action, fixed }),
    // What a pod in the cluster was not given is not done.
    severity: isUnfixed ? 'warning' : severity,
    message: describe(result, finding),
    remedy: isUnfixed ? adviseNewPods(namespace, owner) : remedy,
  };
}

function describe(result: Result, finding: Finding): string {
  if (result !== 'unfixed') return describeFinding(finding);
  const { fix, ...found } = finding;
  return `${describeFinding(found)}; a new pod gets ${fix?.gives ?? 'it'}`;
}

/** What `kubectl rollout restart` can make new pods of. */
const RESTARTABLE: readonly string[] = ['apps/DaemonSet', 'apps/Deployment', 'apps/StatefulSet'];

function adviseNewPods(namespace: string, { group, kind, name }: Owner): string {
  if (RESTARTABLE.includes(`${group}/${kind}`)) {
    return `Run "kubectl -n ${namespace} rollout restart ${kind.toLowerCase()}/${name}".`;
  }
  return isPod({ group, kind })
    ? 'Delete the pod, and create it again.'
    : `Delete the pods; ${kind}/${name} makes new ones.`;
}

/** What the rows do not say by themselves, and what was not looked at. */
function listNotes({ groups, notServed, unknown, skipped }: ScanResult): readonly string[] {
  return [
    ...listRemedies(groups.filter(({ result }) => result !== 'unfixed').map(({ finding }) => finding)),
    ...(groups.some(({ result }) => result === 'unfixed') ? [UNFIXED] : []),
    ...listSkipped(skipped),
    ...unknown.map((problem) => `not known: ${problem}`),
    ...(notServed.length > 0 ? [`not in this cluster: ${notServed.join(', ')}`] : []),
  ].map((note) => escapeUnprintable(note));
}

const UNFIXED =
  'unfixed: let in without pullguard or before this policy; new pods are fixed, as kubectl rollout restart makes them';

/** In the words of the column RESULT. */
function summarize(result: ScanResult): string {
  const { groups, errors, counts } = result;
  const left = counts.leftOut > 0 ? `, ${plural(counts.leftOut, 'object')} exempt` : '';
  const checked = `${plural(counts.workloads, 'workload')} and ${plural(counts.pods, 'pod')} checked${left}`;
  if (groups.length === 0 && errors.length === 0) return `nothing found: ${checked}`;
  const told = (['warned', 'fixed', 'audited'] as const).map((word) => [count(result, word), word] as const);
  const found = [
    `${count(result, 'denied')} denied`,
    ...told.filter(([number]) => number > 0).map(([number, word]) => `${number} ${word}`),
    ...(counts.unfixedPods > 0 ? [`${plural(counts.unfixedPods, 'pod')} unfixed`] : []),
    ...(errors.length > 0 ? [plural(errors.length, 'error')] : []),
  ];
  return `${checked}: ${found.join(', ')}`;
}

function plural(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function count({ groups }: ScanResult, result: Result): number {
  return groups.filter((group) => group.result === result).length;
}
