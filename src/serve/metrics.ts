import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { ENDPOINTS, type Admission, type Endpoint } from '../admission/admit.ts';
import type { AdmissionRequest } from '../admission/review.ts';
import { outcomeOf } from '../cause/answer.ts';
import type { FactAge } from '../cluster/facts/watch-facts.ts';
import type { ProbeEvent, ProberState } from '../registry/prober/prober.ts';
import { DOCKER_HUB } from '../image/reference.ts';
import { RULES } from '../rules/index.ts';
import { LONGEST_SMALL_BODY } from '../text/bounds.ts';
import { WORKLOAD_KINDS } from '../workload/kinds.ts';

/** The outcome of a request. `passed`: not checked; `invalid`: not an AdmissionReview; `overloaded`: no room for its body. */
export type Outcome = 'allowed' | 'patched' | 'denied' | 'passed' | 'error' | 'invalid' | 'overloaded';

/** The values of a label must stay few, whatever is sent: all other kinds are counted as one. */
const KNOWN_KINDS: ReadonlySet<string> = new Set([...WORKLOAD_KINDS.map(({ kind }) => kind), 'Namespace']);

/** From a tenth of a millisecond, about what a decision takes, to the 10 s after which every API server has given up. */
const DURATION_BUCKETS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1, 10];

export type ClusterState = Readonly<{
  facts: () => readonly FactAge[];
  /** Undefined if pullguard does not manage the certificates. */
  isLeader: () => boolean | undefined;
}>;

/** Open connections of each port. */
type ConnectionCounts = Readonly<{ webhook: number; admin: number }>;

/** From the answer of a nearby registry to 10 s, the default timeout of a policy. */
const PROBE_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** From a wrong name, which fails at once, to a pull that is aborted. */
const DELAY_BUCKETS = [1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800];

export type Metrics = ReturnType<typeof createMetrics>;

