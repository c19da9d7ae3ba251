import { causeOf } from '../cause/causes.ts';
import type { Diagnosis } from '../cause/diagnosis.ts';
import type { Report } from '../cause/reported-failures.ts';
import { formatCount } from '../report/blocks.ts';
import { groupBy, listSome } from '../text/list.ts';
import { escapeUnprintable, shorten } from '../text/quote.ts';
import { redactMessage } from '../text/redact.ts';
import { paint } from './terminal.ts';

/** A report of a failed pull, and its diagnosis. */
export type Diagnosed = Readonly<{
  report: Report;
  diagnosis: Diagnosis;
  /** What else is known about it, if a cluster was read. */
  found?: readonly string[];
  /** Causes that are ruled out, and why. */
  ruledOut?: readonly string[];
  /** The node and its details. */
  node?: string;
}>;

/** One line of JSON for one report. */
export function toDiagnosisJson(diagnosed: Diagnosed): string {
  return `${JSON.stringify(toDiagnosisObject(diagnosed))}\n`;
}

/** The same for a message that reports no failure, and so has no cause. */
export function toWellJson({ message }: Report): string {
  return `${JSON.stringify({ message: redactMessage(message), faqItem: null })}\n`;
}

/** Members that do not apply are undefined, so that JSON leaves them out. */
export function toDiagnosisObject({ report, diagnosis, found = [], ruledOut = [] }: Diagnosed): object {
  const { cause, faqItem, image, host, registry, remedy, alternatives } = diagnosis;
  const { namespace, pod, owner, node, since, count } = report;
  return {
    message: redactMessage(report.message),
    cause,
    faqItem,
    image,
    host,
    registry,
    pod: pod === undefined ? undefined : redactMessage(namespace === undefined ? pod : `${namespace}/${pod}`),
    owner: owner === undefined ? undefined : redactMessage(owner),
    node: node === undefined ? undefined : redactMessage(node),
    since,
    count,
    remedy,
    alternatives:
      alternatives.length === 0
        ? undefined
        : alternatives.map((each) => ({ cause: each.cause, faqItem: each.faqItem, check: each.check })),
    found: found.length === 0 ? undefined : found.map((text) => redactMessage(text)),
    ruledOut: ruledOut.length === 0 ? undefined : ruledOut,
  };
}

type FormatOptions = Readonly<{
  /** Whether each group starts with its number of Pods. */
  counts?: boolean;
  color?: boolean;
  /** The text if there is nothing to report. */
  nothing?: string;
}>;

/** Leaves out reports that only say that kubelet waits, if another one of the same Pod has a reason. */
export function keepReasons<One extends Diagnosed>(diagnosed: readonly One[]): readonly One[] {
  const keyOf = ({ report }: Diagnosed): string => JSON.stringify([report.namespace, report.pod]);
  const hasReason = ({ diagnosis }: Diagnosed): boolean => diagnosis.cause !== 'back-off';
  const explained = new Set(diagnosed.filter(hasReason).map(keyOf));
  return diagnosed.filter((each) => hasReason(each) || !explained.has(keyOf(each)));
}

/** Reports with the same cause at the same registry, host or image. */
type DiagnosisGroup = readonly [Diagnosed, ...Diagnosed[]];

/** Text output: each cause once, those with the most Pods first, with the event and what to do. */
export function formatDiagnoses(
  diagnosed: readonly Diagnosed[],
  { counts = false, color = false, nothing = 'no failed pulls\n' }: FormatOptions = {},
): string {
  if (diagnosed.length === 0) return nothing;
  return groupDiagnoses(diagnosed)
    .map((group) => formatGroup(group, { counts, color }))
    .join('\n');
}

/** Groups with the most Pods first. */
export function groupDiagnoses(diagnosed: readonly Diagnosed[]): readonly DiagnosisGroup[] {
  const groups = groupBy(diagnosed, ({ diagnosis }) => {
    const { cause, host, registry, image, says } = diagnosis;
    const where = cause === 'unknown' ? says : (host ?? registry ?? '');
    return JSON.stringify([cause, where, isOfImage(diagnosis) ? image : '']);
  });
  return groups.toSorted((a, b) => countPods(b) - countPods(a));
}

function countPods(members: DiagnosisGroup): number {
  return new Set(members.map(({ report }) => `${report.namespace ?? ''}/${report.pod ?? ''}`)).size;
}

/** Whether the cause does not affect other images of the registry. */
function isOfImage({ faqItem, cause }: Diagnosis): boolean {
  return faqItem === 2 || ['platform-missing', 'not-an-image', 'schema-1', 'image-too-large'].includes(cause);
}

function formatGroup(group: DiagnosisGroup, { counts, color }: Required<Omit<FormatOptions, 'nothing'>>): string {
  const { head, rows } = describeGroup(group, counts);
  return `${paint('red', head, color)}\n${rows.map(([row, value]) => `  ${row.padEnd(7)}${value}\n`).join('')}`;
}

