import type { FactAge } from '../../src/cluster/facts/watch-facts.ts';
import type { ProbeEvent } from '../../src/registry/prober/prober.ts';
import { outcomeOf } from '../../src/cause/answer.ts';
import request from 'supertest';
import { describe, expect, test } from 'vitest';
import type { ImageAnswer } from '../../src/cause/answer.ts';
import { countDecision } from '../../src/serve/decide.ts';
import { countProbe, createMetrics, type Metrics } from '../../src/serve/metrics.ts';
import { requestFor } from '../support/admission-request.ts';
import { deployment, pod } from '../support/objects.ts';
import { FINE, readCounter, reviewOf, serveApp } from './helpers.ts';

/** Dashboards and alerts are written against these. */
const OWN_METRICS = {
  pullguard_build_info: ['gauge', ['version', 'commit']],
  pullguard_policy_info: ['gauge', ['hash']],
  pullguard_admission_requests_total: ['counter', ['endpoint', 'kind', 'outcome']],
  pullguard_admission_duration_seconds: ['histogram', ['endpoint', 'size', 'waited']],
  pullguard_findings_total: ['counter', ['rule', 'action', 'severity']],
  pullguard_fixes_total: ['counter', ['rule']],
  pullguard_connections_open: ['gauge', ['port']],
  pullguard_connections_refused_total: ['counter', ['port', 'reason']],
  pullguard_calls_refused_total: ['counter', ['reason']],
  pullguard_log_lines_dropped_total: ['counter', []],
  pullguard_errors_total: ['counter', ['where']],
  pullguard_certificate_expiry_timestamp_seconds: ['gauge', []],
  pullguard_policy_reloads_total: ['counter', ['result']],
  pullguard_recreation_loops_total: ['counter', ['result']],
  pullguard_rules_skipped_total: ['counter', ['rule', 'reason']],
  pullguard_facts_age_seconds: ['gauge', ['fact']],
  pullguard_facts_objects: ['gauge', ['fact']],
  pullguard_events_total: ['counter', ['result']],
  pullguard_leader: ['gauge', []],
  pullguard_pull_failures_total: ['counter', ['cause', 'faq_item']],
  pullguard_pull_failures_foretold_total: ['counter', ['foretold']],
  pullguard_pull_failure_delay_seconds: ['histogram', []],
  pullguard_pods_waiting: ['gauge', ['cause']],
  pullguard_probes_total: ['counter', ['outcome']],
  pullguard_probe_duration_seconds: ['histogram', []],
  pullguard_registry_answers: ['gauge', []],
  pullguard_probes_in_flight: ['gauge', []],
  pullguard_docker_hub_pulls_remaining: ['gauge', []],
};

test('names, types and labels are those that dashboards and alerts know', () => {
  const { registry } = createMetrics();
  const own = registry.getMetricsAsArray().filter(({ name }) => name.startsWith('pullguard_'));
  const described = own.map((metric) => {
    const { labelNames, type } = metric as unknown as { labelNames: string[]; type: string };
    return [metric.name, [type, labelNames]];
  });
  expect(Object.fromEntries(described)).toEqual(OWN_METRICS);
});

test('what an alert looks for is there from the start, as a counter that appears with its first count shows no increase', async () => {
  const text = await createMetrics().registry.metrics();
  for (const outcome of ['invalid', 'overloaded', 'error']) {
    expect(text).toContain(`requests_total{endpoint="validate",kind="other",outcome="${outcome}"} 0`);
  }
  expect(text).toContain('pullguard_rules_skipped_total{rule="reference-valid",reason="budget"} 0');
  expect(text.split('\n').filter((line) => /^pullguard_(errors|policy_reloads)_total/.test(line))).toEqual([
    'pullguard_errors_total{where="admission"} 0',
    'pullguard_errors_total{where="certificate"} 0',
    'pullguard_errors_total{where="cluster"} 0',
    'pullguard_errors_total{where="policy"} 0',
    'pullguard_errors_total{where="tls"} 0',
    'pullguard_policy_reloads_total{result="success"} 0',
    'pullguard_policy_reloads_total{result="failure"} 0',
  ]);
  expect(text).toContain('process_resident_memory_bytes');
  expect(text).toContain('nodejs_eventloop_lag_p99_seconds');
});

test('two servers in one process count apart', async () => {
  const [one, other] = [createMetrics(), createMetrics()];
  one.errors.inc({ where: 'policy' });
  expect(await readCounter(other, 'pullguard_errors_total', { where: 'policy' })).toBe(0);
});

test('requests, findings and fixes are counted by what came of them', async () => {
  const { url, metrics } = await serveApp();
  const reviews = [
    ['/mutate', reviewOf(pod('nginx'))],
    ['/validate', reviewOf(deployment('NGINX'))],
    ['/validate', FINE],
    ['/validate', reviewOf(pod('nginx'), { operation: 'DELETE' })],
    ['/mutate', {}],
  ] as const;
  for (const [path, review] of reviews) await request(url).post(path).send(review);
  const lines = (await metrics.registry.metrics()).split('\n');
  expect(lines.filter((line) => /^pullguard_(admission_requests|findings|fixes).* [1-9]/.test(line))).toEqual([
    'pullguard_admission_requests_total{endpoint="mutate",kind="other",outcome="invalid"} 1',
    'pullguard_admission_requests_total{endpoint="mutate",kind="Pod",outcome="patched"} 1',
    'pullguard_admission_requests_total{endpoint="validate",kind="Deployment",outcome="denied"} 1',
    'pullguard_admission_requests_total{endpoint="validate",kind="Pod",outcome="allowed"} 1',
    'pullguard_admission_requests_total{endpoint="validate",kind="Pod",outcome="passed"} 1',
    'pullguard_findings_total{rule="mirror-used",action="warn",severity="notice"} 1',
    'pullguard_findings_total{rule="pull-secret-present",action="warn",severity="notice"} 1',
    'pullguard_findings_total{rule="reference-valid",action="deny",severity="error"} 1',
    'pullguard_fixes_total{rule="mirror-used"} 1',
    'pullguard_fixes_total{rule="pull-secret-present"} 1',
  ]);
  expect(lines).toContain(
    'pullguard_admission_duration_seconds_count{endpoint="validate",size="small",waited="false"} 3',
  );
});