/** All metrics of pullguard, in a separate Prometheus registry. */
// eslint-disable-next-line @typescript-eslint/explicit-module-boundary-types -- the type is the list of what it returns
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const buildInfo = new Gauge({
    name: 'pullguard_build_info',
    help: '1, with the version of pullguard and the commit that it was built from.',
    labelNames: ['version', 'commit'] as const,
    registers,
  });
  const policyInfo = new Gauge({
    name: 'pullguard_policy_info',
    help: '1, with the hash of the policy in use, as `pullguard policy show` prints it; built-in without a policy file.',
    labelNames: ['hash'] as const,
    registers,
  });
  const requests = new Counter({
    name: 'pullguard_admission_requests_total',
    help: 'Webhook calls, by endpoint, kind of object and outcome.',
    labelNames: ['endpoint', 'kind', 'outcome'] as const,
    registers,
  });
  const duration = new Histogram({
    name: 'pullguard_admission_duration_seconds',
    help: `Time taken to decide a review once its body is read, in seconds, by size of the body (small: up to ${LONGEST_SMALL_BODY / 1024} KiB) and whether it waited for registries.`,
    labelNames: ['endpoint', 'size', 'waited'] as const,
    buckets: DURATION_BUCKETS,
    registers,
  });
  const findings = new Counter({
    name: 'pullguard_findings_total',
    help: 'Findings, by rule, the action taken, and severity: error, warning, or notice (fixed or harmless).',
    labelNames: ['rule', 'action', 'severity'] as const,
    registers,
  });
  const fixes = new Counter({
    name: 'pullguard_fixes_total',
    help: 'Problems fixed in Pods, by rule.',
    labelNames: ['rule'] as const,
    registers,
  });
  const skips = new Counter({
    name: 'pullguard_rules_skipped_total',
    help: 'Rules that did not run for a review, by rule and reason: a missing fact, budget (time limit), or annotation.',
    labelNames: ['rule', 'reason'] as const,
    registers,
  });
  const recreationLoops = new Counter({
    name: 'pullguard_recreation_loops_total',
    help: 'Pods that were recreated whenever their images were replaced, by result: stopped (images are not replaced any more), resumed (they were recreated nevertheless).',
    labelNames: ['result'] as const,
    registers,
  });
  const errors = new Counter({
    name: 'pullguard_errors_total',
    help: 'Errors of pullguard itself, by where: admission (admitted unchecked), certificate, cluster, policy, tls (handshakes).',
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
    help: 'Reloads of the policy file, by result: success, or failure (the last valid policy is kept).',
    labelNames: ['result'] as const,
    registers,
  });
  const connectionsRefused = new Counter({
    name: 'pullguard_connections_refused_total',
    help: 'Connections that pullguard closed, by port and reason: limit (too many), pipelined (a call before the answer to the last one).',
    labelNames: ['port', 'reason'] as const,
    registers,
  });
  const callsRefused = new Counter({
    name: 'pullguard_calls_refused_total',
    help: 'Rejected calls, by reason: path (not the path of an endpoint), client-name (certificate without a name of --client-name).',
    labelNames: ['reason'] as const,
    registers,
  });
  const logLinesDropped = new Counter({
    name: 'pullguard_log_lines_dropped_total',
    help: 'Log lines that were dropped, as standard output was full, failed, or was not read.',
    registers,
  });
  let connections = (): ConnectionCounts => ({ webhook: 0, admin: 0 });
  /** Counts open connections at each scrape. */
  const measureConnections = (count: () => ConnectionCounts): void => {
    connections = count;
  };
  const openConnections = new Gauge({
    name: 'pullguard_connections_open',
    help: 'Open connections, by port.',
    labelNames: ['port'] as const,
    registers,
    collect: () => {
      const { webhook, admin } = connections();
      openConnections.set({ port: 'webhook' }, webhook);
      openConnections.set({ port: 'admin' }, admin);
    },
  });
  let cluster: ClusterState = { facts: () => [], isLeader: () => undefined };
  /** Measures the cluster state at each scrape. */
  const measureCluster = (state: ClusterState): void => {
    cluster = state;
  };
  const age = new Gauge({
    name: 'pullguard_facts_age_seconds',
    help: 'Time since the API server last confirmed the cluster state, by fact, in seconds; absent before the first list.',
    labelNames: ['fact'] as const,
    registers,
    collect: () => {
      for (const { fact, seconds } of cluster.facts()) if (seconds !== undefined) age.set({ fact }, seconds);
    },
  });
  const objects = new Gauge({
    name: 'pullguard_facts_objects',
    help: 'Known objects of the cluster, by fact.',
    labelNames: ['fact'] as const,
    registers,
    collect: () => {
      for (const { fact, objects: count } of cluster.facts()) objects.set({ fact }, count);
    },
  });
  const leader = new Gauge({
    name: 'pullguard_leader',
    help: '1 in the replica that renews the certificates, 0 in the others, and with a mounted certificate.',
    registers,
    collect: () => {
      leader.set(cluster.isLeader() === true ? 1 : 0);
    },
  });
  const events = new Counter({
    name: 'pullguard_events_total',
    help: 'Kubernetes Events about owners that were denied or fixed, or whose images were found to fail later, by result: written, dropped (too many), failed.',
    labelNames: ['result'] as const,
    registers,
  });
  const pullFailures = new Counter({
    name: 'pullguard_pull_failures_total',
    help: 'Failed pulls that kubelet reported, by cause and check item of the FAQ; every replica counts all of them.',
    labelNames: ['cause', 'faq_item'] as const,
    registers,
  });
  const pullsForetold = new Counter({
    name: 'pullguard_pull_failures_foretold_total',
    help: 'Images of a namespace that failed to be pulled, by whether an admission of this replica had warned of them.',
    labelNames: ['foretold'] as const,
    registers,
  });
  const pullFailureDelay = new Histogram({
    name: 'pullguard_pull_failure_delay_seconds',
    help: 'Time from the creation of a Pod to its first failed pull, for one Pod of each owner, in seconds.',
    buckets: DELAY_BUCKETS,
    registers,
  });
  let countWaiting = (): ReadonlyMap<string, number> => new Map<string, number>();
  /** Counts Pods that wait at each scrape. */
  const measurePulls = (count: () => ReadonlyMap<string, number>): void => {
    countWaiting = count;
  };
  const waitingPods = new Gauge({
    name: 'pullguard_pods_waiting',
    help: 'Pods that wait for an image, by cause.',
    labelNames: ['cause'] as const,
    registers,
    collect: () => {
      waitingPods.reset();
      for (const [cause, count] of countWaiting()) waitingPods.set({ cause }, count);
    },
  });
  const probes = new Counter({
    name: 'pullguard_probes_total',
    help: 'Questions to registries about images, by outcome; not-asked if the policy does not allow it.',
    labelNames: ['outcome'] as const,
    registers,
  });
  const probeDuration = new Histogram({
    name: 'pullguard_probe_duration_seconds',
    help: 'Time taken to ask a registry about an image, with all requests for it, in seconds.',
    buckets: PROBE_BUCKETS,
    registers,
  });
  let registries = (): ProberState => ({ answers: 0, inFlight: 0 });
  /** Measures the known answers of registries at each scrape. */
  const measureRegistries = (state: () => ProberState): void => {
    registries = state;
  };
  const answers = new Gauge({
    name: 'pullguard_registry_answers',
    help: 'Cached answers of registries.',
    registers,
    collect: () => {
      answers.set(registries().answers);
    },
  });
  const inFlight = new Gauge({
    name: 'pullguard_probes_in_flight',
    help: 'Unanswered questions to registries.',
    registers,
    collect: () => {
      inFlight.set(registries().inFlight);
    },
  });
  const hubPulls = new Gauge({
    name: 'pullguard_docker_hub_pulls_remaining',
    help: 'Remaining pulls by the last answer of Docker Hub; absent before that.',
    registers,
  });
  // No value yet; zero would raise an alarm.
  hubPulls.remove();
  for (const where of ['admission', 'certificate', 'cluster', 'policy', 'tls']) errors.inc({ where }, 0);
  for (const port of ['webhook', 'admin']) {
    for (const reason of ['limit', 'pipelined']) connectionsRefused.inc({ port, reason }, 0);
  }
  for (const reason of ['path', 'client-name']) callsRefused.inc({ reason }, 0);
  for (const result of ['success', 'failure']) policyReloads.inc({ result }, 0);
  for (const endpoint of ENDPOINTS) {
    for (const outcome of ['invalid', 'overloaded', 'error']) requests.inc({ endpoint, kind: 'other', outcome }, 0);
  }
  for (const result of ['stopped', 'resumed']) recreationLoops.inc({ result }, 0);
  probes.inc({ outcome: 'not-asked' }, 0);
  for (const { id } of RULES) skips.inc({ rule: id, reason: 'budget' }, 0);
  return {
    registry,
    buildInfo,
    policyInfo,
    requests,
    duration,
    findings,
    fixes,
    skips,
    recreationLoops,
    errors,
    certificateExpiry,
    policyReloads,
    connectionsRefused,
    callsRefused,
    logLinesDropped,
    measureConnections,
    measureCluster,
    events,
    pullFailures,
    pullsForetold,
    pullFailureDelay,
    measurePulls,
    probes,
    probeDuration,
    measureRegistries,
    hubPulls,
  };
}

