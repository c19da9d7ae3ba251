import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { compare, type Comparison, type Effort, type Measurable } from './compare.ts';
import { cpuUs, folder, peakRssMb, ROOT, startPullguard, startScript } from './processes.ts';
import { readSamples } from './reviews.ts';

/** What a command took that reads many Pods. */
export type Taken = Readonly<{ seconds: number; cpuSeconds: number; rssMb: number; exitCode: number | null }>;

/** `diagnose -A` of many Pods of which some fail, and `scan` of many more. */
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
  const started = performance.now();
  const child = spawn(process.execPath, [join(ROOT, 'dist/main.js'), ...args, '--kubeconfig', kubeconfig], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  let rssMb = 0;
  let cpuSeconds = 0;
  const watch = setInterval(() => {
    // What has ended has no numbers.
    try {
      const peak = peakRssMb(child.pid ?? 0);
      if (!Number.isNaN(peak)) rssMb = peak;
      cpuSeconds = Math.max(cpuSeconds, readCpuSeconds(child.pid ?? 0));
    } catch {
      clearInterval(watch);
    }
  }, 20);
  const exitCode = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  clearInterval(watch);
  return { seconds: (performance.now() - started) / 1000, cpuSeconds, rssMb, exitCode };
}

/** Processor time so far: on a busy machine it says more than the clock. */
function readCpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
}

const TICKS_A_SECOND = 100;

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

/** What watching costs: reviews, by throughput beside a server that does not watch, and of a processor while nothing else is done. */
export type Watching = Readonly<{ share: number; rows: readonly Comparison[] }>;

/** What 200 Events of failed pulls a second cost. */
export async function measurePulls(
  flags: readonly string[],
  effort: Effort & Readonly<{ ca: string }>,
): Promise<Watching> {
  const kubeconfig = join(folder, 'kubeconfig-pulls');
  await startScript('failing-pulls.ts', ['200', '1000', kubeconfig]);
  const all = [...flags, '--kubeconfig', kubeconfig];
  const servers = { baseline: await startPullguard(all), measured: await startPullguard([...all, '--watch-pulls']) };
  // Until what is hot is compiled.
  await wait(2 * effort.warmUpSeconds * 1000);
  const share = await measureShare(servers, 10 * effort.seconds);
  const rows: Comparison[] = [];
  for (const sample of readSamples()) rows.push(await compare(sample, servers, effort));
  return { share, rows };
}

/** What one takes of a processor beyond what the other one takes. A busy machine changes it less than throughput. */
async function measureShare(
  { baseline, measured }: Readonly<Record<'baseline' | 'measured', Measurable>>,
  seconds: number,
): Promise<number> {
  const spent = (): number => cpuUs(measured.pid) - cpuUs(baseline.pid);
  const [before, started] = [spent(), performance.now()];
  await wait(seconds * 1000);
  return (spent() - before) / 1000 / (performance.now() - started);
}
