import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { createMetrics } from '../../src/serve/metrics.ts';
import { PROMTOOL, promtool } from '../support/prometheus.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { find, objects, parseDocuments, podOf, readText, type Manifest } from './manifests.ts';

const FOLDER = 'manifests/components/monitoring';

const REPOSITORY = (JSON.parse(readText('package.json')) as { homepage: string }).homepage.replace('#readme', '');

type Alert = Readonly<{
  alert: string;
  expr: string;
  labels: Readonly<Record<string, string>>;
  annotations: Readonly<{ summary: string; runbook_url: string }>;
}>;
type PrometheusRule = Manifest &
  Readonly<{ spec: Readonly<{ groups: readonly Readonly<{ rules: readonly Alert[] }>[] }> }>;
type PodMonitor = Manifest &
  Readonly<{
    spec: Readonly<{
      selector: Readonly<{ matchLabels: Readonly<Record<string, string>> }>;
      podMetricsEndpoints: readonly Readonly<{ port: string; path: string }>[];
    }>;
  }>;

const [rule] = parseDocuments(readText(`${FOLDER}/prometheus-rule.yaml`)) as readonly PrometheusRule[];
const alerts = rule!.spec.groups.flatMap(({ rules }) => rules);

/** `name{label="value"}`, of our own process. */
type Selector = Readonly<{
  name: string;
  matchers: readonly (readonly [label: string, matches: RegExp, isNot: boolean])[];
}>;

function readSelectors(expression: string): readonly Selector[] {
  return [...expression.matchAll(/\b((?:pullguard|nodejs|process)_\w+)(?:\{([^}]*)\})?/g)].map(
    ([, name = '', matchers = '']) => ({
      name,
      matchers: [...matchers.matchAll(/(\w+)(=~|!~|!=|=)"((?:[^"\\]|\\.)*)"/g)].map(
        ([, label = '', sign = '', written = '']) => {
          const value = JSON.parse(`"${written}"`) as string;
          const pattern = sign.endsWith('~') ? value : escape(value);
          return [label, new RegExp(`^(?:${pattern})$`), sign.startsWith('!')] as const;
        },
      ),
    }),
  );
}

function escape(text: string): string {
  return text.replaceAll(/[.*+?^$]/g, '\\$&');
}

/** Every series there is before anything has happened but a review of each size, with its labels. */
async function listSeries(): Promise<readonly (readonly [name: string, labels: ReadonlyMap<string, string>])[]> {
  const metrics = createMetrics();
  metrics.measure({ facts: () => [{ fact: 'nodes', seconds: 1, objects: 1 }], isLeader: () => true });
  for (const size of ['small', 'large']) metrics.duration.observe({ endpoint: 'validate', size, waited: 'false' }, 0);
  metrics.skips.inc({ rule: 'image-fits', reason: 'nodes' });
  metrics.policyInfo.set({ hash: 'abc' }, 1);
  const lines = (await metrics.registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return lines.map((line) => {
    const [, name = '', labels = ''] = /^(\w+)(?:\{(.*)\})? /.exec(line) ?? [];
    return [
      name,
      new Map([...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = '', value = '']) => [label, value])),
    ];
  });
}

test('every alert is about series that there are from the start: one that is not would never ring', async () => {
  const series = await listSeries();
  const selectors = alerts.flatMap(({ alert, expr }) =>
    readSelectors(expr).map((selector) => ({ alert, ...selector })),
  );
  expect(selectors.length).toBeGreaterThan(alerts.length);
  for (const { alert, name, matchers } of selectors) {
    const found = series.some(
      ([other, labels]) =>
        other === name &&
        matchers.every(
          ([label, matches, isNot]) => labels.has(label) && matches.test(labels.get(label) ?? '') !== isNot,
        ),
    );
    expect([alert, name, found]).toEqual([alert, name, true]);
  }
});