test('whatever kinds are sent, they make no more than one series, or Prometheus would fill up', async () => {
  const metrics = createMetrics();
  const hostile = [
    '__proto__',
    'constructor',
    'toString',
    'a"b',
    'a\nb',
    '{x="y"} 1',
    'x'.repeat(9999),
    'Kind1',
    'Kind2',
  ];
  const fine = requestFor(pod('nginx'));
  for (const kind of hostile) {
    const decided = { endpoint: 'mutate', outcome: 'passed', bytes: 1, seconds: 0, waited: false } as const;
    countDecision(metrics, { ...decided, request: { ...fine, kind: { group: 'x', kind } } });
    for (const field of ['operation', 'namespace', 'subResource', 'name']) {
      countDecision(metrics, { ...decided, request: { ...fine, kind: { group: '', kind }, [field]: kind } });
    }
  }
  const series = (await metrics.registry.metrics())
    .split('\n')
    .filter((line) => /^pullguard_admission_requests.* [1-9]/.test(line));
  expect(series).toEqual(['pullguard_admission_requests_total{endpoint="mutate",kind="other",outcome="passed"} 45']);
});

test('what is known of the cluster is measured when somebody looks, and has no age before it is known', async () => {
  const { registry, measure } = createMetrics();
  const facts = (): readonly FactAge[] => [
    { fact: 'namespaces', seconds: 3, objects: 12 },
    { fact: 'pullSecrets', seconds: undefined, objects: 0 },
  ];
  measure({ facts, isLeader: () => true });
  const lines = (await registry.metrics()).split('\n').filter((line) => /^pullguard_(facts|leader)/.test(line));
  expect(lines).toEqual([
    'pullguard_facts_age_seconds{fact="namespaces"} 3',
    'pullguard_facts_objects{fact="namespaces"} 12',
    'pullguard_facts_objects{fact="pullSecrets"} 0',
    'pullguard_leader 1',
  ]);
});

describe('what registries are asked', () => {
  const endpoint = 'registry.example.com:443';
  const ok: ImageAnswer = { endpoint, outcome: 'ok', digest: 'sha256:one', sizes: [], platforms: undefined };
  const timeout: ImageAnswer = { endpoint, outcome: 'failed', cause: 'timeout' };
  const count = (metrics: Metrics, result: ProbeEvent['result'], registry = 'registry.example.com'): void => {
    countProbe(metrics, { registry, seconds: 0.07, result });
  };
  const linesOf = async (metrics: Metrics, pattern: RegExp): Promise<readonly string[]> =>
    (await metrics.registry.metrics()).split('\n').filter((line) => pattern.test(line));

  test('is counted by what came of it, in one series each however many registries there are, and timed if it was asked', async () => {
    const metrics = createMetrics();
    for (let at = 0; at < 100; at++) count(metrics, { answer: ok }, `registry-${at}.example.com`);
    count(metrics, { answer: timeout });
    count(metrics, { notAsked: { why: 'bug', error: 'TypeError' } });
    expect(await linesOf(metrics, /^pullguard_probes_total/)).toEqual([
      'pullguard_probes_total{outcome="not-asked"} 1',
      'pullguard_probes_total{outcome="ok"} 100',
      `pullguard_probes_total{outcome="${outcomeOf(timeout)}"} 1`,
    ]);
    expect(await linesOf(metrics, /^pullguard_probe_duration_seconds_(bucket{le="0.(05|1)"}|count)/)).toEqual([
      'pullguard_probe_duration_seconds_bucket{le="0.05"} 0',
      'pullguard_probe_duration_seconds_bucket{le="0.1"} 101',
      'pullguard_probe_duration_seconds_count 101',
    ]);
  });

  test('and kept is measured when somebody looks', async () => {
    const metrics = createMetrics();
    const pattern = /^pullguard_(registry_answers|probes_in_flight)/;
    expect(await linesOf(metrics, pattern)).toEqual(['pullguard_registry_answers 0', 'pullguard_probes_in_flight 0']);
    metrics.measure({ registries: () => ({ answers: 12, inFlight: 3 }) });
    expect(await linesOf(metrics, pattern)).toEqual(['pullguard_registry_answers 12', 'pullguard_probes_in_flight 3']);
  });

  test('of Docker Hub shows what remains, once it has said so: nothing would be an alarm', async () => {
    const metrics = createMetrics();
    const look = async () => linesOf(metrics, /^pullguard_docker_hub/);
    count(metrics, { answer: ok, rateLimit: { remaining: 3 } });
    count(metrics, { answer: ok }, 'docker.io');
    expect(await look()).toEqual([]);
    count(metrics, { answer: ok, rateLimit: { remaining: 76 } }, 'docker.io');
    count(metrics, { answer: ok }, 'docker.io');
    expect(await look()).toEqual(['pullguard_docker_hub_pulls_remaining 76']);
  });
});
