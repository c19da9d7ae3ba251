import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

/** A program that runs until it is stopped; what it says goes to `log`, a file. */
export type Program = Readonly<{
  pid: number;
  log: string;
  hasExited: () => boolean;
  /** The exit code, or the name of the signal that ended it. */
  exited: Promise<number | string>;
  /** Asks it to end, and makes it end when it takes longer than `graceMs`. */
  stop: (graceMs?: number) => Promise<number | string>;
}>;

/**
 * Starts a program that keeps nothing outside `folder`. Its environment is empty but for what is named here: no proxy and
 * no configuration of whoever runs the tests gets in.
 */
export function startProgram(folder: string, name: string, command: string, args: readonly string[]): Program {
  const log = join(folder, `${name}.log`);
  const output = openSync(log, 'a');
  const child = spawn(command, args, { stdio: ['ignore', output, output], env: minimalEnv(folder), cwd: folder });
  closeSync(output);
  const pid = child.pid ?? 0;
  const note = notePid(folder, pid);
  let running = true;
  const exited = new Promise<number | string>((resolve) => {
    const end = (result: number | string): void => {
      running = false;
      rmSync(note, { force: true });
      resolve(result);
    };
    child.once('exit', (code, signal) => {
      end(code ?? signal ?? 'unknown');
    });
    child.once('error', (error) => {
      writeFileSync(log, `cannot start ${command}: ${error.message}\n`, { flag: 'a' });
      end(error.message);
    });
  });
  return {
    pid,
    log,
    hasExited: () => !running,
    exited,
    stop: async (graceMs = 10_000) => {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
      const result = await exited;
      clearTimeout(timer);
      return result;
    },
  };
}

export function minimalEnv(folder: string): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], HOME: folder, TMPDIR: folder };
}

/** Waits until `isReady` holds. A program that ends meanwhile is not waited for: the error has the end of its log. */
export async function waitUntilReady(program: Program, isReady: () => Promise<boolean>, seconds = 60): Promise<void> {
  const name = basename(program.log, '.log');
  const ready = await waitFor(async () => program.hasExited() || (await isReady()), seconds);
  if (!ready) throw new Error(`${name} was not ready after ${seconds} s:\n${readEnd(program.log)}`);
  if (program.hasExited()) throw new Error(`${name} ended (${await program.exited}):\n${readEnd(program.log)}`);
}

/** Asks every 100 ms. An error thrown by `isTrue` is a no; the result is whether there was a yes in time. */
export async function waitFor(isTrue: () => Promise<boolean>, seconds = 20): Promise<boolean> {
  const end = Date.now() + seconds * 1000;
  while (Date.now() < end) {
    if (await isTrue().catch(() => false)) return true;
    await wait(100);
  }
  return false;
}

/** Ports that were free a moment ago, held together so that they differ. */
export async function findFreePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  return Promise.all(
    servers.map(
      async (server) =>
        new Promise<number>((resolve, reject) => {
          server.once('error', reject);
          server.once('listening', () => {
            const { port } = server.address() as AddressInfo;
            server.close(() => {
              resolve(port);
            });
          });
        }),
    ),
  );
}

function readEnd(file: string, lines = 30): string {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
}

/** Ends every program of a folder that still runs, whoever started it, and removes the folder. Works while exiting. */
export function cleanUp(folder: string): void {
  for (const pid of readdirSync(pidFolder(folder)).map(Number)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has just ended by itself.
    }
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

/** A test file runs in a process of its own, which may be ended before it could stop what it started: hence files. */
function notePid(folder: string, pid: number): string {
  mkdirSync(pidFolder(folder), { recursive: true });
  const note = join(pidFolder(folder), String(pid));
  if (pid !== 0) writeFileSync(note, '');
  return note;
}

function pidFolder(folder: string): string {
  return join(folder, 'pids');
}
