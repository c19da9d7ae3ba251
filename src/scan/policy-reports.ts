import { markOf, toRow, listNotes, type ScanRow } from './format-scan.ts';
import type { Explained } from './explain-waiting.ts';
import type { ScanResult } from './scan-cluster.ts';
import type { FindingGroup } from './tally.ts';
import type { Mark } from '../report/blocks.ts';
import { LONGEST_REPORT, LONGEST_REPORTED, MOST_REPORTS, MOST_RESULTS } from '../text/bounds.ts';
import { escapeUnprintable, shorten } from '../text/quote.ts';
import { redactMessage } from '../text/redact.ts';
import { formatMinute } from '../text/time.ts';
import { WORKLOAD_KINDS } from '../workload/kinds.ts';

/** The two APIs for reports, which differ in names: that of the Kubernetes Policy WG, and its successor OpenReports. */
export const REPORT_FORMATS = ['policyreport', 'openreports'] as const;
export type ReportFormat = (typeof REPORT_FORMATS)[number];

export type ReportApi = Readonly<{
  group: string;
  version: string;
  kind: string;
  clusterKind: string;
  plural: string;
  clusterPlural: string;
}>;

export const REPORT_APIS: Readonly<Record<ReportFormat, ReportApi>> = {
  policyreport: {
    group: 'wgpolicyk8s.io',
    version: 'v1alpha2',
    kind: 'PolicyReport',
    clusterKind: 'ClusterPolicyReport',
    plural: 'policyreports',
    clusterPlural: 'clusterpolicyreports',
  },
  openreports: {
    group: 'openreports.io',
    version: 'v1alpha1',
    kind: 'Report',
    clusterKind: 'ClusterReport',
    plural: 'reports',
    clusterPlural: 'clusterreports',
  },
};

/** The name of every report, in each namespace and of the cluster, so that RBAC can be limited to this name. */
export const REPORT_NAME = 'pullguard-scan';

const SOURCE = 'pullguard';

export type PolicyReport = Readonly<{
  apiVersion: string;
  kind: string;
  metadata: Readonly<{
    name: string;
    namespace?: string;
    labels: Readonly<Record<string, string>>;
    annotations?: Readonly<Record<string, string>>;
  }>;
  summary: Summary;
  results: readonly Outcome[];
}>;

type Summary = Readonly<Record<'pass' | 'fail' | 'warn' | 'error' | 'skip', number>>;

type Outcome = Readonly<{
  source: string;
  /** The rule of pullguard that found it. */
  policy: string;
  /** The id of the rule's message; for a Pod that waits, the cause. */
  rule?: string;
  category: string;
  severity?: 'critical' | 'high' | 'medium' | 'low';
  result: keyof Summary;
  scored: boolean;
  resources?: readonly Readonly<{ apiVersion?: string; kind: string; namespace?: string; name: string }>[];
  message: string;
  properties?: Readonly<Record<string, string>>;
}>;

export type ReportInput = Readonly<{
  result: ScanResult;
  waiting: readonly Pick<Explained, 'report' | 'diagnosis'>[];
  /** Milliseconds since 1970. */
  time: number;
  format: ReportFormat;
}>;

/**
 * Builds one report for each namespace with checked objects, and one of the cluster: for objects without a namespace, and for
 * what was not checked. One report for each workload would be tens of thousands of objects in etcd; this is one for each
 * namespace. Only the most urgent results are listed, and the summary counts all. A report has no time, so that it stays the same
 * if nothing has changed; the time of the scan is in the report of the cluster.
 */
export function buildPolicyReports(input: ReportInput): readonly PolicyReport[] {
  const { result, waiting, time, format } = input;
  const outcomes = new Map<string, Outcome[]>([...result.well.keys()].map((namespace) => [namespace, []]));
  const add = (namespace: string, outcome: Outcome): void => {
    const listed = outcomes.get(namespace);
    if (listed === undefined) outcomes.set(namespace, [outcome]);
    else listed.push(outcome);
  };
  for (const { namespace, outcome } of groupWaiting(waiting)) add(namespace, outcome);
  for (const group of result.groups) {
    const outcome = toOutcome(group);
    if (outcome !== undefined) add(group.namespace, outcome);
  }
  const namespaces = [...outcomes]
    .filter(([namespace]) => namespace !== '')
    .toSorted(([, a], [, b]) => urgencyOf(b) - urgencyOf(a) || b.length - a.length);
  const reports = namespaces.slice(0, MOST_REPORTS).map(([namespace, found]) =>
    buildReport(format, {
      namespace,
      found,
      well: result.well.get(namespace) ?? 0,
      // Objects that could not be listed may be in any namespace.
      errors: result.errors.length,
    }),
  );
  const left = namespaces.length - reports.length;
  const unread = [...result.errors, ...(left > 0 ? [`${left} more namespaces have no report`] : [])];
  const ofCluster = buildReport(format, {
    found: [
      ...(outcomes.get('') ?? []),
      ...unread.map((error) => toNote('error', error)),
      ...listNotes(result).map((note) => toNote('skip', note)),
    ],
    well: result.well.get('') ?? 0,
    scanned: formatMinute(time),
  });
  return [...reports, ofCluster];
}

type Content = Readonly<{
  namespace?: string;
  found: readonly Outcome[];
  well: number;
  errors?: number;
  scanned?: string;
}>;