/** `head`: what fails, and where, in one line. `rows`: named details, such as the event and what to do. */
export function describeGroup(
  members: DiagnosisGroup,
  counts: boolean,
): Readonly<{ head: string; rows: readonly (readonly [name: string, value: string])[] }> {
  const { says, name, cause, faqItem, host, registry, remedy, alternatives } = members[0].diagnosis;
  const of = (pick: (each: Diagnosed) => string | undefined): readonly string[] => [
    ...new Set(members.flatMap((each) => pick(each) ?? [])),
  ];
  const images = of((each) => each.diagnosis.image);
  const pods = of(({ report }) => nameOf(report.namespace, report.pod));
  const owners = of(({ report }) => report.owner);
  const nodes = of(({ report }) => report.node);
  const describedNodes = of(({ report, node }) => node ?? report.node);
  const since = of(({ report }) => report.since).toSorted()[0];
  const count = members.reduce((sum, { report }) => sum + (report.count ?? 0), 0);
  const where = { image: images[0], node: listOf(nodes) ?? 'node' }[String(aboutOf(cause))] ?? host ?? registry;
  const rows: readonly (readonly [name: string, value: string | undefined])[] = [
    ['event', `"${says}"`],
    ['image', listOf(images)],
    ['pod', listOf(pods)],
    ['owner', listOf(owners)],
    ['node', listOf(describedNodes)],
    ['seen', joinSome(count > 1 ? `${count} times` : undefined, since === undefined ? undefined : `since ${since}`)],
    ...manyOf(members, ({ found = [] }) => found).map((text) => ['found', text] as const),
    ['do', remedy],
    ...alternatives.map((each) => ['or', `${each.name}${nameFaqItem(each.faqItem)}: ${each.check}`] as const),
    ...manyOf(members, ({ ruledOut = [] }) => ruledOut).map((text) => ['not', text] as const),
    ['see', cause === 'unknown' ? undefined : `docs/causes.md#${cause}`],
  ];
  const head = `${counts ? countOf(members) : ''}${where === undefined ? '' : `${where}: `}${name}${nameFaqItem(faqItem)}`;
  return {
    head: show(head),
    rows: rows.flatMap(([row, value]) => (value === undefined ? [] : [[row, show(value)] as const])),
  };
}

/** Texts of all members, the most frequent first. */
function manyOf(members: readonly Diagnosed[], pick: (each: Diagnosed) => readonly string[]): readonly string[] {
  const times = new Map<string, number>();
  for (const text of members.flatMap((each) => [...new Set(pick(each))])) times.set(text, (times.get(text) ?? 0) + 1);
  const sorted = [...times].toSorted(([, a], [, b]) => b - a);
  return sorted.slice(0, MOST_TEXTS).map(([text]) => text);
}

const MOST_TEXTS = 4;

/** `12 Pods of 3 Deployments: `. */
function countOf(members: readonly Diagnosed[]): string {
  const pods = new Set(members.flatMap(({ report }) => nameOf(report.namespace, report.pod) ?? [])).size;
  const owners = new Set(members.flatMap(({ report }) => nameOf(report.namespace, report.owner) ?? []));
  const kinds = new Set(members.flatMap(({ report }) => report.owner?.split('/', 1)[0] ?? []));
  const [kind = ''] = kinds;
  const ofOwners = owners.size === 0 ? '' : formatCount(owners.size, kinds.size === 1 ? kind : 'workload');
  if (pods === 0) return ofOwners === '' ? '' : `${ofOwners}: `;
  return `${formatCount(pods, 'Pod')}${ofOwners === '' ? '' : ` of ${ofOwners}`}: `;
}

/** What the cause is about, which decides what the head starts with. */
function aboutOf(cause: Diagnosis['cause']): string | undefined {
  return cause === 'unknown' ? undefined : causeOf(cause).about;
}

function nameFaqItem(item: number | null): string {
  return item === null ? '' : ` (FAQ check item ${item})`;
}

function nameOf(namespace: string | undefined, pod: string | undefined): string | undefined {
  return namespace === undefined || pod === undefined ? pod : `${namespace}/${pod}`;
}

function listOf(names: readonly string[]): string | undefined {
  return names.length === 0 ? undefined : listSome(names, 'and');
}

function joinSome(...parts: readonly (string | undefined)[]): string | undefined {
  const there = parts.filter((part) => part !== undefined);
  return there.length === 0 ? undefined : there.join(', ');
}

/** Escapes a text from other sources, so that a terminal does not interpret it. */
function show(text: string): string {
  return escapeUnprintable(shorten(text, LONGEST_ROW));
}

const LONGEST_ROW = 2000;
