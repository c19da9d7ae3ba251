/**
 * Compares pullguard with a bare Node.js server in the same run, as machines differ and are noisy: throughput, latency, memory
 * and start time; and the cost of knowing a large cluster. Prints tables and writes bench/results/bench.json.
 *
 *     npm run bench              a run with results to quote
 *     npm run bench -- --short   a run to see that it works
 *     npm run bench -- --waiting only commands that read waiting Pods, and the cost of watching failed pulls
 *     npm run bench -- --check   only the cost of checking large files, relative to a simple parse of the same files
 *     npm run bench -- --large   only the latency of small reviews beside large ones
 *     npm run bench -- --probing only the latency of reviews while registries are asked
 *     npm run bench -- --profile, -- --files   see profile.ts and files.ts
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeCertificates } from '../src/tls/self-signed.ts';
import { compare, type Comparison, type Measurable } from './compare.ts';
import { measureProbing, MOST_MS, type Probing } from './registries.ts';
import { measureCheck } from './check-files.ts';
import { measureFiles } from './files.ts';
import { measureLarge, MOST_P99_MS, type BesideLarge } from './large.ts';
import { profile } from './profile.ts';
import {
  cleanUp,
  folder,
  peakRssMb,
  ROOT,
  startPullguard,
  startScript,
  type Pullguard,
  type Taken,
} from './processes.ts';
import { measurePulls, measureWaiting } from './waiting.ts';
import { readSamples } from './reviews.ts';

const short = process.argv.includes('--short');
/** A webhook runs for weeks, so it is measured after V8 has compiled its hot code, which takes some 20,000 requests. */
const EFFORT = short ? { rounds: 1, seconds: 1, warmUpSeconds: 0.5 } : { rounds: 7, seconds: 3, warmUpSeconds: 8 };
const BESIDE_SECONDS = short ? 1 : 10;
const PROBING = { perSecond: short ? 200 : 1000, seconds: short ? 1 : 10 };
/** Number of namespaces, each with a `default-secret` and a ServiceAccount. */
const CLUSTER_SIZE = short ? 500 : 10_000;

const WANTED = {
  ratio: { '2 kB pod, mutate': 0.4, '50 kB pod, mutate': 0.6 } as Record<string, number>,
  p99: 3,
  rssMb: 120,
  readyMs: 1000,
  withFacts: { ratio: 0.9, rssMb: 200, readyMs: 2000 },
  diagnose: { seconds: 5, rssMb: 250 },
  scanRssMb: 200,
  /** Processor time by that of a simple reading of the same file, and memory whatever its length. */
  check: { ratio: 0.7, rssMb: 150 },
  pullsRatio: 0.95,
};

const POLICY = `apiVersion: pullguard.dev/v1alpha1
kind: Policy
mirrors:
  - from: docker.io
    to: swr.eu-de.otc.t-systems.com/dockerhub
`;

try {
  await main();
} finally {
  cleanUp();
}

async function main(): Promise<void> {
  if (process.argv.includes('--files')) {
    await measureFiles(argumentAfter('--files'));
    return;
  }
  if (process.argv.includes('--check')) {
    await measureAllChecks();
    return;
  }
  const { ca, cert, key } = await makeCertificates({ names: ['localhost'] });
  const files = { cert: join(folder, 'tls.crt'), key: join(folder, 'tls.key'), policy: join(folder, 'policy.yaml') };
  writeFileSync(files.cert, cert);
  writeFileSync(files.key, key);
  writeFileSync(files.policy, POLICY);
  const certificate = ['--tls-cert', files.cert, '--tls-key', files.key];
  const flags = ['--config', files.policy, ...certificate];

  if (process.argv.includes('--profile')) {
    await profile([...flags, '--offline'], ca, argumentAfter('--profile'));
    return;
  }
  if (process.argv.includes('--large')) {
    printLarge(await measureLarge(flags, ca, BESIDE_SECONDS));
    return;
  }
  if (process.argv.includes('--probing')) {
    printProbing(await measureProbing({ ...PROBING, ca, flags: certificate }));
    return;
  }
  if (process.argv.includes('--waiting')) {
    await measureAllWaiting(flags, ca);
    return;
  }
  const bare = (await startScript('bare-server.ts', [files.cert, files.key])) as Measurable;
  const pullguard = await startPullguard([...flags, '--offline']);
  const rows = [];
  for (const sample of readSamples()) {
    rows.push(await compare(sample, { baseline: bare, measured: pullguard }, { ca, ...EFFORT }));
  }
  const rssMb = peakRssMb(pullguard.pid);
  const selfSigned = await startPullguard(['--offline']);
  const readyMs = { files: pullguard.readyMs, selfSigned: selfSigned.readyMs };
  printRows('bare', 'pullguard', rows, ({ sample, ratio }) => ratio >= (WANTED.ratio[sample] ?? 0));
  console.log(`peak RSS ${rssMb} MB${judge(rssMb <= WANTED.rssMb)}`);
  console.log(
    `ready after ${readyMs.files} ms with certificate files, ${readyMs.selfSigned} ms self-signed${judge(readyMs.files < WANTED.readyMs)}`,
  );
  const withFacts = await measureFacts(pullguard, flags, ca);
  printFacts(withFacts);
  const large = await measureLarge(flags, ca, BESIDE_SECONDS);
  printLarge(large);
  const probing = await measureProbing({ ...PROBING, ca, flags: certificate });
  printProbing(probing);
  const result = { rows, rssMb, readyMs, withFacts, large, probing, node: process.version };
  mkdirSync(join(ROOT, 'bench/results'), { recursive: true });
  writeFileSync(join(ROOT, 'bench/results/bench.json'), `${JSON.stringify(result, null, 2)}\n`);
}