test('each value that an alert lists is one that is counted', async () => {
  const series = await listSeries();
  const listed = alerts.flatMap(({ expr }) => [...expr.matchAll(/(outcome)=~?"([\w|-]+)"/g)]);
  expect(listed.length).toBeGreaterThan(1);
  for (const [, label = '', values = ''] of listed) {
    for (const value of values.split('|'))
      expect(
        series.some(([, labels]) => labels.get(label) === value),
        value,
      ).toBe(true);
  }
});

test('docs/alerts.md has a section for each alert, to which its runbook_url leads, and for no other', () => {
  const sections = [...readText('docs/alerts.md').matchAll(/^## (\w+)$/gm)].map(([, name = '']) => name);
  expect(sections).toEqual(alerts.map(({ alert }) => alert));
  for (const { alert, annotations } of alerts) {
    expect(annotations.runbook_url).toBe(`${REPOSITORY}/blob/main/docs/alerts.md#${alert.toLowerCase()}`);
  }
});

test('the page of alerts names only metrics that there are', () => {
  const known = createMetrics()
    .registry.getMetricsAsArray()
    .map(({ name }) => name);
  const named = [...readText('docs/alerts.md').matchAll(/\b(?:pullguard|process)_\w+/g)].map(([name]) => name);
  expect(named.filter((name) => !known.includes(name))).toEqual([]);
});

if (!PROMTOOL) test.skip('alerts were not run: there is no promtool on PATH', () => undefined);

describe.runIf(PROMTOOL)('by promtool', () => {
  test('the rules are valid', () => {
    expect(promtool('check', 'rules', writeRules())).toMatchObject({ status: 0 });
  });

  test('each alert fires when it should, with the summary that people read, and not when it should not', () => {
    expect(CASES.map(({ alert }) => alert)).toEqual(alerts.map(({ alert }) => alert));
    const file = writeRules();
    const tests = CASES.flatMap(({ alert, at, fires, quiet, labels, summary }) => {
      const { labels: own, annotations } = alerts.find((each) => each.alert === alert)!;
      const expected = {
        exp_labels: { ...own, ...labels },
        exp_annotations: { summary, runbook_url: annotations.runbook_url },
      };
      return [
        { series: fires, exp_alerts: [expected] },
        { series: quiet, exp_alerts: [] },
      ].map(({ series, exp_alerts }) => ({
        interval: '1m',
        input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
        alert_rule_test: [{ eval_time: at, alertname: alert, exp_alerts }],
      }));
    });
    const written = tempFolder().write(
      'tests.yaml',
      stringify({ rule_files: [file], evaluation_interval: '1m', tests }),
    );
    const { status, output } = promtool('test', 'rules', written);
    expect(output).toContain('SUCCESS');
    expect(status).toBe(0);
  });
});

function writeRules(): string {
  return tempFolder().write('rules.yaml', stringify(rule!.spec));
}

test('the port that is scraped is one that the pods have', () => {
  const [monitor] = parseDocuments(readText(`${FOLDER}/pod-monitor.yaml`)) as readonly PodMonitor[];
  const { selector, podMetricsEndpoints } = monitor!.spec;
  expect(find(objects, 'Deployment').spec.template.metadata.labels).toMatchObject(selector.matchLabels);
  const ports = podOf(objects).containers[0]!.ports.map(({ name }) => name);
  expect(podMetricsEndpoints.map(({ port }) => ports.includes(port))).toEqual([true]);
});

/** Series of five minutes without a count, then one: as of a counter that is there from the start. */
const ONCE = '0x5 1x20';
const NEVER = '7x25';

/** When each alert fires: series by the minute in promtool's notation, and similar ones at which it must not. */
type Case = Readonly<{
  alert: string;
  at: string;
  fires: Readonly<Record<string, string>>;
  labels: Readonly<Record<string, string>>;
  summary: string;
  quiet: Readonly<Record<string, string>>;
}>;

const CASES: readonly Case[] = [
  {
    alert: 'PullguardNotReached',
    at: '10m',
    fires: { 'apiserver_admission_webhook_fail_open_count{name="validate.pullguard.dev",type="validating"}': ONCE },
    labels: { name: 'validate.pullguard.dev' },
    summary: 'The API server admitted requests unchecked, as its calls to validate.pullguard.dev failed.',
    quiet: {
      'apiserver_admission_webhook_fail_open_count{name="validate.pullguard.dev"}': NEVER,
      'apiserver_admission_webhook_fail_open_count{name="other.example.com"}': ONCE,
    },
  },
  {
    alert: 'PullguardError',
    at: '10m',
    fires: { 'pullguard_errors_total{where="admission",instance="a"}': ONCE },
    labels: { where: 'admission' },
    summary: 'pullguard failed (admission). With "admission", objects were admitted unchecked.',
    quiet: { 'pullguard_errors_total{where="admission",instance="a"}': NEVER },
  },
  {
    alert: 'PullguardRefusesReviews',
    at: '10m',
    fires: { 'pullguard_admission_requests_total{endpoint="validate",kind="other",outcome="overloaded"}': ONCE },
    labels: { endpoint: 'validate', outcome: 'overloaded' },
    summary: 'pullguard did not check what it was sent (overloaded).',
    quiet: { 'pullguard_admission_requests_total{endpoint="validate",kind="Pod",outcome="denied"}': ONCE },
  },
  {
    alert: 'PullguardOutOfTime',
    at: '10m',
    fires: { 'pullguard_rules_skipped_total{rule="image-fits",reason="budget"}': ONCE },
    labels: { rule: 'image-fits' },
    summary: 'Objects took more than the time budget, and image-fits did not check all of them.',
    quiet: { 'pullguard_rules_skipped_total{rule="image-fits",reason="annotation"}': ONCE },
  },
  {
    alert: 'PullguardEventLoopLag',
    at: '6m',
    fires: { 'nodejs_eventloop_lag_p99_seconds{instance="a"}': '0.3x20', 'pullguard_leader{instance="a"}': '0x20' },
    labels: { instance: 'a' },
    summary: 'All reviews of a wait, as something keeps its event loop busy.',
    quiet: {
      'nodejs_eventloop_lag_p99_seconds{instance="a"}': '0.2x20',
      'nodejs_eventloop_lag_p99_seconds{instance="another-program"}': '9x20',
      'pullguard_leader{instance="a"}': '0x20',
    },
  },
  {
    alert: 'PullguardRestarts',
    at: '10m',
    fires: { 'process_start_time_seconds{instance="a"}': '100x5 400x20', 'pullguard_leader{instance="a"}': '0x20' },
    labels: { instance: 'a' },
    summary: 'The container of a has ended and started again within an hour.',
    quiet: {
      'process_start_time_seconds{instance="a"}': '100x25',
      // A rollout: the new Pod is another instance.
      'process_start_time_seconds{instance="b"}': '_x5 400x20',
      'process_start_time_seconds{instance="another-program"}': '100x5 400x20',
      'pullguard_leader{instance="a"}': '0x20',
      'pullguard_leader{instance="b"}': '0x20',
    },
  },
  {
    alert: 'PullguardConnectionsRefused',
    at: '10m',
    fires: { 'pullguard_connections_refused_total{port="webhook",reason="limit"}': ONCE },
    labels: { port: 'webhook', reason: 'limit' },
    summary: 'A client has too many connections to the webhook port, or sends calls without waiting (limit).',
    quiet: { 'pullguard_connections_refused_total{port="webhook",reason="limit"}': NEVER },
  },
  {
    alert: 'PullguardLogLinesDropped',
    at: '10m',
    fires: { 'pullguard_log_lines_dropped_total{instance="a"}': ONCE },
    labels: {},
    summary: 'Log lines were lost, as standard output is full or is not read.',
    quiet: { 'pullguard_log_lines_dropped_total{instance="a"}': NEVER },
  },
  {
    alert: 'PullguardRulesSkipped',
    at: '40m',
    fires: { 'pullguard_rules_skipped_total{rule="image-fits",reason="nodes"}': '0+1x60' },
    labels: { rule: 'image-fits', reason: 'nodes' },
    summary: 'image-fits does not run, as the nodes are not known.',
    quiet: {
      'pullguard_rules_skipped_total{rule="image-fits",reason="annotation"}': '0+1x60',
      // In the first minutes after a start.
      'pullguard_rules_skipped_total{rule="image-fits",reason="nodes"}': '0+1x5 5x60',
    },
  },
  {
    alert: 'PullguardFactsOld',
    at: '3m',
    fires: { 'pullguard_facts_age_seconds{fact="nodes",instance="a"}': '601x5' },
    labels: { fact: 'nodes' },
    summary: 'The API server has not confirmed the nodes for ten minutes; pullguard uses what it knew.',
    quiet: { 'pullguard_facts_age_seconds{fact="nodes",instance="a"}': '600x5' },
  },
  {
    alert: 'PullguardCertificateExpires',
    at: '1m',
    fires: {
      'pullguard_certificate_expiry_timestamp_seconds{instance="a"}': '1209600x5',
      'pullguard_certificate_expiry_timestamp_seconds{instance="b"}': '9000000x5',
    },
    labels: {},
    summary: 'The certificate of the webhook expires within two weeks, and should have been renewed.',
    quiet: { 'pullguard_certificate_expiry_timestamp_seconds{instance="a"}': '1209720x5' },
  },
  {
    alert: 'PullguardNoLeader',
    at: '6m',
    fires: { 'pullguard_leader{instance="a"}': '0x20', 'pullguard_leader{instance="b"}': '0x20' },
    labels: {},
    summary: 'No replica renews the certificate, or more than one does.',
    // While the lease passes from one to the other there may be two, or none.
    quiet: { 'pullguard_leader{instance="a"}': '1x3 0x20', 'pullguard_leader{instance="b"}': '0x5 1x20' },
  },
  {
    alert: 'PullguardPoliciesDiffer',
    at: '11m',
    fires: {
      'pullguard_policy_info{hash="a",instance="a"}': '1x20',
      'pullguard_policy_info{hash="b",instance="b"}': '1x20',
    },
    labels: {},
    summary: 'Replicas have used different policies for ten minutes.',
    // A reload: two minutes later the other has the policy too.
    quiet: {
      'pullguard_policy_info{hash="a",instance="a"}': '1x3 stale',
      'pullguard_policy_info{hash="a",instance="b"}': '1x5 stale',
      'pullguard_policy_info{hash="b",instance="a"}': '_x4 1x20',
      'pullguard_policy_info{hash="b",instance="b"}': '_x6 1x20',
    },
  },
  {
    alert: 'PullguardRegistryNotAsked',
    at: '10m',
    fires: { 'pullguard_probes_total{outcome="not-asked"}': ONCE },
    labels: { outcome: 'not-asked' },
    summary: 'The policy has a registry asked, and pullguard may not. The log says why, in "registry not asked".',
    quiet: { 'pullguard_probes_total{outcome="ok"}': ONCE },
  },
  {
    alert: 'PullguardSmallReviewsSlow',
    at: '90m',
    fires: ofReviews('small', '0.05', '0+98x120'),
    labels: {},
    summary: 'Less than 99 % of the reviews up to 64 KiB were decided within 50 ms.',
    quiet: ofReviews('small', '0.05', '0+100x120'),
  },
  {
    alert: 'PullguardLargeReviewsSlow',
    at: '90m',
    fires: ofReviews('large', '1.0', '0+98x120'),
    labels: {},
    summary: 'Less than 99 % of the reviews above 64 KiB were decided within 1 s.',
    quiet: ofReviews('large', '1', '0+100x120'),
  },
];

/** A hundred reviews a minute, and how many of them were in time; those that waited for registries do not count. */
function ofReviews(size: string, le: string, inTime: string): Readonly<Record<string, string>> {
  const name = 'pullguard_admission_duration_seconds';
  return {
    [`${name}_bucket{endpoint="validate",size="${size}",waited="false",le="${le}"}`]: inTime,
    [`${name}_count{endpoint="validate",size="${size}",waited="false"}`]: '0+100x120',
    [`${name}_bucket{endpoint="validate",size="${size}",waited="true",le="${le}"}`]: '0x120',
    [`${name}_count{endpoint="validate",size="${size}",waited="true"}`]: '0+100x120',
  };
}
