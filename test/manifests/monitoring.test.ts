import { expect, test } from 'vitest';
import { createMetrics } from '../../src/serve/metrics.ts';
import { find, objects, parseDocuments, podOf, readText, type Manifest } from './manifests.ts';

const FOLDER = 'manifests/components/monitoring';

type Alert = Readonly<{ alert: string; expr: string; annotations: Readonly<{ summary: string }> }>;
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
  metrics.measureCluster({ facts: () => [{ fact: 'nodes', seconds: 1, objects: 1 }], isLeader: () => true });
  for (const size of ['small', 'large']) metrics.duration.observe({ endpoint: 'validate', size, waited: 'false' }, 0);
  metrics.skips.inc({ rule: 'image-fits', reason: 'nodes' });
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

test('docs/install.md says of each alert what it means and what to do, and of no other', () => {
  const documented = [...readText('docs/install.md').matchAll(/`(Pullguard\w+)`(?=[,| ].*\|)/g)].map(
    ([, name]) => name,
  );
  expect(new Set(documented)).toEqual(new Set(alerts.map(({ alert }) => alert)));
});

test('the port that is scraped is one that the pods have', () => {
  const [monitor] = parseDocuments(readText(`${FOLDER}/pod-monitor.yaml`)) as readonly PodMonitor[];
  const { selector, podMetricsEndpoints } = monitor!.spec;
  expect(find(objects, 'Deployment').spec.template.metadata.labels).toMatchObject(selector.matchLabels);
  const ports = podOf(objects).containers[0]!.ports.map(({ name }) => name);
  expect(podMetricsEndpoints.map(({ port }) => ports.includes(port))).toEqual([true]);
});
