import { readFileSync } from 'node:fs';
import { describeCause } from '../manifest/files.ts';
import type { Finding } from '../engine/evaluate.ts';
import { isRecord } from '../text/json.ts';
import { quote } from '../text/quote.ts';
import { redact } from '../text/redact.ts';
import { UsageError } from './io.ts';

/** What tells a finding from others wherever it stands: no line, no wording, no credential. */
export type BaselineEntry = Readonly<{
  rule: string;
  message: string;
  kind: string;
  namespace?: string;
  name: string;
  part?: string;
  image?: string;
  secret?: string;
}>;

export type Baseline = Readonly<{ file: string; entries: readonly BaselineEntry[] }>;

const HEAD = { apiVersion: 'pullguard.dev/v1alpha1', kind: 'Baseline' };

const TEXTS = ['rule', 'message', 'kind', 'namespace', 'name', 'part', 'image', 'secret'] as const;
const REQUIRED: ReadonlySet<string> = new Set(['rule', 'message', 'kind', 'name']);

export function toEntry({ rule, messageId, workload, label, value, secret }: Finding): BaselineEntry {
  return {
    rule,
    message: messageId,
    kind: workload.kind,
    ...(workload.namespace !== '' && { namespace: workload.namespace }),
    name: redact(workload.name),
    ...(label !== undefined && { part: label }),
    ...(value !== undefined && { image: redact(value) }),
    ...(secret !== undefined && { secret: redact(secret) }),
  };
}

/** One entry for findings that are the same, in an order that does not depend on that of the files: it is read in reviews. */
export function formatBaseline(findings: Iterable<Finding>): string {
  const entries = new Map<string, BaselineEntry>();
  for (const finding of findings) entries.set(keyOf(toEntry(finding)), toEntry(finding));
  const sorted = [...entries].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, entry]) => entry);
  return `${JSON.stringify({ ...HEAD, findings: sorted }, null, 2)}\n`;
}

/** @throws UsageError saying what is wrong with the file */
export function readBaseline(file: string): Baseline {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const why = error instanceof SyntaxError ? 'it is no JSON' : describeCause(error);
    throw new UsageError(`the baseline ${quote(file)} cannot be read: ${why}`, { cause: error });
  }
  const findings = isRecord(content) && content['kind'] === HEAD.kind ? content['findings'] : undefined;
  if (!isRecord(content) || content['apiVersion'] !== HEAD.apiVersion || !Array.isArray(findings)) {
    throw new UsageError(`${quote(file)} is no baseline: make one with --write-baseline`);
  }
  return { file, entries: findings.map((entry, at) => readEntry(entry, at, file)) };
}

function readEntry(entry: unknown, at: number, file: string): BaselineEntry {
  const isEntry =
    isRecord(entry) &&
    TEXTS.every((key) => typeof entry[key] === 'string' || (entry[key] === undefined && !REQUIRED.has(key)));
  if (!isEntry) throw new UsageError(`the baseline ${quote(file)} cannot be read: findings[${at}] is no finding`);
  return Object.fromEntries(
    TEXTS.flatMap((key) => (entry[key] === undefined ? [] : [[key, entry[key]]])),
  ) as BaselineEntry;
}

function keyOf(entry: BaselineEntry): string {
  return JSON.stringify(TEXTS.map((key) => entry[key] ?? ''));
}

export type Recorded = Readonly<{
  /** Whether a finding is in the baseline. */
  has: (finding: Finding) => boolean;
  /**
   * What of the baseline was not found, in sentences. Of objects that were not in the input nothing is known, as a commit hook passes only
   * the files that changed.
   */
  listStale: (isInInput: (entry: BaselineEntry) => boolean) => readonly string[];
}>;

/** More at once are not read. */
const MOST_STALE = 10;

export function createRecorded({ file, entries }: Baseline): Recorded {
  const left = new Map(entries.map((entry) => [keyOf(entry), entry]));
  const known = new Set(left.keys());
  return {
    has: (finding) => {
      const key = keyOf(toEntry(finding));
      left.delete(key);
      return known.has(key);
    },
    listStale: (isInInput) => {
      const stale = [...left.values()].filter((entry) => isInInput(entry));
      const others = left.size - stale.length;
      const more = stale.length - MOST_STALE;
      const source = `baseline ${quote(file)}`;
      return [
        ...stale.slice(0, MOST_STALE).map((entry) => `${source}: no longer found: ${describeEntry(entry)}`),
        ...(more > 0 ? [`${source}: ${more} more are no longer found`] : []),
        ...(stale.length > 0 ? [`${source}: record what is left with --write-baseline`] : []),
        ...(others > 0
          ? [`${source}: ${others} ${others === 1 ? 'entry is' : 'entries are'} of objects that are not in the input`]
          : []),
      ];
    },
  };
}

function describeEntry({ rule, kind, name, part, image }: BaselineEntry): string {
  const object = `${redact(kind)}/${redact(name)}${part === undefined ? '' : ` ${redact(part)}`}`;
  return `${object}${image === undefined ? '' : `: ${quote(image)}`} (${redact(rule)})`;
}
