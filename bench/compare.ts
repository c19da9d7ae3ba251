import { applyLoad, CONNECTIONS, percentile, type LoadResult } from './load.ts';
import { cpuUs } from './processes.ts';
import type { Sample } from './reviews.ts';

export type Effort = Readonly<{ rounds: number; seconds: number; warmUpSeconds: number }>;

export type Measured = Readonly<{
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  /** Processor time per request, which other work on the machine affects less than the other values. */
  cpuUs: number;
  failures: number;
}>;

/** A server to measure. */
export type Measurable = Readonly<{ port: number; pid: number }>;

export type Comparison = Readonly<{
  sample: string;
  bytes: number;
  baseline: Measured;
  measured: Measured;
  /** Throughput and p99, each divided by that of the baseline: medians over the rounds. */
  ratio: number;
  p99Ratio: number;
}>;

/** Measures two servers in turns, so that a slow moment of the machine affects both. */
export async function compare(
  sample: Sample,
  servers: Readonly<{ baseline: Measurable; measured: Measurable }>,
  { ca, rounds, seconds, warmUpSeconds }: Effort & Readonly<{ ca: string }>,
): Promise<Comparison> {
  const load = { ca, path: sample.path, body: sample.body, connections: CONNECTIONS, seconds };
  for (const { port } of Object.values(servers)) await applyLoad({ ...load, port, seconds: warmUpSeconds });
  const measureOnce = async ({ port, pid }: Measurable): Promise<Measured> => {
    const before = cpuUs(pid);
    const result = await applyLoad({ ...load, port });
    return measure(result, cpuUs(pid) - before);
  };
  const all: { baseline: Measured; measured: Measured }[] = [];
  for (let round = 0; round < rounds; round++) {
    all.push({ baseline: await measureOnce(servers.baseline), measured: await measureOnce(servers.measured) });
  }
  return {
    sample: sample.name,
    bytes: Buffer.byteLength(sample.body),
    baseline: middle(all.map(({ baseline }) => baseline)),
    measured: middle(all.map(({ measured }) => measured)),
    ratio: round(median(all.map(({ baseline, measured }) => measured.perSecond / baseline.perSecond))),
    p99Ratio: round(median(all.map(({ baseline, measured }) => measured.p99Ms / baseline.p99Ms))),
  };
}

function measure({ requests, failures, seconds, latencies }: LoadResult, tookUs: number): Measured {
  return {
    perSecond: requests / seconds,
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    cpuUs: tookUs / requests,
    failures,
  };
}

function middle(all: readonly Measured[]): Measured {
  return {
    perSecond: Math.round(median(all.map(({ perSecond }) => perSecond))),
    p50Ms: round(median(all.map(({ p50Ms }) => p50Ms))),
    p99Ms: round(median(all.map(({ p99Ms }) => p99Ms))),
    cpuUs: Math.round(median(all.map((each) => each.cpuUs))),
    failures: all.reduce((sum, { failures }) => sum + failures, 0),
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)] ?? NaN;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
