import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Admission, Endpoint } from '../admission/admit.ts';
import type { AdmissionRequest } from '../admission/review.ts';
import { WORKLOAD_KINDS } from '../workload/kinds.ts';
import { createTally } from './tally.ts';

/** What came of a request: `passed` was not judged, `invalid` was no AdmissionReview, `overloaded` found no room for its body. */
export type Outcome = 'allowed' | 'patched' | 'denied' | 'passed' | 'error' | 'invalid' | 'overloaded';

/** Labels must stay few whatever is sent: kinds of other people's making count as one. */
const KNOWN_KINDS: ReadonlySet<string> = new Set([...WORKLOAD_KINDS.map(({ kind }) => kind), 'Namespace']);

/** From a tenth of a millisecond, about what a decision takes, to the 10 s after which every API server has given up. */
const DURATION_BUCKETS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1, 10];

/** How much is known of the cluster; `seconds` since that was last confirmed, undefined until it was known at all. */
export type FactState = Readonly<{ fact: string; seconds: number | undefined; objects: number }>;

export type ClusterState = Readonly<{
  facts: () => readonly FactState[];
  /** Undefined where no certificates are managed. */
  isLeader: () => boolean | undefined;
}>;

export type Metrics = ReturnType<typeof createMetrics>;

/** Everything pullguard counts, in a registry of its own. */
// eslint-disable-next-line @typescript-eslint/explicit-module-boundary-types -- the type is the list of what it returns
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const requests = createTally({
    name: 'pullguard_admission_requests_total',
    help: 'Webhook calls, by endpoint, kind of object and outcome.',
    labelNames: ['endpoint', 'kind', 'outcome'],
    registers,
  });
  const duration = new Histogram({
    name: 'pullguard_admission_duration_seconds',
    help: 'Time taken to decide a review and write its answer, once its body is read, in seconds.',
    labelNames: ['endpoint'] as const,
    buckets: DURATION_BUCKETS,
    registers,
  });
  const findings = createTally({
    name: 'pullguard_findings_total',
    help: 'What rules found, by rule and by the action taken.',
    labelNames: ['rule', 'action'],
    registers,
  });
  const fixes = createTally({
    name: 'pullguard_fixes_total',
    help: 'Problems fixed in pods, by rule.',
    labelNames: ['rule'],
    registers,
  });
  const skips = createTally({
    name: 'pullguard_rules_skipped_total',
    help: 'Rules that did not judge a review, by rule and reason: a fact that is not known, or the annotation that asked for it.',
    labelNames: ['rule', 'reason'],
    registers,
  });
  const errors = new Counter({
    name: 'pullguard_errors_total',
    help: 'Failures of pullguard itself, by where: admission (the object passed), certificate, cluster, policy, tls (handshakes).',
    labelNames: ['where'] as const,
    registers,
  });
  const certificateExpiry = new Gauge({
    name: 'pullguard_certificate_expiry_timestamp_seconds',
    help: 'When the serving certificate expires, in seconds since 1970.',
    registers,
  });
  const policyReloads = new Counter({
    name: 'pullguard_policy_reloads_total',
    help: 'Changes of the policy file noticed, by result: success, or failure (the last good policy stays).',
    labelNames: ['result'] as const,
    registers,
  });
  let cluster: ClusterState = { facts: () => [], isLeader: () => undefined };
  /** Has what is known of a cluster measured whenever somebody looks. */
  const measureCluster = (state: ClusterState): void => {
    cluster = state;
  };
  const age = new Gauge({
    name: 'pullguard_facts_age_seconds',
    help: 'Time since the API server last confirmed what is known of the cluster, by fact, in seconds; none before the first list.',
    labelNames: ['fact'] as const,
    registers,
    collect: () => {
      for (const { fact, seconds } of cluster.facts()) if (seconds !== undefined) age.set({ fact }, seconds);
    },
  });
  const objects = new Gauge({
    name: 'pullguard_facts_objects',
    help: 'Objects of the cluster that are known, by fact.',
    labelNames: ['fact'] as const,
    registers,
    collect: () => {
      for (const { fact, objects: count } of cluster.facts()) objects.set({ fact }, count);
    },
  });
  const leader = new Gauge({
    name: 'pullguard_leader',
    help: '1 in the replica that renews the certificates, 0 in the others, and where somebody else does.',
    registers,
    collect: () => {
      leader.set(cluster.isLeader() === true ? 1 : 0);
    },
  });
  const events = createTally({
    name: 'pullguard_events_total',
    help: 'Kubernetes Events about denied and fixed owners, by result: written, dropped (too many), failed.',
    labelNames: ['result'],
    registers,
  });
  for (const where of ['admission', 'certificate', 'cluster', 'policy', 'tls']) errors.inc({ where }, 0);
  for (const result of ['success', 'failure']) policyReloads.inc({ result }, 0);
  return {
    registry,
    requests,
    duration,
    findings,
    fixes,
    skips,
    errors,
    certificateExpiry,
    policyReloads,
    measureCluster,
    events,
  };
}

/** Counts one answered review. */
export function countAdmission(
  { requests, findings, fixes, skips }: Metrics,
  endpoint: Endpoint,
  request: AdmissionRequest,
  { outcome, admission }: { outcome: Outcome; admission?: Admission },
): void {
  const kind = KNOWN_KINDS.has(request.kind.kind) ? request.kind.kind : 'other';
  requests.inc({ endpoint, kind, outcome });
  if (admission === undefined) return;
  for (const { rule, action, fixed } of admission.findings) {
    findings.inc({ rule, action });
    if (fixed === 'now') fixes.inc({ rule });
  }
  for (const { rule, missing } of admission.skipped) {
    for (const fact of missing) skips.inc({ rule, reason: fact });
  }
  for (const rule of admission.waived) skips.inc({ rule, reason: 'annotation' });
}
