import { once } from 'node:events';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** The same options as in the Deployment, so that the memory use is what operators see. */
const NODE_OPTIONS = '--max-old-space-size=256 --max-semi-space-size=8';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The folder for everything that a run writes. */
export const folder = mkdtempSync(join(tmpdir(), 'pullguard-bench-'));

const children: ChildProcess[] = [];

export function cleanUp(): void {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}

/** Starts a script of this folder, and returns the JSON line that it prints when it is ready. */
export async function startScript(script: string, args: readonly string[]): Promise<unknown> {
  const child = spawn(process.execPath, ['--import', 'tsx', join(ROOT, 'bench', script), ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (chunk: Buffer) => {
      resolve(chunk.toString());
    });
    child.once('exit', () => {
      reject(new Error(`${script} ended before it was ready`));
    });
  });
  return JSON.parse(line);
}

/** Starts a registry that answers after so many milliseconds, or hangs, and returns its host and port. */
export async function startRegistry(pace: string): Promise<string> {
  const { port } = (await startScript('stand-in-registry.ts', [pace])) as { port: number };
  return `127.0.0.1:${port}`;
}

export type Pullguard = Readonly<{
  port: number;
  pid: number;
  readyMs: number;
  /** Milliseconds from its start to a line of its log with that message. */
  waitForLog: (message: string) => Promise<number>;
  /** Sends a command to its profiler, and returns the response. */
  tell: (word: 'start' | 'stop') => Promise<unknown>;
  stop: () => void;
}>;

/** Starts the built server with its log in a file, and waits until it is ready. */
export async function startPullguard(args: readonly string[], { profiled = false } = {}): Promise<Pullguard> {
  const log = join(folder, `log-${children.length}`);
  const started = performance.now();
  const all = ['dist/main.js', 'serve', '--host', '127.0.0.1', '--port', '0', '--admin-port', '0', ...args];
  const profiler = profiled ? ['--import', 'tsx', '--import', join(ROOT, 'bench/profiler.ts')] : [];
  const child = spawn(process.execPath, [...profiler, ...all], {
    cwd: ROOT,
    env: { ...process.env, NODE_OPTIONS },
    stdio: ['ignore', openSync(log, 'w'), 'inherit', ...(profiled ? (['ipc'] as const) : [])],
  });
  children.push(child);
  const findLine = async (message: string): Promise<string> => {
    for (const ends = performance.now() + 120_000; performance.now() < ends;) {
      const lines = readFileSync(log, 'utf8').split('\n');
      const found = lines.find((line) => line.includes(`"msg":"${message}"`));
      if (found !== undefined) return found;
      if (child.exitCode !== null) throw new Error(`pullguard ended before it said "${message}"`);
      await wait(5);
    }
    throw new Error(`pullguard did not say "${message}" within two minutes`);
  };
  const { port, adminPort } = JSON.parse(await findLine('listening')) as { port: number; adminPort: number };
  while (!(await fetch(`http://127.0.0.1:${adminPort}/readyz`)).ok) await wait(5);
  return {
    port,
    pid: child.pid ?? 0,
    readyMs: Math.round(performance.now() - started),
    waitForLog: async (message) => {
      await findLine(message);
      return Math.round(performance.now() - started);
    },
    tell: async (word) => {
      child.send(word);
      const [answer] = (await once(child, 'message')) as [unknown];
      return answer;
    },
    stop: () => {
      child.kill('SIGKILL');
    },
  };
}

/** Processor time of all threads, in microseconds; Linux only, to a hundredth of a second. On a busy machine better than the clock. */
export function cpuUs(pid: number): number {
  const [, fields = ''] = /\) (.*)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
  const [user, system] = fields.split(' ').slice(11, 13).map(Number);
  return ((user ?? NaN) + (system ?? NaN)) * 10_000;
}

/** The peak memory of the process, in MB; Linux only. */
export function peakRssMb(pid: number): number {
  const kib = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? NaN);
  return Math.round(kib / 10.24) / 100;
}

/** What a command took from its start to its end. */
export type Taken = Readonly<{ seconds: number; cpuSeconds: number; rssMb: number; exitCode: number | null }>;

/** Runs Node.js with these arguments; what it prints is left out. */
export async function take(args: readonly string[]): Promise<Taken> {
  const started = performance.now();
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] });
  let rssMb = 0;
  let cpuSeconds = 0;
  const watch = setInterval(() => {
    // What has ended has no numbers.
    try {
      const peak = peakRssMb(child.pid ?? 0);
      if (!Number.isNaN(peak)) rssMb = peak;
      cpuSeconds = Math.max(cpuSeconds, cpuUs(child.pid ?? 0) / 1e6);
    } catch {
      clearInterval(watch);
    }
  }, 20);
  const exitCode = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  clearInterval(watch);
  return { seconds: (performance.now() - started) / 1000, cpuSeconds, rssMb, exitCode };
}
