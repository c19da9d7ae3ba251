import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { applyRate, percentile } from './load.ts';
import { folder, peakRssMb, startPullguard, startRegistry, startScript } from './processes.ts';
import { podReviews } from './reviews.ts';

/** The wait of the policy, as Pods of controllers have it by default, and how much longer an admission may take. */
const WAIT_MS = 250;
const SPARE_MS = 20;

const IMAGES = 200;
/** More than can wait at the same time: twice the rate times the wait, and some more. */
const CONNECTIONS = 600;

export type RegistryLoad = Readonly<{ perSecond: number; seconds: number; ca: string; flags: readonly string[] }>;

/** Admissions while a registry is asked about their images. */
export type Probing = Readonly<{
  registry: string;
  requests: number;
  failures: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
  /** The ratio of p99 to that of the same load without a registry that is asked. */
  p99Ratio: number;
  /** Different images, and requests for their manifests, by HEAD and by GET. */
  asked: Readonly<{ images: number; head: number; get: number }>;
  rssMb: number;
}>;

/** The target for the slowest admission. */
export const MOST_MS = WAIT_MS + SPARE_MS;

/**
 * Sends the same reviews at the same rate: first without asking a registry, then with one that takes 100 ms (first without known
 * answers, and again when all are known), then with one that never answers.
 */
export async function measureProbing(load: RegistryLoad): Promise<readonly Probing[]> {
  const none = await measure('not asked', '0', load, { probe: false });
  const [plain] = none;
  const rows = [...none, ...(await measure('100 ms', '100', load)), ...(await measure('hangs', 'hang', load))];
  return rows.map((row) => ({ ...row, p99Ratio: round(row.p99Ms / (plain?.p99Ms ?? NaN)) }));
}

async function measure(
  name: string,
  pace: string,
  { perSecond, seconds, ca, flags }: RegistryLoad,
  { probe = true } = {},
): Promise<readonly Probing[]> {
  const registry = await startRegistry(pace);
  const quick = await startRegistry('0');
  const kubeconfig = join(folder, `kubeconfig-${registry}`);
  await startScript('stand-in.ts', ['2', kubeconfig, registry, quick]);
  const policy = join(folder, `policy-${registry}.yaml`);
  writeFileSync(policy, toPolicy([registry, quick], probe));
  const pullguard = await startPullguard([...flags, '--config', policy, '--kubeconfig', kubeconfig]);
  await pullguard.waitForLog('cluster state loaded');
  const bodies = reviewsOf(registry);
  const rate = { port: pullguard.port, ca, path: '/validate', bodies, perSecond, seconds, connections: CONNECTIONS };
  // Has V8 compile the hot code, as in a webhook that has run for a while, without answers about the images to be measured.
  await applyRate({ ...rate, bodies: reviewsOf(quick) });
  const rows: Probing[] = [];
  for (const state of probe && pace !== 'hang' ? [', nothing known', ', all known'] : ['']) {
    const { requests, failures, latencies } = await applyRate(rate);
    const asked = (await (await fetch(`http://${registry}/asked`)).json()) as Probing['asked'];
    rows.push({
      registry: `${name}${state}`,
      requests,
      failures,
      p50Ms: round(percentile(latencies, 0.5)),
      p99Ms: round(percentile(latencies, 0.99)),
      maxMs: round(percentile(latencies, 1)),
      p99Ratio: NaN,
      asked,
      rssMb: peakRssMb(pullguard.pid),
    });
  }
  pullguard.stop();
  return rows;
}

function reviewsOf(registry: string): readonly string[] {
  return podReviews(Array.from({ length: IMAGES }, (_, at) => `${registry}/team/app-${at}:1`));
}

function toPolicy(registries: readonly string[], probe: boolean): string {
  const settings = probe ? ", probe: { plainHttp: true, addresses: ['127.0.0.1/32'] }" : '';
  return `apiVersion: pullguard.dev/v1alpha1
kind: Policy
probe: { wait: ${WAIT_MS}ms }
registries:
  - { hosts: ${JSON.stringify(registries)}, pullSecret: default-secret${settings} }
`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
