import { READINGS } from '../cause/failure-phrases.ts';
import { nameOwner, type Report } from '../cause/reported-failures.ts';
import { readFailure } from '../cause/read-failure.ts';
import { readSince } from './event-age.ts';

/** A row of the events that end `kubectl describe`: `  Warning  Failed  2m (x4 over 5m)  kubelet  Failed to pull image …`. */
const ROW =
  /^\s*(?:Normal|Warning)\s{2,}([A-Za-z]{1,80})\s{2,}(<unknown>|<invalid>|\d[\dsmhdy]{0,12})(?: \(x(\d{1,9}) over ([^)]{1,20})\))?\s{2,}(\S{1,80}(?:, \S{1,253})?)\s{2,}(.*)$/;

/** Columns of kubectl before 1.8: first seen, last seen, count, from, the container, type, reason, message. */
const OLD_ROW =
  /^\s*(\S{1,12})\s+\S{1,12}\s+(\d{1,9})\s+(\S{1,80}(?:, \S{1,253})?)\s+(?:\S{1,253}\s+)?(?:Normal|Warning)\s+([A-Za-z]{1,80})\s+(.*)$/;

/** What is known about a Pod from the lines above its events. */
type About = { namespace?: string; pod?: string; owner?: string; node?: string; hash?: string };

/** Reads the events that `kubectl describe` prints for one or more Pods; undefined for any other text. Ages count from `now`. */
export function readDescribed(lines: readonly string[], now?: number): readonly Report[] | undefined {
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
  const row = ROW.exec(line);
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
