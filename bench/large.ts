import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { applyRate, percentile } from './load.ts';
import { folder, peakRssMb, startPullguard, startScript } from './processes.ts';
import { readSamples } from './reviews.ts';

/** The latency of small reviews, in milliseconds, while other clients send large ones. */
export type BesideLarge = Readonly<{
  beside: string;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
  failures: number;
  rssMb: number;
}>;

/** The target for the 99th percentile, in milliseconds. */
export const MOST_P99_MS = 50;

/**
 * Measures small reviews, 100 per second: alone, beside reviews of 6 MB with one long text, and beside reviews of 6 MB with
 * 17,000 containers whose images are all invalid.
 */
export async function measureLarge(
  flags: readonly string[],
  ca: string,
  seconds: number,
): Promise<readonly BesideLarge[]> {
  const caFile = join(folder, 'large-ca.crt');
  writeFileSync(caFile, ca);
  const body = readSamples()[0]?.body ?? '';
  const rows: BesideLarge[] = [];
  for (const [beside, kind] of [
    ['none', undefined],
    ['6 MB of text', 'text'],
    ['17,000 bad images', 'findings'],
  ] as const) {
    const pullguard = await startPullguard([...flags, '--offline']);
    const rate = { port: pullguard.port, ca, path: '/mutate', bodies: [body], perSecond: 100, connections: 8 };
    await applyRate({ ...rate, seconds: seconds / 2 });
    if (kind !== undefined) await startScript('large-load.ts', [String(pullguard.port), caFile, kind]);
    const { latencies, failures } = await applyRate({ ...rate, seconds });
    const [p50Ms, p99Ms, maxMs] = [0.5, 0.99, 1].map((share) => Math.round(percentile(latencies, share) * 100) / 100);
    rows.push({
      beside,
      p50Ms: p50Ms ?? NaN,
      p99Ms: p99Ms ?? NaN,
      maxMs: maxMs ?? NaN,
      failures,
      rssMb: peakRssMb(pullguard.pid),
    });
    pullguard.stop();
  }
  return rows;
}
