/**
 * Measures pullguard against a bare Node server in the same run, as machines differ and are noisy: throughput, latency,
 * memory, start. Prints a table and writes bench/results/bench.json.
 *
 *     npm run bench              a run to quote
 *     npm run bench -- --short   a run to see that it works
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { makeCertificates } from '../src/tls/self-signed.ts';
import { applyLoad, percentile, type LoadResult } from './load.ts';
import { readSamples, type Sample } from './reviews.ts';

const short = process.argv.includes('--short');
/** Rounds take turns, so that a slow moment of the machine hits both servers. */
const ROUNDS = short ? 1 : 7;
const SECONDS = short ? 1 : 3;
const CONNECTIONS = 8;
/** A webhook runs for weeks: what counts is what it does once V8 has compiled what is hot, some 20,000 requests later. */
const WARM_UP_SECONDS = short ? 0.5 : 8;

const WANTED = {
  ratio: { '2 kB pod, mutate': 0.4, '50 kB pod, mutate': 0.6 } as Record<string, number>,
  p99: 3,
  rssMb: 120,
  readyMs: 1000,
};

const POLICY = `apiVersion: pullguard.dev/v1alpha1
kind: Policy
mirrors:
  - from: docker.io
    to: swr.eu-de.otc.t-systems.com/dockerhub
`;

/** As the Deployment starts it: the memory it takes is the memory that operators see. */
const NODE_OPTIONS = '--max-old-space-size=256 --max-semi-space-size=8';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'pullguard-bench-'));
const children: ChildProcess[] = [];
try {
  await main();
} finally {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}

async function main(): Promise<void> {
  const { ca, cert, key } = await makeCertificates({ names: ['localhost'] });
  const files = { cert: join(folder, 'tls.crt'), key: join(folder, 'tls.key'), policy: join(folder, 'policy.yaml') };
  writeFileSync(files.cert, cert);
  writeFileSync(files.key, key);
  writeFileSync(files.policy, POLICY);

  const bare = await startBare(files);
  const pullguard = await startPullguard(['--config', files.policy, '--tls-cert', files.cert, '--tls-key', files.key]);
  const rows = [];
  for (const sample of readSamples())
    rows.push(await compare(sample, { ca, bare: bare.port, pullguard: pullguard.port }));
  const rssMb = peakRss(pullguard.pid) / 1024;
  const selfSigned = await startPullguard([]);
  const result = {
    rows,
    rssMb: round(rssMb),
    readyMs: { files: pullguard.readyMs, selfSigned: selfSigned.readyMs },
    node: process.version,
  };
  print(result);
  mkdirSync(join(root, 'bench/results'), { recursive: true });
  writeFileSync(join(root, 'bench/results/bench.json'), `${JSON.stringify(result, null, 2)}\n`);
}

type Row = Readonly<{
  sample: string;
  bytes: number;
  bare: Measured;
  pullguard: Measured;
  /** pullguard's throughput by the bare server's, and its p99 by the bare server's: medians over the rounds. */
  ratio: number;
  p99Ratio: number;
}>;
type Measured = Readonly<{ perSecond: number; p50Ms: number; p99Ms: number; failures: number }>;

async function compare(
  sample: Sample,
  { ca, bare, pullguard }: { ca: string; bare: number; pullguard: number },
): Promise<Row> {
  const load = { ca, path: sample.path, body: sample.body, connections: CONNECTIONS, seconds: SECONDS };
  for (const port of [bare, pullguard]) await applyLoad({ ...load, port, seconds: WARM_UP_SECONDS });
  const rounds: { bare: Measured; pullguard: Measured }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const first = measure(await applyLoad({ ...load, port: bare }));
    rounds.push({ bare: first, pullguard: measure(await applyLoad({ ...load, port: pullguard })) });
  }
  return {
    sample: sample.name,
    bytes: Buffer.byteLength(sample.body),
    bare: middle(rounds.map((round) => round.bare)),
    pullguard: middle(rounds.map((round) => round.pullguard)),
    ratio: round(median(rounds.map((one) => one.pullguard.perSecond / one.bare.perSecond))),
    p99Ratio: round(median(rounds.map((one) => one.pullguard.p99Ms / one.bare.p99Ms))),
  };
}

