/** The Grafana dashboard, by its rows. `scripts/chart.ts` writes it as JSON; tests run each query. */

type Query = Readonly<{ expr: string; legend: string }>;

type Panel = Readonly<{
  title: string;
  /** What a reader should know beside the title. */
  description?: string;
  /** A unit of Grafana, such as `s` or `reqps`. */
  unit: string;
  /** The present value alone, in the place of a curve. */
  isStat?: boolean;
  queries: readonly Query[];
}>;

const RATE = '[$__rate_interval]';

/** Every replica counts what kubelet reports, so those are not added up. */
const ROWS: Readonly<Record<string, readonly Panel[]>> = {
  Admissions: [
    {
      title: 'Requests by outcome',
      description:
        'passed: nothing to check; error, invalid and overloaded: admitted unchecked, unless they fail closed.',
      unit: 'reqps',
      queries: [{ expr: `sum by (outcome) (rate(pullguard_admission_requests_total${RATE}))`, legend: '{{outcome}}' }],
    },
    {
      title: 'Requests by kind',
      unit: 'reqps',
      queries: [{ expr: `sum by (kind) (rate(pullguard_admission_requests_total${RATE}))`, legend: '{{kind}}' }],
    },
    {
      title: 'Time to decide, without waiting for registries',
      description: 'Objectives: 99 % of small requests within 50 ms, of large ones within 1 s.',
      unit: 's',
      queries: [0.5, 0.99].map((share) => ({
        expr: `histogram_quantile(${share}, sum by (le, size) (rate(pullguard_admission_duration_seconds_bucket{waited="false"}${RATE})))`,
        legend: `{{size}} p${share * 100}`,
      })),
    },
    {
      title: 'Requests by whether they waited for registries',
      unit: 'reqps',
      queries: [
        {
          expr: `sum by (waited) (rate(pullguard_admission_duration_seconds_count${RATE}))`,
          legend: 'waited: {{waited}}',
        },
      ],
    },
  ],
  Findings: [
    {
      title: 'Findings by rule',
      unit: 'short',
      queries: [{ expr: `sum by (rule) (increase(pullguard_findings_total${RATE}))`, legend: '{{rule}}' }],
    },
    {
      title: 'Findings by action and severity',
      unit: 'short',
      queries: [
        {
          expr: `sum by (action, severity) (increase(pullguard_findings_total${RATE}))`,
          legend: '{{action}}, {{severity}}',
        },
      ],
    },
    {
      title: 'Fixes by rule',
      unit: 'short',
      queries: [{ expr: `sum by (rule) (increase(pullguard_fixes_total${RATE}))`, legend: '{{rule}}' }],
    },
    {
      title: 'Rules that did not run',
      description: 'By reason: a fact that is unknown, budget (time limit), or annotation.',
      unit: 'short',
      queries: [
        {
          expr: `sum by (rule, reason) (increase(pullguard_rules_skipped_total${RATE})) > 0`,
          legend: '{{rule}}: {{reason}}',
        },
      ],
    },
  ],
  Registries: [
    {
      title: 'Questions to registries by outcome',
      unit: 'reqps',
      queries: [{ expr: `sum by (outcome) (rate(pullguard_probes_total${RATE}))`, legend: '{{outcome}}' }],
    },
    {
      title: 'Time that registries take',
      unit: 's',
      queries: [0.5, 0.99].map((share) => ({
        expr: `histogram_quantile(${share}, sum by (le) (rate(pullguard_probe_duration_seconds_bucket${RATE})))`,
        legend: `p${share * 100}`,
      })),
    },
    {
      title: 'Cached answers, and questions without an answer yet',
      unit: 'short',
      queries: [
        { expr: 'sum(pullguard_registry_answers)', legend: 'cached' },
        { expr: 'sum(pullguard_probes_in_flight)', legend: 'in flight' },
      ],
    },
    {
      title: 'Pulls that Docker Hub allows',
      unit: 'short',
      queries: [{ expr: 'min(pullguard_docker_hub_pulls_remaining)', legend: 'remaining' }],
    },
  ],
  Pulls: [
    {
      title: 'Pods that wait for an image, by cause',
      description: 'This row needs serve --watch-pulls.',
      unit: 'short',
      queries: [{ expr: 'max by (cause) (pullguard_pods_waiting)', legend: '{{cause}}' }],
    },
    {
      title: 'Failed pulls by cause',
      unit: 'short',
      queries: [{ expr: `max by (cause) (increase(pullguard_pull_failures_total${RATE}))`, legend: '{{cause}}' }],
    },
    {
      title: 'Failed images, by whether an admission had warned',
      unit: 'short',
      queries: [
        {
          expr: `max by (foretold) (increase(pullguard_pull_failures_foretold_total${RATE}))`,
          legend: 'warned: {{foretold}}',
        },
      ],
    },
    {
      title: 'Time from the creation of a Pod to its first failed pull',
      unit: 's',
      queries: [0.5, 0.9].map((share) => ({
        expr: `histogram_quantile(${share}, sum by (le) (rate(pullguard_pull_failure_delay_seconds_bucket${RATE})))`,
        legend: `p${share * 100}`,
      })),
    },
  ],
  Health: [
    {
      title: 'Versions',
      unit: 'short',
      isStat: true,
      queries: [{ expr: 'count by (version, commit) (pullguard_build_info)', legend: '{{version}} {{commit}}' }],
    },
    {
      title: 'Policies',
      description:
        'Replicas by the hash of their policy. More than one for some minutes: one of them could not reload.',
      unit: 'short',
      isStat: true,
      queries: [{ expr: 'count by (hash) (pullguard_policy_info)', legend: '{{hash}}' }],
    },
    {
      title: 'Certificate ends',
      unit: 'dateTimeFromNow',
      isStat: true,
      queries: [{ expr: 'min(pullguard_certificate_expiry_timestamp_seconds) * 1000', legend: 'first' }],
    },
    {
      title: 'Leaders',
      description: '1 with its own certificate, 0 with a mounted one.',
      unit: 'short',
      isStat: true,
      queries: [{ expr: 'sum(pullguard_leader)', legend: 'leaders' }],
    },
    {
      title: 'Errors and policy reloads',
      unit: 'short',
      queries: [
        { expr: `sum by (where) (increase(pullguard_errors_total${RATE}))`, legend: 'error: {{where}}' },
        { expr: `sum by (result) (increase(pullguard_policy_reloads_total${RATE}))`, legend: 'reload: {{result}}' },
      ],
    },
    {
      title: 'Rejected calls and connections, dropped log lines',
      unit: 'short',
      queries: [
        { expr: `sum by (reason) (increase(pullguard_calls_refused_total${RATE}))`, legend: 'call: {{reason}}' },
        {
          expr: `sum by (port, reason) (increase(pullguard_connections_refused_total${RATE}))`,
          legend: 'connection to {{port}}: {{reason}}',
        },
        { expr: `sum(increase(pullguard_log_lines_dropped_total${RATE}))`, legend: 'log lines' },
      ],
    },
    {
      title: 'Open connections',
      unit: 'short',
      queries: [{ expr: 'sum by (port) (pullguard_connections_open)', legend: '{{port}}' }],
    },
    {
      title: 'Events',
      unit: 'short',
      queries: [{ expr: `sum by (result) (increase(pullguard_events_total${RATE}))`, legend: '{{result}}' }],
    },
    {
      title: 'Age of the cluster state',
      unit: 's',
      queries: [{ expr: 'max by (fact) (pullguard_facts_age_seconds)', legend: '{{fact}}' }],
    },
    {
      title: 'Known objects of the cluster',
      unit: 'short',
      queries: [{ expr: 'max by (fact) (pullguard_facts_objects)', legend: '{{fact}}' }],
    },
    {
      title: 'Memory and CPU',
      unit: 'short',
      queries: [
        {
          expr: 'process_resident_memory_bytes / 1048576 and on (instance) pullguard_leader',
          legend: '{{instance}} MiB',
        },
        {
          expr: `rate(process_cpu_seconds_total${RATE}) * 1000 and on (instance) pullguard_leader`,
          legend: '{{instance}} millicores',
        },
      ],
    },
    {
      title: 'Event loop lag, p99',
      unit: 's',
      queries: [
        { expr: 'nodejs_eventloop_lag_p99_seconds and on (instance) pullguard_leader', legend: '{{instance}}' },
      ],
    },
  ],
};

