import { READINGS } from '../cause/failure-phrases.ts';
import { readFailure } from '../cause/read-failure.ts';
import { nameOwner, type Report } from '../cause/reported-failures.ts';
import { formatSecond } from '../text/time.ts';

/**
 * Reads the events that kubectl prints for people: the table of `kubectl get events`, or the end of `kubectl describe`; undefined
 * for any other text. Ages become times with `now`, if that is known.
 */
export function readKubectlEvents(lines: readonly string[], now?: number): readonly Report[] | undefined {
  return readTable(lines, now) ?? readDescribed(lines, now);
}

/** The header of `kubectl get events` and of `kubectl events`. */
const HEAD = /^(?:NAMESPACE +)?(?:LAST SEEN|FIRST SEEN) +.*\bREASON +OBJECT\b.*\bMESSAGE/;

/** A row without a header, as from `grep`: `3m   Warning   Failed   pod/web-1   …`, with or without a namespace before it. */
const TABLE_ROW =
  /^(?:([a-z0-9-]{1,63}) {2,})?(<unknown>|<invalid>|\d[\dsmhdy]{0,12}(?: \(x\d+ over [^)]{1,20}\))?) {2,}(?:Warning|Normal) {2,}([A-Za-z]{1,80}) {2,}([A-Za-z]{1,40}\/[a-z0-9.-]{1,253}) {2,}(.*)$/;

/** Reads the rows of a table of events; undefined if there is none. Ages count from `now`, if that is known. */
function readTable(lines: readonly string[], now?: number): readonly Report[] | undefined {
  const head = lines.findIndex((line) => isHead(line));
  if (head < 0) {
    const rows = lines.map((line) => TABLE_ROW.exec(line)).filter((row) => row !== null);
    return rows.length === 0 ? undefined : rows.map(([, ...cells]) => reportRow(cells, now));
  }
  const columns = readColumns(lines[head] ?? '');
  return lines
    .slice(head + 1)
    .filter((line) => line.trim() !== '' && !isHead(line))
    .map((line) => reportCells(line, columns, now));
}

function reportRow([namespace, seen, , object, message]: readonly (string | undefined)[], now?: number): Report {
  return reportEvent({ namespace, seen, object, message }, now);
}

/** The header of the widest table has 200 characters, so much longer lines are not matched. */
function isHead(line: string): boolean {
  return line.length < 1000 && HEAD.test(line);
}

type Cells = Readonly<Record<'namespace' | 'seen' | 'object' | 'message', string | undefined>> &
  Readonly<Partial<Record<'first' | 'count' | 'source', string | undefined>>>;

/** Where each column begins and ends: kubectl aligns them, three spaces apart. */
function readColumns(head: string): ReadonlyMap<string, readonly [start: number, end: number]> {
  const names = [...head.matchAll(/\S+(?: \S+)*/g)];
  return new Map(names.map(({ 0: name, index }, at) => [name, [index, names[at + 1]?.index ?? Infinity]]));
}

function reportCells(line: string, columns: ReturnType<typeof readColumns>, now?: number): Report {
  const cell = (name: string): string | undefined => {
    const [start, end] = columns.get(name) ?? [0, 0];
    const text = line.slice(start, end).trim();
    return text === '' ? undefined : text;
  };
  // A row that does not fit the columns, as after a message with line breaks, is read without them.
  const row = /^(?:Warning|Normal)$/.test(cell('TYPE') ?? '') ? null : TABLE_ROW.exec(line);
  if (row !== null) return reportRow(row.slice(1), now);
  const cells = {
    namespace: cell('NAMESPACE'),
    seen: cell('LAST SEEN'),
    first: cell('FIRST SEEN'),
    object: cell('OBJECT'),
    message: cell('MESSAGE') ?? line.trim(),
    count: cell('COUNT'),
    source: cell('SOURCE'),
  };
  return reportEvent(cells, now);
}

function reportEvent({ namespace, seen = '', object = '', message = '', ...more }: Cells, now?: number): Report {
  // `2m (x4 over 5m)`.
  const count = Number(more.count ?? / \(x(\d{1,9}) over /.exec(seen)?.[1]);
  return {
    message,
    read: message,
    ...(namespace !== undefined && { namespace }),
    ...readObject(object),
    ...readSource(more.source ?? ''),
    ...readSince(more.first ?? seen, now),
    ...(count > 0 && { count }),
  };
}

/** `pod/web-1`. */
function readObject(object: string): Pick<Report, 'pod' | 'owner'> {
  const slash = object.indexOf('/');
  if (slash < 0) return {};
  const [kind, name] = [object.slice(0, slash), object.slice(slash + 1)];
  return /^pod$/i.test(kind) ? { pod: name } : { owner: `${kind}/${name}` };
}

/** `kubelet, node-7`. */
function readSource(source: string): Pick<Report, 'node'> {
  const node = /^kubelet, (\S+)$/.exec(source)?.[1];
  return node === undefined ? {} : { node };
}

/** A row of the events that end `kubectl describe`: `  Warning  Failed  2m (x4 over 5m)  kubelet  Failed to pull image …`. */
const DESCRIBED_ROW =
  /^\s*(?:Normal|Warning)\s{2,}([A-Za-z]{1,80})\s{2,}(<unknown>|<invalid>|\d[\dsmhdy]{0,12})(?: \(x(\d{1,9}) over ([^)]{1,20})\))?\s{2,}(\S{1,80}(?:, \S{1,253})?)\s{2,}(.*)$/;

