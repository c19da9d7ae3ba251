import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { ENDPOINTS } from '../admission/admit.ts';
import { outcomeOf } from '../cause/answer.ts';
import type { FactAge } from '../cluster/facts/watch-facts.ts';
import type { ProbeEvent, ProberState } from '../registry/prober/prober.ts';
import { DOCKER_HUB } from '../image/reference.ts';
import { RULES } from '../rules/index.ts';
import { LONGEST_SMALL_BODY } from '../text/bounds.ts';

/** From a tenth of a millisecond, about what a decision takes, to the 10 s after which every API server has given up. */
const DURATION_BUCKETS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1, 10];

/** From the answer of a nearby registry to 10 s, the default timeout of a policy. */
const PROBE_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** From a wrong name, which fails at once, to a pull that is aborted. */
const DELAY_BUCKETS = [1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800];

/** What is read at each scrape, instead of being counted. */
type Sources = {
  /** Open connections of each port. */
  connections: () => Readonly<Record<'webhook' | 'admin', number>>;
  facts: () => readonly FactAge[];
  /** Undefined if pullguard does not manage the certificates. */
  isLeader: () => boolean | undefined;
  /** Pods that wait for an image, by cause. */
  waitingPods: () => ReadonlyMap<string, number>;
  registries: () => ProberState;
};

export type Metrics = ReturnType<typeof createMetrics>;