/** Every query of the dashboard, with the title of its panel. */
export const QUERIES: readonly Readonly<{ title: string; expr: string }>[] = Object.values(ROWS)
  .flat()
  .flatMap(({ title, queries }) => queries.map(({ expr }) => ({ title, expr })));

const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };
/** Grafana's grid has 24 columns. */
const [WIDTH, HEIGHT, PER_ROW] = [6, 8, 4];

export function buildDashboard(): unknown {
  const panels: unknown[] = [];
  let y = 0;
  for (const [title, row] of Object.entries(ROWS)) {
    panels.push({ id: panels.length + 1, type: 'row', title, gridPos: { x: 0, y, w: 24, h: 1 }, panels: [] });
    y += 1;
    for (const [at, panel] of row.entries()) {
      const gridPos = { x: (at % PER_ROW) * WIDTH, y: y + Math.floor(at / PER_ROW) * HEIGHT, w: WIDTH, h: HEIGHT };
      panels.push({ id: panels.length + 1, ...toPanel(panel), gridPos });
    }
    y += Math.ceil(row.length / PER_ROW) * HEIGHT;
  }
  return {
    uid: 'pullguard',
    title: 'pullguard',
    tags: ['pullguard', 'kubernetes'],
    schemaVersion: 39,
    editable: true,
    refresh: '1m',
    time: { from: 'now-6h', to: 'now' },
    templating: { list: [{ name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus' }] },
    panels,
  };
}

function toPanel({ title, description, unit, isStat = false, queries }: Panel): object {
  return {
    type: isStat ? 'stat' : 'timeseries',
    title,
    ...(description !== undefined && { description }),
    datasource: DATASOURCE,
    fieldConfig: { defaults: { unit, ...(!isStat && { min: 0 }) }, overrides: [] },
    options: isStat
      ? { textMode: 'value_and_name', reduceOptions: { calcs: ['lastNotNull'] } }
      : { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } },
    targets: queries.map(({ expr, legend }, at) => ({
      refId: String.fromCharCode(65 + at),
      datasource: DATASOURCE,
      expr,
      legendFormat: legend,
      ...(isStat && { instant: true }),
    })),
  };
}
