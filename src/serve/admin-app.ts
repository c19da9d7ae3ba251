import express, { type Express } from 'express';
import type { Metrics } from './metrics.ts';

/** The admin port's side: health for kubelet, metrics for Prometheus. `readiness` says why it is not ready, if it is not. */
export function createAdminApp({
  metrics,
  readiness,
}: {
  metrics: Metrics;
  readiness: () => string | undefined;
}): Express {
  const app = express();
  app.disable('x-powered-by');
  app.get('/healthz', (_request, response) => {
    response.type('text/plain').send('ok\n');
  });
  app.get('/readyz', (_request, response) => {
    const reason = readiness();
    response
      .status(reason === undefined ? 200 : 503)
      .type('text/plain')
      .send(`${reason ?? 'ok'}\n`);
  });
  app.get('/metrics', async (_request, response) => {
    response.type(metrics.registry.contentType).send(await metrics.registry.metrics());
  });
  app.use((_request, response) => {
    response.status(404).type('text/plain').send('try /healthz, /readyz or /metrics\n');
  });
  return app;
}
