import request from 'supertest';
import { expect, test } from 'vitest';
import { createAdminApp } from '../../src/serve/admin-app.ts';
import { createMetrics } from '../../src/serve/metrics.ts';
import { serveLocally } from './helpers.ts';

async function serveAdmin(readiness: () => string | undefined = () => undefined) {
  const metrics = createMetrics();
  return { metrics, ...(await serveLocally(createAdminApp({ metrics, readiness }))) };
}

test('/healthz says ok even when not ready: a restart would mend nothing', async () => {
  const { url } = await serveAdmin(() => 'shutting down');
  const answer = await request(url).get('/healthz');
  expect([answer.status, answer.type, answer.text]).toEqual([200, 'text/plain', 'ok\n']);
});

test('/readyz follows readiness, and says why not', async () => {
  let reason: string | undefined;
  const { url } = await serveAdmin(() => reason);
  const ask = async () => {
    const answer = await request(url).get('/readyz?verbose');
    return [answer.status, answer.text];
  };
  expect(await ask()).toEqual([200, 'ok\n']);
  reason = 'shutting down';
  expect(await ask()).toEqual([503, 'shutting down\n']);
  reason = undefined;
  expect(await ask()).toEqual([200, 'ok\n']);
});

test('/metrics is in the text format of Prometheus', async () => {
  const { url, metrics } = await serveAdmin();
  metrics.certificateExpiry.set(1_700_000_000);
  const answer = await request(url).get('/metrics');
  expect([answer.status, answer.get('Content-Type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
  expect(answer.text).toContain('\npullguard_certificate_expiry_timestamp_seconds 1700000000\n');
});

test.each([
  ['GET', '/'],
  ['GET', '/mutate'],
  ['POST', '/metrics'],
  ['GET', '/%'],
] as const)('%s %s leads to the right addresses, and gives nothing away', async (method, path) => {
  const { url } = await serveAdmin();
  const answer = await request(url)[method === 'GET' ? 'get' : 'post'](path);
  expect([answer.status, answer.text]).toEqual([404, 'try /healthz, /readyz or /metrics\n']);
  expect(answer.get('X-Powered-By')).toBeUndefined();
});
