import type { Report } from '../cause/reported-failures.ts';
import { readSince } from './event-age.ts';

/** The header of `kubectl get events` and of `kubectl events`. */
const HEAD = /^(?:NAMESPACE +)?(?:LAST SEEN|FIRST SEEN) +.*\bREASON +OBJECT\b.*\bMESSAGE/;

/** A row without a header, as from `grep`: `3m   Warning   Failed   pod/web-1   …`, with or without a namespace before it. */
const ROW =
  /^(?:([a-z0-9-]{1,63}) {2,})?(<unknown>|<invalid>|\d[\dsmhdy]{0,12}(?: \(x\d+ over [^)]{1,20}\))?) {2,}(?:Warning|Normal) {2,}([A-Za-z]{1,80}) {2,}([A-Za-z]{1,40}\/[a-z0-9.-]{1,253}) {2,}(.*)$/;

/** Reads the rows of a table of events; undefined if there is none. Ages count from `now`, if that is known. */
export function readTable(lines: readonly string[], now?: number): readonly Report[] | undefined {
  const head = lines.findIndex((line) => isHead(line));
  if (head < 0) {
    const rows = lines.map((line) => ROW.exec(line)).filter((row) => row !== null);
    return rows.length === 0 ? undefined : rows.map(([, ...cells]) => reportRow(cells, now));
  }
  const columns = readColumns(lines[head] ?? '');
  return lines
    .slice(head + 1)
    .filter((line) => line.trim() !== '' && !isHead(line))
    .map((line) => reportCells(line, columns, now));
}

function reportRow([namespace, seen, , object, message]: readonly (string | undefined)[], now?: number): Report {
  return toReport({ namespace, seen, object, message }, now);
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
  const row = /^(?:Warning|Normal)$/.test(cell('TYPE') ?? '') ? null : ROW.exec(line);
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
  return toReport(cells, now);
}

function toReport({ namespace, seen = '', object = '', message = '', ...more }: Cells, now?: number): Report {
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