function measure({ requests, failures, seconds, latencies }: LoadResult): Measured {
  return {
    perSecond: requests / seconds,
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    failures,
  };
}

function middle(all: readonly Measured[]): Measured {
  return {
    perSecond: Math.round(median(all.map(({ perSecond }) => perSecond))),
    p50Ms: round(median(all.map(({ p50Ms }) => p50Ms))),
    p99Ms: round(median(all.map(({ p99Ms }) => p99Ms))),
    failures: all.reduce((sum, { failures }) => sum + failures, 0),
  };
}

async function startBare({ cert, key }: { cert: string; key: string }): Promise<{ port: number }> {
  const child = spawn(process.execPath, ['--import', 'tsx', join(root, 'bench/bare-server.ts'), cert, key], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const line = await new Promise<string>((resolve) => {
    child.stdout.once('data', (chunk: Buffer) => {
      resolve(chunk.toString());
    });
  });
  return JSON.parse(line) as { port: number };
}

/** Starts the built server with its log in a file, and waits until it is ready. */
async function startPullguard(args: readonly string[]): Promise<{ port: number; pid: number; readyMs: number }> {
  const log = join(folder, `log-${children.length}`);
  const started = performance.now();
  const all = ['dist/main.js', 'serve', '--host', '127.0.0.1', '--port', '0', '--admin-port', '0', ...args];
  const child = spawn(process.execPath, all, {
    cwd: root,
    env: { ...process.env, NODE_OPTIONS },
    stdio: ['ignore', openSync(log, 'w'), 'inherit'],
  });
  children.push(child);
  for (;;) {
    const line = readFileSync(log, 'utf8')
      .split('\n')
      .find((text) => text.includes('"msg":"listening"'));
    if (line !== undefined) {
      const { port, adminPort } = JSON.parse(line) as { port: number; adminPort: number };
      const { ok } = await fetch(`http://127.0.0.1:${adminPort}/readyz`);
      if (ok) return { port, pid: child.pid ?? 0, readyMs: Math.round(performance.now() - started) };
    }
    if (child.exitCode !== null) throw new Error('pullguard did not start');
    await wait(5);
  }
}

/** The most memory the process has had, in KiB; Linux only. */
function peakRss(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? NaN);
}

function print({
  rows,
  rssMb,
  readyMs,
}: {
  rows: readonly Row[];
  rssMb: number;
  readyMs: { files: number; selfSigned: number };
}): void {
  console.table(
    Object.fromEntries(
      rows.map(({ sample, bytes, bare, pullguard, ratio, p99Ratio }) => [
        sample,
        {
          bytes,
          'bare /s': bare.perSecond,
          'pullguard /s': pullguard.perSecond,
          ratio: `${ratio}${judge(ratio >= (WANTED.ratio[sample] ?? 0))}`,
          'bare p50 ms': bare.p50Ms,
          'p50 ms': pullguard.p50Ms,
          'bare p99 ms': bare.p99Ms,
          'p99 ms': pullguard.p99Ms,
          'p99 ratio': `${p99Ratio}${judge(p99Ratio <= WANTED.p99)}`,
          failures: bare.failures + pullguard.failures,
        },
      ]),
    ),
  );
  console.log(`peak RSS ${rssMb} MB${judge(rssMb <= WANTED.rssMb)}`);
  console.log(
    `ready after ${readyMs.files} ms with certificate files, ${readyMs.selfSigned} ms self-signed${judge(readyMs.files < WANTED.readyMs)}`,
  );
}

function judge(fine: boolean): string {
  return fine ? '' : ' (short of the target)';
}

function median(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)] ?? NaN;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
