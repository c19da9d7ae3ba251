import type { RequestListener } from 'node:http';
import type { Metrics } from './metrics.ts';

type Page = Readonly<{ status: number; type: string; text: string }>;

/** The admin port: health for kubelet, metrics for Prometheus. `readiness` returns the reason if it is not ready. */
export function createAdminApp({ registry }: Metrics, readiness: () => string | undefined): RequestListener {
  return (request, response) => {
    const [path = ''] = (request.url ?? '').split('?');
    void read(request.method === 'GET' || request.method === 'HEAD' ? path : '').then(({ status, type, text }) => {
      response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(text) });
      response.end(text);
    });
  };

  async function read(path: string): Promise<Page> {
    switch (path) {
      case '/healthz':
        return plain(200, 'ok');
      case '/readyz': {
        const reason = readiness();
        return plain(reason === undefined ? 200 : 503, reason ?? 'ok');
      }
      case '/metrics':
        return registry.metrics().then(
          (text) => ({ status: 200, type: registry.contentType, text }),
          () => plain(500, 'the metrics cannot be read'),
        );
      default:
        return plain(404, 'not found: use /healthz, /readyz or /metrics');
    }
  }
}

function plain(status: number, line: string): Page {
  return { status, type: 'text/plain; charset=utf-8', text: `${line}\n` };
}
