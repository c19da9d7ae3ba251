import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { makeCertificates } from '../../src/tls/self-signed.ts';
import { connectRaw, FINE, FINE_ANSWER, parseAnswer, rawPost, type LogLine, type RawConnection } from './helpers.ts';
import { startLoad } from './load.ts';

const DRAIN_SECONDS = 1.5;
/** How late some node of a cluster may hear that a pod is not ready; until then it sends calls. */
const HEARD_AFTER_MS = 700;

const REVIEW = JSON.stringify(FINE);

test('SIGTERM under load: not ready at once, served until everybody has heard of it, every call answered, exit code 0', async () => {
  const { process: child, port, adminPort, ca, ended, lines } = await serve('--drain-seconds', String(DRAIN_SECONDS));
  const kept = [1, 2, 3].map(() => startLoad({ port, ca, keepAlive: true }));
  const fresh = [1, 2].map(() => startLoad({ port, ca, keepAlive: false }));
  const loads = [...kept, ...fresh];
  await expect.poll(() => loads.every(({ answers }) => answers.length > 20)).toBe(true);
  expect(await readiness(adminPort)).toEqual([200, 'ok\n']);
  const slow = await startCall(port, ca);

  child.kill('SIGTERM');
  const signalled = performance.now();
  await expect.poll(() => readiness(adminPort), { interval: 5 }).toEqual([503, 'shutting down\n']);
  expect(performance.now() - signalled).toBeLessThan(500);
  const counts = loads.map(({ answers }) => answers.length);
  await wait(HEARD_AFTER_MS);
  await Promise.all(loads.map(({ stop }) => stop()));

  const later = loads.flatMap(({ answers }, at) => answers.slice((counts[at] ?? 0) + 1));
  expect(later.length).toBeGreaterThan(20);
  expect(new Set(later.map(({ connection }) => connection))).toEqual(new Set(['close']));
  expect(loads.flatMap(({ failures }) => failures)).toEqual([]);

  // Called before the signal, and still sending its body when the drain is over.
  await wait(DRAIN_SECONDS * 1000 + 300 - (performance.now() - signalled));
  await expect(startCall(port, ca)).rejects.toThrow('ECONNREFUSED');
  expect(child.exitCode).toBeNull();
  slow.socket.write(REVIEW.slice(20));
  expect(parseAnswer(await slow.ended).body).toEqual(FINE_ANSWER);

  expect(await ended).toEqual({ code: 0, signal: null, stderr: '' });
  expect(lines.filter(({ msg }) => msg !== 'decided')).toMatchObject([
    { msg: 'listening', port, adminPort },
    { msg: 'stopping', signal: 'SIGTERM', drainSeconds: DRAIN_SECONDS },
    { msg: 'stopped' },
  ]);
});

test('SIGINT, as by Ctrl-C, ends without draining, but not in the middle of a call', async () => {
  const { process: child, port, ca, ended, lines } = await serve('--drain-seconds', '60');
  const call = await startCall(port, ca);
  child.kill('SIGINT');
  await expect.poll(() => lines.some(({ msg }) => msg === 'stopping')).toBe(true);
  const signalled = performance.now();
  call.socket.write(REVIEW.slice(20));
  expect(parseAnswer(await call.ended).body).toEqual(FINE_ANSWER);
  expect(await ended).toEqual({ code: 0, signal: null, stderr: '' });
  expect(performance.now() - signalled).toBeLessThan(1000);
});

test.each([
  ['SIGTERM', 'SIGTERM'],
  ['SIGTERM', 'SIGINT'],
] as const)('after %s a %s ends the drain at once', async (first, second) => {
  const { process: child, ended, lines } = await serve('--drain-seconds', '60');
  child.kill(first);
  await expect.poll(() => lines.some(({ msg }) => msg === 'stopping')).toBe(true);
  child.kill(second);
  expect(await ended).toMatchObject({ code: null, signal: second });
});

type Served = Readonly<{
  process: ChildProcess;
  port: number;
  adminPort: number;
  ca: string;
  lines: LogLine[];
  ended: Promise<Readonly<{ code: number | null; signal: NodeJS.Signals | null; stderr: string }>>;
}>;

/** The program as it is shipped, on free ports. */
async function serve(...options: string[]): Promise<Served> {
  const folder = mkdtempSync(join(tmpdir(), 'pullguard-drain-'));
  const [certFile, keyFile] = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
  const { ca, cert, key } = await makeCertificates({ names: ['127.0.0.1'] });
  writeFileSync(certFile, cert);
  writeFileSync(keyFile, key);
  const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
  const ports = ['--host', '127.0.0.1', '--port', '0', '--admin-port', '0'];
  const child = spawn(
    process.execPath,
    [main, 'serve', ...ports, '--tls-cert', certFile, '--tls-key', keyFile, ...options],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  onTestFinished(() => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  });

  const lines: LogLine[] = [];
  createInterface(child.stdout).on('line', (line) => lines.push(JSON.parse(line) as LogLine));
  let stderr = '';
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  const ended = new Promise<Awaited<Served['ended']>>((resolve) => {
    child.once('close', (code, signal) => {
      resolve({ code, signal, stderr });
    });
  });
  await expect
    .poll(() => lines.some(({ msg }) => msg === 'listening') || stderr || child.exitCode, { timeout: 10_000 })
    .toBe(true);
  const { port, adminPort } = lines[0] as unknown as { port: number; adminPort: number };
  return { process: child, port, adminPort, ca, lines, ended };
}

/** Begins a call: its head and the start of its body have arrived. */
async function startCall(port: number, ca: string): Promise<RawConnection> {
  const socket = connectTls({ host: '127.0.0.1', port, ca });
  const connection = await new Promise<RawConnection>((resolve, reject) => {
    socket.once('error', reject);
    connectRaw(port, socket).then(resolve, reject);
  });
  // Asked whether to go on, the server says so once it has read the head.
  const headers = { Expect: '100-continue', 'Content-Length': REVIEW.length };
  socket.write(rawPost('/mutate?timeout=20s', '', headers));
  await connection.until(/100 Continue/);
  socket.write(REVIEW.slice(0, 20));
  return connection;
}

async function readiness(adminPort: number): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${adminPort}/readyz`);
  return [response.status, await response.text()];
}
