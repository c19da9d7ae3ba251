import request from 'supertest';
import { expect, test, vi } from 'vitest';
import { buildDashboard, QUERIES } from '../../scripts/dashboard.ts';
import { createAdminApp } from '../../src/serve/admin.ts';
import { countProbe, createMetrics, type Metrics } from '../../src/serve/metrics.ts';
import { pod, deployment } from '../support/objects.ts';
import { PROMETHEUS, startPrometheus } from '../support/prometheus.ts';
import { reviewOf, serveApp, serveLocally } from '../serve/helpers.ts';

test('each metric in it is one that there is, by labels that it has: a panel of another would stay empty', () => {
  const known = new Map(
    createMetrics()
      .registry.getMetricsAsArray()
      .map((metric) => [metric.name, (metric as unknown as { labelNames: string[] }).labelNames]),
  );
  for (const { title, expr } of QUERIES) {
    const [, name = '', , filters = ''] =
      /\b((?:pullguard|nodejs|process)_\w+?)(_bucket|_count)?(?:\{([^}]*)\})?[[) ]/.exec(expr) ?? [];
    expect(known.has(name), `${title}: ${name}`).toBe(true);
    const grouped = /\bby \(([^)]*)\)/.exec(expr)?.[1]?.split(', ') ?? [];
    const filtered = [...filters.matchAll(/(\w+)=/g)].map(([, label = '']) => label);
    const unknown = [...grouped, ...filtered].filter((label) => label !== 'le' && !known.get(name)?.includes(label));
    expect(unknown, title).toEqual([]);
  }
});

test('each panel has a place of its own, and a legend of labels that its query keeps', () => {
  const { panels } = buildDashboard() as {
    panels: {
      type: string;
      id: number;
      gridPos: { x: number; y: number };
      targets?: { expr: string; legendFormat: string }[];
    }[];
  };
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  expect(new Set(panels.map(({ gridPos: { x, y } }) => `${x} ${y}`)).size).toBe(panels.length);
  for (const { expr, legendFormat } of panels.flatMap(({ targets = [] }) => targets)) {
    const kept = [...(/\bby \(([^)]*)\)/.exec(expr)?.[1]?.split(', ') ?? []), 'instance'];
    expect(
      [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)]
        .map(([, label = '']) => label)
        .filter((label) => !kept.includes(label)),
    ).toEqual([]);
  }
});

if (!PROMETHEUS) test.skip('no query was run: there is no prometheus on PATH', () => undefined);

test.runIf(PROMETHEUS)(
  'Prometheus has a value for each query once everything has happened',
  { timeout: 180_000 },
  async () => {
    const { url, metrics } = await serveApp();
    const admin = await serveLocally(createAdminApp(metrics, () => undefined));
    describeSurroundings(metrics);
    const query = await startPrometheus(`127.0.0.1:${admin.port}`);
    await vi.waitFor(
      async () => {
        for (const image of ['nginx', 'NGINX'])
          await request(url)
            .post('/validate')
            .send(reviewOf(deployment(image)));
        await request(url)
          .post('/mutate')
          .send(reviewOf(pod('nginx')));
        countOthers(metrics);
        const values = await Promise.all(
          QUERIES.map(async ({ expr }) => query(expr.replace('$__rate_interval', '20s'))),
        );
        const empty = QUERIES.filter((_query, at) => !values[at]!.some((value) => !Number.isNaN(value)));
        expect(empty.map(({ title, expr }) => `${title}: ${expr}`)).toEqual([]);
      },
      { timeout: 120_000, interval: 250 },
    );
  },
);

/** What a server with a cluster, registries and watched pulls measures. */
function describeSurroundings(metrics: Metrics): void {
  metrics.buildInfo.set({ version: '0.1.0', commit: 'abc' }, 1);
  metrics.policyInfo.set({ hash: 'abc' }, 1);
  metrics.certificateExpiry.set(Date.now() / 1000 + 86_400);
  metrics.measure({
    facts: () => [{ fact: 'nodes', seconds: 3, objects: 2 }],
    isLeader: () => true,
    waitingPods: () => new Map([['image-not-found', 2]]),
  });
}

function countOthers(metrics: Metrics): void {
  const answer = { endpoint: 'docker.io:443', outcome: 'failed', cause: 'timeout' } as const;
  countProbe(metrics, { registry: 'docker.io', seconds: 0.2, result: { answer, rateLimit: { remaining: 7 } } });
  metrics.pullFailures.inc({ cause: 'image-not-found', faq_item: '3' });
  metrics.pullsForetold.inc({ foretold: 'true' });
  metrics.pullFailureDelay.observe(3);
  metrics.skips.inc({ rule: 'image-fits', reason: 'nodes' });
  metrics.events.inc({ result: 'written' });
}
