import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { compare, type Comparison, type Effort, type Measurable } from './compare.ts';
import { cpuUs, folder, ROOT, startPullguard, startScript, take, type Taken } from './processes.ts';
import { readSamples } from './reviews.ts';

/** Measures `diagnose -A` with many Pods, some of which fail, and `scan` with many more. */
export async function measureWaiting({
  pods,
  failing,
}: Readonly<{ pods: number; failing: number }>): Promise<Readonly<{ diagnose: Taken; scan: Taken }>> {
  const diagnose = await measure(['diagnose', '-A'], pods, failing);
  const scan = await measure(['scan', '--secrets', 'none'], 4 * pods, 0);
  return { diagnose, scan };
}

async function measure(args: readonly string[], pods: number, failing: number): Promise<Taken> {
  const { port } = (await startScript('many-pods.ts', [String(pods), String(failing)])) as { port: number };
  const kubeconfig = join(folder, `kubeconfig-${port}`);
  writeFileSync(kubeconfig, JSON.stringify(kubeconfigOf(port)));
  const config = join(folder, 'built-in.yaml');
  writeFileSync(config, 'apiVersion: pullguard.dev/v1alpha1\nkind: Policy\n');
  const taken = await take([join(ROOT, 'dist/main.js'), ...args, '--kubeconfig', kubeconfig, '--config', config]);
  if (taken.exitCode === 2 || taken.exitCode === null) throw new Error(`${args.join(' ')} failed`);
  return taken;
}

function kubeconfigOf(port: number): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'many', cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'me', user: {} }],
    contexts: [{ name: 'many', context: { cluster: 'many', user: 'me' } }],
    'current-context': 'many',
  };
}

/** The cost of watching. `rows`: reviews, beside a server that does not watch. `share`: of a processor, without reviews. */
export type Watching = Readonly<{ share: number; rows: readonly Comparison[] }>;

/** Measures the cost of 200 Events of failed pulls per second. */
export async function measurePulls(
  flags: readonly string[],
  effort: Effort & Readonly<{ ca: string }>,
): Promise<Watching> {
  const kubeconfig = join(folder, 'kubeconfig-pulls');
  await startScript('failing-pulls.ts', ['200', '1000', kubeconfig]);
  const all = [...flags, '--kubeconfig', kubeconfig];
  const servers = { baseline: await startPullguard(all), measured: await startPullguard([...all, '--watch-pulls']) };
  // Until V8 has compiled the hot code.
  await wait(2 * effort.warmUpSeconds * 1000);
  const share = await measureShare(servers, 10 * effort.seconds);
  const rows: Comparison[] = [];
  for (const sample of readSamples()) rows.push(await compare(sample, servers, effort));
  return { share, rows };
}

/** How much more of a processor one server uses than the other. A busy machine affects this less than throughput. */
async function measureShare(
  { baseline, measured }: Readonly<Record<'baseline' | 'measured', Measurable>>,
  seconds: number,
): Promise<number> {
  const spent = (): number => cpuUs(measured.pid) - cpuUs(baseline.pid);
  const [before, started] = [spent(), performance.now()];
  await wait(seconds * 1000);
  return (spent() - before) / 1000 / (performance.now() - started);
}
