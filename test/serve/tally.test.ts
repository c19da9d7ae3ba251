import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { createTally } from '../../src/serve/metrics.ts';

test('what is counted between two scrapes is in the second, once, and nothing of it is lost', async () => {
  const registry = new Registry();
  const tally = createTally({
    name: 'calls_total',
    help: 'Calls.',
    labelNames: ['kind', 'outcome'],
    registers: [registry],
  });
  tally.inc({ kind: 'Pod', outcome: 'denied' });
  tally.inc({ kind: 'Pod', outcome: 'denied' });
  tally.inc({ kind: 'Pod', outcome: 'allowed' });
  expect(await registry.metrics()).toContain('calls_total{kind="Pod",outcome="denied"} 2\n');
  tally.inc({ kind: 'Pod', outcome: 'denied' });
  const scraped = await registry.metrics();
  expect(scraped).toContain('calls_total{kind="Pod",outcome="denied"} 3\n');
  expect(scraped).toContain('calls_total{kind="Pod",outcome="allowed"} 1\n');
});