/** Measures how long a review took. Reviews that waited for registries are counted separately. */
export function observeDuration(
  { duration }: Metrics,
  {
    endpoint,
    bytes,
    waited,
    seconds,
  }: Readonly<{ endpoint: Endpoint; bytes: number; waited: boolean; seconds: number }>,
): void {
  duration.observe({ endpoint, size: bytes > LONGEST_SMALL_BODY ? 'large' : 'small', waited: String(waited) }, seconds);
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
  for (const { rule, action, severity, fixed } of admission.findings) {
    findings.inc({ rule, action, severity });
    if (fixed === 'now') fixes.inc({ rule });
  }
  for (const { rule, missing } of admission.skipped) {
    for (const fact of missing) skips.inc({ rule, reason: fact });
  }
  for (const rule of admission.waived) skips.inc({ rule, reason: 'annotation' });
}

/** Counts one question to a registry. */
export function countProbe(
  { probes, probeDuration, hubPulls }: Metrics,
  { registry, seconds, result }: ProbeEvent,
): void {
  if ('notAsked' in result) {
    probes.inc({ outcome: 'not-asked' });
    return;
  }
  const { answer, rateLimit } = result;
  probes.inc({ outcome: outcomeOf(answer) });
  probeDuration.observe(seconds);
  if (registry === DOCKER_HUB && rateLimit !== undefined) hubPulls.set(rateLimit.remaining);
}