/** All metrics of pullguard, in a separate Prometheus registry. */
// eslint-disable-next-line @typescript-eslint/explicit-module-boundary-types -- the type is the list of what it returns
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const sources: Sources = {
    connections: () => ({ webhook: 0, admin: 0 }),
    facts: () => [],
    isLeader: () => undefined,
    waitingPods: () => new Map<string, number>(),
    registries: () => ({ answers: 0, inFlight: 0 }),
  };
  const metrics = {
    registry,
    /** Sets what to read at each scrape. */
    measure: (given: Partial<Sources>): void => {
      Object.assign(sources, given);
    },
    buildInfo: gauge(
      'pullguard_build_info',
      ['version', 'commit'],
      '1, with the version of pullguard and the commit that it was built from.',
    ),
    policyInfo: gauge(
      'pullguard_policy_info',
      ['hash'],
      '1, with the hash of the policy in use, as `pullguard policy show` prints it; built-in without a policy file.',
    ),
    requests: counter(
      'pullguard_admission_requests_total',
      ['endpoint', 'kind', 'outcome'],
      'Webhook calls, by endpoint, kind of object and outcome.',
    ),
    duration: histogram(
      'pullguard_admission_duration_seconds',
      ['endpoint', 'size', 'waited'],
      DURATION_BUCKETS,
      `Time taken to decide a review once its body is read, in seconds, by size of the body (small: up to ${LONGEST_SMALL_BODY / 1024} KiB) and whether it waited for registries.`,
    ),
    findings: counter(
      'pullguard_findings_total',
      ['rule', 'action', 'severity'],
      'Findings, by rule, the action taken, and severity: error, warning, or notice (fixed or harmless).',
    ),
    fixes: counter('pullguard_fixes_total', ['rule'], 'Problems fixed in Pods, by rule.'),
    skips: counter(
      'pullguard_rules_skipped_total',
      ['rule', 'reason'],
      'Rules that did not run for a review, by rule and reason: a missing fact, budget (time limit), or annotation.',
    ),
    recreationLoops: counter(
      'pullguard_recreation_loops_total',
      ['result'],
      'Pods that were recreated whenever their images were replaced, by result: stopped (images are not replaced any more), resumed (they were recreated nevertheless).',
    ),
    errors: counter(
      'pullguard_errors_total',
      ['where'],
      'Errors of pullguard itself, by where: admission (admitted unchecked), certificate, cluster, policy, tls (handshakes).',
    ),
    certificateExpiry: gauge(
      'pullguard_certificate_expiry_timestamp_seconds',
      [],
      'When the serving certificate expires, in seconds since 1970.',
    ),
    policyReloads: counter(
      'pullguard_policy_reloads_total',
      ['result'],
      'Reloads of the policy file, by result: success, or failure (the last valid policy is kept).',
    ),
    connectionsRefused: counter(
      'pullguard_connections_refused_total',
      ['port', 'reason'],
      'Connections that pullguard closed, by port and reason: limit (too many), pipelined (a call before the answer to the last one).',
    ),
    callsRefused: counter(
      'pullguard_calls_refused_total',
      ['reason'],
      'Rejected calls, by reason: path (not the path of an endpoint), client-name (certificate without a name of --client-name).',
    ),
    logLinesDropped: counter(
      'pullguard_log_lines_dropped_total',
      [],
      'Log lines that were dropped, as standard output was full, failed, or was not read.',
    ),
    events: counter(
      'pullguard_events_total',
      ['result'],
      'Kubernetes Events about owners that were denied or fixed, or whose images were found to fail later, by result: written, dropped (too many), failed.',
    ),
    pullFailures: counter(
      'pullguard_pull_failures_total',
      ['cause', 'faq_item'],
      'Failed pulls that kubelet reported, by cause and check item of the FAQ; every replica counts all of them.',
    ),
    pullsForetold: counter(
      'pullguard_pull_failures_foretold_total',
      ['foretold'],
      'Images of a namespace that failed to be pulled, by whether an admission of this replica had warned of them.',
    ),
    pullFailureDelay: histogram(
      'pullguard_pull_failure_delay_seconds',
      [],
      DELAY_BUCKETS,
      'Time from the creation of a Pod to its first failed pull, for one Pod of each owner, in seconds.',
    ),
    probes: counter(
      'pullguard_probes_total',
      ['outcome'],
      'Questions to registries about images, by outcome; not-asked if the policy does not allow it.',
    ),
    probeDuration: histogram(
      'pullguard_probe_duration_seconds',
      [],
      PROBE_BUCKETS,
      'Time taken to ask a registry about an image, with all requests for it, in seconds.',
    ),
    hubPulls: gauge(
      'pullguard_docker_hub_pulls_remaining',
      [],
      'Remaining pulls by the last answer of Docker Hub; absent before that.',
    ),
  };
  gauge('pullguard_connections_open', ['port'], 'Open connections, by port.', (open) => {
    const counts = sources.connections();
    for (const port of ['webhook', 'admin'] as const) open.set({ port }, counts[port]);
  });
  gauge(
    'pullguard_facts_age_seconds',
    ['fact'],
    'Time since the API server last confirmed the cluster state, by fact, in seconds; absent before the first list.',
    (age) => {
      for (const { fact, seconds } of sources.facts()) if (seconds !== undefined) age.set({ fact }, seconds);
    },
  );
  gauge('pullguard_facts_objects', ['fact'], 'Known objects of the cluster, by fact.', (known) => {
    for (const { fact, objects } of sources.facts()) known.set({ fact }, objects);
  });
  gauge(
    'pullguard_leader',
    [],
    '1 in the replica that renews the certificates, 0 in the others, and with a mounted certificate.',
    (leader) => {
      leader.set(sources.isLeader() === true ? 1 : 0);
    },
  );
  gauge('pullguard_pods_waiting', ['cause'], 'Pods that wait for an image, by cause.', (waiting) => {
    waiting.reset();
    for (const [cause, count] of sources.waitingPods()) waiting.set({ cause }, count);
  });
  gauge('pullguard_registry_answers', [], 'Cached answers of registries.', (answers) => {
    answers.set(sources.registries().answers);
  });
  gauge('pullguard_probes_in_flight', [], 'Unanswered questions to registries.', (inFlight) => {
    inFlight.set(sources.registries().inFlight);
  });
  beginAtZero(metrics);
  return metrics;

  function counter<Label extends string>(name: string, labelNames: readonly Label[], help: string): Counter<Label> {
    return new Counter({ name, help, labelNames, registers });
  }

  function gauge<Label extends string>(
    name: string,
    labelNames: readonly Label[],
    help: string,
    measure?: (gauge: Gauge<Label>) => void,
  ): Gauge<Label> {
    const made: Gauge<Label> = new Gauge<Label>({ name, help, labelNames, registers, collect: () => measure?.(made) });
    return made;
  }

  function histogram<Label extends string>(
    name: string,
    labelNames: readonly Label[],
    buckets: number[],
    help: string,
  ): Histogram<Label> {
    return new Histogram({ name, help, labelNames, buckets, registers });
  }
}

/** A counter that appears with its first count shows no increase, so those that alerts look for begin at zero. */
function beginAtZero(metrics: Metrics): void {
  const { errors, connectionsRefused, callsRefused, policyReloads, requests, recreationLoops, probes, skips } = metrics;
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
  // This one has no value yet: zero would raise an alarm.
  metrics.hubPulls.remove();
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
