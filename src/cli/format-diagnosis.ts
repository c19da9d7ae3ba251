import { causeOf } from '../cause/causes.ts';
import type { Diagnosis } from '../cause/diagnosis.ts';
import type { Report } from '../cause/reported-failures.ts';
import { listSome } from '../text/list.ts';
import { escapeUnprintable, shorten } from '../text/quote.ts';
import { redactMessage } from '../text/redact-message.ts';
import { paint } from './terminal.ts';

/** A report of a failed pull, and what it comes from. */
export type Diagnosed = Readonly<{ report: Report; diagnosis: Diagnosis }>;

/** One line for one report. Members that do not apply are left out. */
export function toDiagnosisJson({ report, diagnosis }: Diagnosed): string {
  const { cause, faqItem, image, host, registry, remedy, alternatives } = diagnosis;
  const { namespace, pod, owner, node, since, count } = report;
  const line = {
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
  };
  return `${JSON.stringify(line)}\n`;
}

/** Reports of one cause at one place. */
type Group = Readonly<{ diagnosis: Diagnosis; members: Diagnosed[] }>;

/** For people: each cause once, those of most Pods first, with what was read and what to do. */
export function formatDiagnoses(diagnosed: readonly Diagnosed[], color = false): string {
  if (diagnosed.length === 0) return 'no failed pulls\n';
  const groups = new Map<string, Group>();
  for (const each of diagnosed) {
    const { cause, host, registry, image, says } = each.diagnosis;
    const where = cause === 'unknown' ? says : (host ?? registry ?? '');
    const key = JSON.stringify([cause, where, isOfImage(each.diagnosis) ? image : '']);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { diagnosis: each.diagnosis, members: [each] });
    else group.members.push(each);
  }
  const ordered = [...groups.values()].toSorted((a, b) => weight(b) - weight(a));
  return ordered.map((group) => formatGroup(group, color)).join('\n');
}

/** Worst first: by the number of Pods that wait. */
function weight({ members }: Group): number {
  return new Set(members.map(({ report }) => `${report.namespace ?? ''}/${report.pod ?? ''}`)).size;
}

/** Causes that other images of the registry do not share. */
function isOfImage({ faqItem, cause }: Diagnosis): boolean {
  return faqItem === 2 || ['platform-missing', 'not-an-image', 'schema-1', 'image-too-large'].includes(cause);
}

function formatGroup({ diagnosis, members }: Group, color: boolean): string {
  const { says, name, cause, faqItem, host, registry, remedy, alternatives } = diagnosis;
  const of = (pick: (each: Diagnosed) => string | undefined): readonly string[] => [
    ...new Set(members.flatMap((each) => pick(each) ?? [])),
  ];
  const images = of((each) => each.diagnosis.image);
  const pods = of(({ report }) => nameOf(report.namespace, report.pod));
  const owners = of(({ report }) => report.owner);
  const nodes = of(({ report }) => report.node);
  const since = of(({ report }) => report.since).toSorted()[0];
  const count = members.reduce((sum, { report }) => sum + (report.count ?? 0), 0);
  const where = { image: images[0], node: listOf(nodes) ?? 'node' }[String(aboutOf(cause))] ?? host ?? registry;
  const rows: readonly (readonly [name: string, value: string | undefined])[] = [
    ['event', `"${says}"`],
    ['image', listOf(images)],
    ['pod', listOf(pods)],
    ['owner', listOf(owners)],
    ['node', listOf(nodes)],
    ['seen', joinSome(count > 1 ? `${count} times` : undefined, since === undefined ? undefined : `since ${since}`)],
    ['do', remedy],
    ...alternatives.map((each) => ['or', `${each.name}${nameFaqItem(each.faqItem)}: ${each.check}`] as const),
    ['see', cause === 'unknown' ? undefined : `docs/causes.md#${cause}`],
  ];
  const head = `${where === undefined ? '' : `${where}: `}${name}${nameFaqItem(faqItem)}`;
  const body = rows.flatMap(([row, value]) => (value === undefined ? [] : [`  ${row.padEnd(7)}${show(value)}\n`]));
  return `${paint('red', show(head), color)}\n${body.join('')}`;
}

/** What it is about: the first thing that is said. */
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

/** What others wrote is shown and never obeyed by a terminal. */
function show(text: string): string {
  return escapeUnprintable(shorten(text, LONGEST_ROW));
}

const LONGEST_ROW = 2000;