/** Columns of kubectl before 1.8: first seen, last seen, count, from, the container, type, reason, message. */
const OLD_ROW =
  /^\s*(\S{1,12})\s+\S{1,12}\s+(\d{1,9})\s+(\S{1,80}(?:, \S{1,253})?)\s+(?:\S{1,253}\s+)?(?:Normal|Warning)\s+([A-Za-z]{1,80})\s+(.*)$/;

/** What is known about a Pod from the lines above its events. */
type About = { namespace?: string; pod?: string; owner?: string; node?: string; hash?: string };

/** Reads the events that `kubectl describe` prints for one or more Pods; undefined for any other text. Ages count from `now`. */
function readDescribed(lines: readonly string[], now?: number): readonly Report[] | undefined {
  const reports: Report[] = [];
  let about: About = {};
  let rows: Row[] = [];
  const finish = (): void => {
    reports.push(...rows.map((row) => ({ ...toReport(row, about), ...readSince(row.age, now) })));
    rows = [];
  };
  for (const line of lines) {
    const row = readRow(line);
    if (row !== undefined) rows.push(row);
    else if (/^Name:\s/.test(line)) {
      finish();
      about = {};
      readField(line, about);
    } else if (!readField(line, about) && line.trim() !== '') rows.at(-1)?.more.push(line);
  }
  finish();
  return reports.length === 0 ? undefined : reports;
}

type Row = Readonly<{
  reason: string;
  /** The age of the first one, if it happened several times. */
  age: string;
  count: number | undefined;
  from: string;
  message: string;
  more: string[];
}>;

function readRow(line: string): Row | undefined {
  const row = DESCRIBED_ROW.exec(line);
  if (row !== null) return readNewRow(row);
  const [, age = '', count, from = '', reason = '', message = ''] = OLD_ROW.exec(line) ?? [];
  return count === undefined ? undefined : { reason, age, count: Number(count), from, message, more: [] };
}

function readNewRow([, reason = '', last = '', count, first, from = '', message = '']: RegExpExecArray): Row {
  const times = count === undefined ? undefined : Number(count);
  return { reason, age: first ?? last, count: times, from, message, more: [] };
}

/** Reads a line about the Pod, above its events. Returns whether it is one. */
function readField(line: string, about: About): boolean {
  // A label. The first one is on the line of the word `Labels:`.
  const hash = /^(?:Labels:)?\s+pod-template-hash=([a-z0-9]{1,63})$/.exec(line)?.[1];
  if (hash !== undefined) about.hash = hash;
  const [, name, value = ''] = /^(Name|Namespace|Node|Controlled By):\s+(\S+)/.exec(line) ?? [];
  if (name === 'Name') about.pod = value;
  else if (name === 'Namespace') about.namespace = value;
  else if (name === 'Controlled By') about.owner = value;
  else if (name === 'Node') about.node = value.split('/', 1)[0] ?? value;
  return name !== undefined || hash !== undefined;
}

function toReport(row: Row, { namespace, pod, owner, node, hash = '' }: About): Report {
  const message = joinRow(row);
  const from = node === undefined || node === '<none>' ? row.from.split(', ')[1] : node;
  return {
    message,
    read: message,
    ...(namespace !== undefined && { namespace }),
    ...(pod !== undefined && { pod }),
    ...(owner !== undefined && { owner: nameOwner(owner, hash) }),
    ...(from !== undefined && { node: from }),
    ...(row.count !== undefined && { count: row.count }),
  };
}

/**
 * Joins a message that a terminal or an editor wrapped, between words or within a word. Of the two ways, the one with the more
 * specific cause is used.
 */
function joinRow({ message, more }: Row): string {
  if (more.length === 0) return message.trim();
  const lines = [message, ...more.slice(0, MOST_WRAPPED)].map((line) => line.trim());
  const spaced = lines.join(' ');
  const joined = lines.join('');
  return orderOf(joined) < orderOf(spaced) ? joined : spaced;
}

/** The more specific cause comes first: `x509: … unknown authority` before any other `x509:`. */
function orderOf(message: string): number {
  const reading = readFailure(message);
  const cause = reading.kind === 'failed' ? reading.failure.cause : undefined;
  const order = READINGS.findIndex((each) => each.cause === cause);
  return order < 0 ? READINGS.length : order;
}

/** Most lines of one message; an Event of 1,024 characters has thirteen at 80 columns. */
const MOST_WRAPPED = 60;

const UNITS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  y: 365 * 86_400_000,
};

/** When an Event was first seen, from the age that kubectl prints: `5m`, `3h20m`, or `2m (x4 over 5m)`. */
function readSince(age: string, now: number | undefined): Readonly<{ since?: string }> {
  const first = / over ([^)]{1,20})\)/.exec(age)?.[1] ?? age;
  if (now === undefined || !/^(?:\d{1,5}[smhdy]){1,3}$/.test(first)) return {};
  const parts = [...first.matchAll(/(\d+)([smhdy])/g)];
  const ago = parts.reduce((sum, [, count, unit = '']) => sum + Number(count) * (UNITS[unit] ?? 0), 0);
  // No cluster is older than Kubernetes.
  return ago > MOST_YEARS * (UNITS['y'] ?? 0) ? {} : { since: formatSecond(now - ago) };
}

const MOST_YEARS = 50;
