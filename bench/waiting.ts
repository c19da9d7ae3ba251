import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { compare, type Comparison, type Effort, type Measurable } from './compare.ts';
import { cpuUs, folder, peakRssMb, ROOT, startPullguard, startScript } from './processes.ts';
import { readSamples } from './reviews.ts';

/** The resources that a command used to read many Pods. */
export type Taken = Readonly<{ seconds: number; cpuSeconds: number; rssMb: number; exitCode: number | null }>;

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
  const started = performance.now();
  const child = spawn(process.execPath, [join(ROOT, 'dist/main.js'), ...args, '--kubeconfig', kubeconfig], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  let rssMb = 0;
  let cpuSeconds = 0;
  const watch = setInterval(() => {
    // A process that has ended has no values.
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

/** Processor time so far, which is more reliable than the clock on a busy machine. */
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