async function measureAllChecks(): Promise<void> {
  for (const { file, taken, ratio } of await measureCheck(short ? [5000] : [5000, 100_000], short ? 1 : 7)) {
    const isFine = ratio <= WANTED.check.ratio && taken.rssMb <= WANTED.check.rssMb;
    console.log(`check of ${file}: ${describeTaken(taken)}; ${ratio} of a simple reading${judge(isFine)}`);
  }
}

async function measureAllWaiting(flags: readonly string[], ca: string): Promise<void> {
  const { diagnose, scan } = await measureWaiting({ pods: short ? 1000 : 10_000, failing: short ? 50 : 500 });
  const isQuick = diagnose.seconds <= WANTED.diagnose.seconds && diagnose.rssMb <= WANTED.diagnose.rssMb;
  console.log(`diagnose -A: ${describeTaken(diagnose)}${judge(isQuick)}`);
  console.log(`scan: ${describeTaken(scan)}${judge(scan.rssMb <= WANTED.scanRssMb)}`);
  console.log('\nbeside 200 Events of failed pulls a second:');
  const { share, rows } = await measurePulls(flags, { ca, ...EFFORT });
  console.log(`watching alone: ${(100 * share).toFixed(1)} % of a processor${judge(share <= 1 - WANTED.pullsRatio)}`);
  printRows('no watch', 'watch', rows, ({ ratio }) => ratio >= WANTED.pullsRatio);
}

function describeTaken({ seconds, cpuSeconds, rssMb }: Taken): string {
  return `${seconds.toFixed(1)} s, of these ${cpuSeconds.toFixed(1)} s of a processor; peak RSS ${rssMb} MB`;
}

function printLarge(rows: readonly BesideLarge[]): void {
  console.log('\nsmall reviews, beside eight connections that send large ones:');
  console.table(rows.map(({ p99Ms, ...row }) => ({ ...row, p99Ms: `${p99Ms}${judge(p99Ms <= MOST_P99_MS)}` })));
}

function argumentAfter(flag: string): string | undefined {
  return process.argv[process.argv.indexOf(flag) + 1];
}

type WithFacts = Readonly<{
  rows: readonly Comparison[];
  /** The number of namespaces, of pull secrets, and of ServiceAccounts. */
  objects: number;
  readyMs: number;
  syncedMs: number;
  rssMb: Readonly<{ synced: number; underLoad: number }>;
}>;

/** Compares a server that knows a large cluster with one that knows none, with the same reviews. */
async function measureFacts(without: Pullguard, flags: readonly string[], ca: string): Promise<WithFacts> {
  const kubeconfig = join(folder, 'kubeconfig');
  await startScript('stand-in.ts', [String(CLUSTER_SIZE), kubeconfig]);
  const pullguard = await startPullguard([...flags, '--kubeconfig', kubeconfig]);
  const syncedMs = await pullguard.waitForLog('cluster state loaded');
  const synced = peakRssMb(pullguard.pid);
  const rows = [];
  for (const sample of readSamples()) {
    rows.push(await compare(sample, { baseline: without, measured: pullguard }, { ca, ...EFFORT }));
  }
  const { readyMs } = pullguard;
  return { rows, objects: CLUSTER_SIZE, readyMs, syncedMs, rssMb: { synced, underLoad: peakRssMb(pullguard.pid) } };
}

function printFacts({ rows, objects, readyMs, syncedMs, rssMb }: WithFacts): void {
  console.log(`\nwith ${objects} namespaces, ${objects} pull secrets and ${objects} service accounts:`);
  printRows('no facts', 'facts', rows, ({ ratio }) => ratio >= WANTED.withFacts.ratio);
  console.log(`ready after ${readyMs} ms${judge(readyMs < WANTED.withFacts.readyMs)}, all known after ${syncedMs} ms`);
  console.log(
    `peak RSS ${rssMb.synced} MB when all was known, ${rssMb.underLoad} MB under load${judge(rssMb.underLoad <= WANTED.withFacts.rssMb)}`,
  );
}

function printProbing(probing: readonly Probing[]): void {
  console.log(`\n${PROBING.perSecond} admissions a second, with a registry that is asked about their images:`);
  const table = probing.map(({ registry, maxMs, asked, ...row }) => [
    registry,
    {
      ...row,
      maxMs: `${maxMs}${judge(maxMs <= MOST_MS)}`,
      images: asked.images,
      probes: `${asked.head}${judge(asked.head <= asked.images)}`,
      manifests: asked.get,
    },
  ]);
  console.table(Object.fromEntries(table));
}

function printRows(
  baseline: string,
  measured: string,
  rows: readonly Comparison[],
  isEnough: (row: Comparison) => boolean,
): void {
  const table = rows.map((row) => [
    row.sample,
    {
      bytes: row.bytes,
      [`${baseline} /s`]: row.baseline.perSecond,
      [`${measured} /s`]: row.measured.perSecond,
      ratio: `${row.ratio}${judge(isEnough(row))}`,
      [`${baseline} CPU µs`]: row.baseline.cpuUs,
      'CPU µs': row.measured.cpuUs,
      [`${baseline} p50 ms`]: row.baseline.p50Ms,
      'p50 ms': row.measured.p50Ms,
      [`${baseline} p99 ms`]: row.baseline.p99Ms,
      'p99 ms': row.measured.p99Ms,
      'p99 ratio': `${row.p99Ratio}${judge(row.p99Ratio <= WANTED.p99)}`,
      failures: row.baseline.failures + row.measured.failures,
    },
  ]);
  console.table(Object.fromEntries(table));
}

function judge(fine: boolean): string {
  return fine ? '' : ' (short of the target)';
}
