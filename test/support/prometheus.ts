import { spawn, spawnSync } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { onTestFinished, vi } from 'vitest';
import { tempFolder } from './temp-folder.ts';

const exists = (program: string): boolean => spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;

/** Debian's package prometheus has both. */
export const PROMTOOL = exists('promtool');
export const PROMETHEUS = exists('prometheus');

export function promtool(...args: readonly string[]): Readonly<{ status: number | null; output: string }> {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
  return { status, output: `${stdout}${stderr}` };
}

/** The values that a query has at this time, of a Prometheus that scrapes `target` four times a second until the end of the test. */
export async function startPrometheus(target: string): Promise<(query: string) => Promise<readonly number[]>> {
  const folder = tempFolder();
  const config = folder.write(
    'prometheus.yml',
    JSON.stringify({
      global: { scrape_interval: '250ms' },
      scrape_configs: [{ job_name: 'any', static_configs: [{ targets: [target] }] }],
    }),
  );
  const port = await findFreePort();
  const flags = [`--config.file=${config}`, `--storage.tsdb.path=${folder.path}`];
  const child = spawn('prometheus', [...flags, `--web.listen-address=127.0.0.1:${port}`], { stdio: 'ignore' });
  onTestFinished(async () => {
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await closed;
  });
  const url = `http://127.0.0.1:${port}`;
  await vi.waitUntil(
    async () =>
      fetch(`${url}/-/ready`)
        .then(({ ok }) => ok)
        .catch(() => false),
    {
      timeout: 60_000,
      interval: 200,
    },
  );
  return async (query) => {
    const answer = await fetch(`${url}/api/v1/query`, { method: 'POST', body: new URLSearchParams({ query }) });
    const { data, error } = (await answer.json()) as Answer;
    if (data === undefined) throw new Error(`${query}: ${error ?? ''}`);
    return data.result.map(({ value: [, value] }) => Number(value));
  };
}

type Answer = Readonly<{
  data?: Readonly<{ result: readonly Readonly<{ value: readonly [time: number, value: string] }>[] }>;
  error?: string;
}>;

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