function buildReport(format: ReportFormat, { namespace, found, well, errors = 0, scanned }: Content): PolicyReport {
  const { group, version, kind, clusterKind } = REPORT_APIS[format];
  let bytes = 0;
  const results = found
    .toSorted((a, b) => urgencyOf([b]) - urgencyOf([a]))
    .slice(0, MOST_RESULTS)
    .filter((outcome) => (bytes += Buffer.byteLength(JSON.stringify(outcome))) <= LONGEST_REPORT);
  const left = found.length - results.length;
  const count = (wanted: keyof Summary): number => found.filter(({ result }) => result === wanted).length;
  const annotations = {
    ...(scanned !== undefined && { 'pullguard.dev/scanned-at': scanned }),
    ...(left > 0 && { 'pullguard.dev/results-left-out': String(left) }),
  };
  return {
    apiVersion: `${group}/${version}`,
    kind: namespace === undefined ? clusterKind : kind,
    metadata: {
      name: REPORT_NAME,
      ...(namespace !== undefined && { namespace }),
      labels: { 'app.kubernetes.io/managed-by': SOURCE },
      // Empty annotations would be written again each time.
      ...(Object.keys(annotations).length > 0 && { annotations }),
    },
    ...(format === 'openreports' && { source: SOURCE, configuration: { limits: { maxResults: MOST_RESULTS } } }),
    summary: {
      pass: well,
      fail: count('fail'),
      warn: count('warn'),
      error: count('error') + errors,
      skip: count('skip'),
    },
    results,
  };
}

const URGENCY = ['low', 'medium', 'high', 'critical'];

function urgencyOf(outcomes: readonly Outcome[]): number {
  return outcomes.reduce((most, { severity = '' }) => Math.max(most, URGENCY.indexOf(severity)), -1);
}

/** Notices need no action, so they are not results. */
const OUTCOMES: Readonly<Record<Mark, Pick<Outcome, 'result' | 'severity' | 'scored'> | undefined>> = {
  error: { result: 'fail', severity: 'high', scored: true },
  unfixed: { result: 'warn', severity: 'medium', scored: false },
  warning: { result: 'warn', severity: 'medium', scored: false },
  audit: { result: 'warn', severity: 'low', scored: false },
  notice: undefined,
};

function toOutcome(group: FindingGroup): Outcome | undefined {
  const outcome = OUTCOMES[markOf(group)];
  if (outcome === undefined) return undefined;
  const row = toRow(group);
  return {
    source: SOURCE,
    policy: row.rule,
    rule: row.messageId,
    category: CATEGORY,
    ...outcome,
    resources: [toResource(row)],
    message: cut(row.message),
    properties: keepKnown({
      cause: row.cause,
      faqItem: row.faqItems.length === 0 ? undefined : row.faqItems.join(','),
      part: row.part,
      field: row.field,
      value: row.value,
      registry: row.registry,
      pods: row.pods === undefined ? undefined : String(row.pods),
      remedy: row.remedy,
    }),
  };
}

const CATEGORY = 'Image pull';

function toResource({ namespace, owner }: Pick<ScanRow, 'namespace' | 'owner'>): NonNullable<Outcome['resources']>[0] {
  const { group, kind, name } = owner;
  const isBuiltIn = WORKLOAD_KINDS.some((each) => each.group === group && each.kind === kind);
  return {
    // References to owners of other kinds are kept without the version.
    ...(isBuiltIn && { apiVersion: group === '' ? 'v1' : `${group}/v1` }),
    kind,
    ...(namespace !== '' && { namespace }),
    name,
  };
}

/** Pods of one owner that wait for the same image because of the same cause are one result. */
function groupWaiting(waiting: ReportInput['waiting']): readonly Readonly<{ namespace: string; outcome: Outcome }>[] {
  const groups = new Map<string, { first: ReportInput['waiting'][number]; pods: Set<string> }>();
  for (const each of waiting) {
    const { namespace, owner, pod = '' } = each.report;
    const key = JSON.stringify([namespace, owner ?? pod, each.diagnosis.cause, each.diagnosis.image]);
    const group = groups.get(key) ?? { first: each, pods: new Set() };
    groups.set(key, group);
    group.pods.add(pod);
  }
  return [...groups.values()].map(({ first, pods }) => {
    const { namespace = '', owner, pod = '' } = first.report;
    const { cause, faqItem, name, says, image, registry, remedy } = first.diagnosis;
    const [kind = '', ownerName = ''] = (owner ?? `Pod/${pod}`).split('/');
    const group = WORKLOAD_KINDS.find((each) => each.kind === kind && each.resource !== undefined)?.group ?? '?';
    const outcome: Outcome = {
      source: SOURCE,
      policy: 'image-pull',
      rule: cause,
      category: CATEGORY,
      severity: 'critical',
      result: 'fail',
      scored: true,
      resources: [toResource({ namespace, owner: { group, kind, name: redactMessage(ownerName) } })],
      message: cut(`${image === undefined ? '' : `${image}: `}${name}: ${says}`),
      properties: keepKnown({
        cause,
        faqItem: faqItem === null ? undefined : String(faqItem),
        value: image,
        registry,
        pods: String(pods.size),
        remedy,
      }),
    };
    return { namespace, outcome };
  });
}

function toNote(result: 'error' | 'skip', message: string): Outcome {
  return { source: SOURCE, policy: 'scan', category: CATEGORY, result, scored: false, message: cut(message) };
}

function keepKnown(properties: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(properties).flatMap(([name, value]) => (value === undefined ? [] : [[name, cut(value)]])),
  );
}

function cut(text: string): string {
  return shorten(escapeUnprintable(shorten(text, LONGEST_REPORTED)), LONGEST_REPORTED);
}
