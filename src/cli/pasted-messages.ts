import { listReports, type Report } from '../cause/reported-failures.ts';
import { readFailure } from '../cause/read-failure.ts';
import { scanJson } from '../manifest/json-text.ts';
import { readManifest } from '../manifest/read-manifests.ts';
import { LONGEST_LINE } from '../text/bounds.ts';
import { isRecord } from '../text/json.ts';
import { readKubectlEvents } from './kubectl-events.ts';

/** What was read from an input. */
type Pasted = Readonly<{
  reports: readonly Report[];
  /** Whether the texts are only messages, one per line, so that each gets an answer. */
  areMessages: boolean;
}>;

/**
 * Reads messages about failed pulls from a text, wherever it was copied from: objects of `kubectl get -o json`, the tables of
 * `kubectl get events` and `kubectl describe`, logs, or only messages, one per line, plain or as JSON strings. Tables have ages,
 * which become times with `now`, in milliseconds since 1970.
 */
export function readPasted(text: string, now?: number): Pasted {
  const plain = text.replace(/^\ufeff/, '').replaceAll(/\r\n?/g, '\n');
  const objects = readObjects(plain);
  if (objects !== undefined) {
    return { reports: objects.flatMap((object) => reportsOf(object)), areMessages: objects.every(isTexts) };
  }
  const lines = plain.split('\n').map((line) => line.slice(0, LONGEST_LINE));
  const table = readKubectlEvents(lines, now);
  if (table !== undefined) return { reports: table.filter(isFailure), areMessages: false };
  return readLines(joinLines(lines));
}

function isTexts(value: unknown): boolean {
  return typeof value === 'string' || (Array.isArray(value) && value.every((item) => typeof item === 'string'));
}

function isFailure({ read }: Report): boolean {
  return readFailure(read, false).kind === 'failed';
}

/** All values in a JSON text, or all objects in a YAML text; undefined for any other text. */
function readObjects(text: string): readonly unknown[] | undefined {
  if (/^\s*(?:apiVersion|kind|items):/.test(text)) return readManifest(text).objects.map(({ object }) => object);
  if (!/^\s*[{[]/.test(text)) return undefined;
  const { boundaries } = scanJson(text);
  const parts = [0, ...boundaries].map((start, at) => text.slice(start, boundaries[at]));
  try {
    return parts.map((part) => JSON.parse(part) as unknown);
  } catch {
    // The text is a list of errors in brackets, or only some of its lines are JSON.
    return undefined;
  }
}

/** The reports in a value: an Event or a Pod, a line of a log in JSON, or texts in a list. */
function reportsOf(value: unknown): readonly Report[] {
  if (typeof value === 'string') return [{ message: value, read: value }];
  if (Array.isArray(value)) return value.flatMap((item) => (Array.isArray(item) ? [] : reportsOf(item)));
  if (!isRecord(value)) return [];
  const reports = listReports(value);
  if (reports.length > 0 || 'kind' in value) return reports;
  const texts = LOG_MEMBERS.map((member) => value[member]).filter((each) => typeof each === 'string');
  const message = texts.join(': ');
  const report = { message, read: message };
  return isFailure(report) ? [report] : [];
}

/** The members in which the logs of kubelet, containerd and the journal have the message and the error. */
const LOG_MEMBERS = ['MESSAGE', 'msg', 'message', 'err', 'error'];

/** The errors of a registry, each of which Docker and CRI-O print on a separate line. */
const ERROR_CODE =
  /^(?:denied|unauthorized|unknown|unsupported|toomanyrequests|manifest unknown|name unknown|unavailable): /;

/** Joins messages that continue on the next lines. */
function joinLines(lines: readonly string[]): readonly string[] {
  const joined: string[] = [];
  for (const line of lines) {
    const last = joined.at(-1);
    const goesOn = last !== undefined && /errors:(?:\n.*)*$/.test(last.slice(-MOST_ERRORS)) && ERROR_CODE.test(line);
    if (goesOn) joined[joined.length - 1] = `${last}\n${line}`;
    else joined.push(line);
  }
  return joined;
}

/** The list of errors that continues has to begin within so many characters before the end of the message. */
const MOST_ERRORS = 1000;

function readLines(lines: readonly string[]): Pasted {
  const read = lines.filter((line) => line.trim() !== '').map((line) => readLine(line));
  const isNoise = read.some(({ isLog }) => isLog);
  const reports = read.filter(({ isLog, reports: of }) => !isLog || of.length > 0).flatMap(({ reports: of }) => of);
  return isNoise && reports.length > 0
    ? { reports: reports.filter((report) => readFailure(report.read).kind === 'failed'), areMessages: false }
    : { reports, areMessages: true };
}

type Line = Readonly<{ reports: readonly Report[]; isLog: boolean }>;

function readLine(line: string): Line {
  const trimmed = line.trim();
  if (trimmed.startsWith('"') || trimmed.startsWith('{')) {
    const value = parseJson(trimmed);
    if (value !== undefined) return { reports: reportsOf(value), isLog: typeof value !== 'string' };
  }
  const log = readLogLine(trimmed);
  if (log === undefined) return { reports: [{ message: trimmed, read: trimmed }], isLog: false };
  return { reports: isFailure(log) ? [log] : [], isLog: true };
}

/**
 * How lines of logs begin: klog's `E0601 12:00:00.000000`, the journal's `Jun 01 12:00:00 node kubelet[1]:`, `time="…" level=`,
 * or a time.
 */
const STARTS = [
  /^[IWEF]\d{4} \d\d:\d\d:\d\d/,
  /^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,9})? /,
  /^(?:time|ts)="?\d{4}-/,
  /^\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d/,
  /^(?:ERRO|WARN|INFO|FATA|DEBU)\[/,
  /^(?:level|msg)=/,
];

/** Reads a line of a log, with the Pod and node that it names; undefined for any other line. */
function readLogLine(line: string): Report | undefined {
  if (!STARTS.some((start) => start.test(line))) return undefined;
  const [namespace, pod] = /[ {]pod="([^"/]{1,253})\/([^"]{1,253})"/.exec(line)?.slice(1) ?? [];
  const node = /^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,9})? ([\w.-]{1,253}) /.exec(line)?.[1];
  return {
    message: line,
    read: readLogFields(line) ?? line,
    ...(namespace !== undefined && { namespace }),
    ...(pod !== undefined && { pod }),
    ...(node !== undefined && { node }),
  };
}

/**
 * The message and the error of a line in which both are quoted: klog's `] "Error syncing pod, skipping" err="…" pod="…"` or
 * `msg="…" error="…"`. The fields after them say nothing about the cause, except for the image. Undefined for any other line.
 */
function readLogFields(line: string): string | undefined {
  const error = /[ {]err(?:or)?="((?:[^"\\]|\\.)*)"(?=\s+[\w.]+=|\s*$)/.exec(line)?.[1];
  if (error === undefined) return undefined;
  const action = /(?:\] |[ {]msg=)"((?:[^"\\]|\\.)*)"/.exec(line)?.[1] ?? '';
  const image = /[ {]image="(?:[^"\\]|\\.)*"/.exec(line)?.[0] ?? '';
  return `${action}${image}: ${error}`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
