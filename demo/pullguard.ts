import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { Review, ReviewResponse } from './reviews.ts';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const POLICY = fileURLToPath(new URL('policy.yaml', import.meta.url));

/** Several times what the slowest machine has needed. */
const PATIENCE_MS = 20_000;

/** `timeoutSeconds` of the webhook configurations, which the API server hands on in the address. */
const TIMEOUT = '3s';

export type Endpoint = 'mutate' | 'validate';

export type Pullguard = Readonly<{
  /** Sends a review as an API server does: POST over TLS, trusting nothing but pullguard's own CA. */
  call: (endpoint: Endpoint, review: Review) => Promise<ReviewResponse>;
  /** Asks it to end as kubelet does. Throws unless it ends with 0. */
  stop: () => Promise<void>;
}>;

/** Starts the built server on free ports. Whatever happens, neither it nor its folder outlives this process. */
export async function startPullguard(): Promise<Pullguard> {
  const folder = mkdtempSync(join(tmpdir(), 'pullguard-demo-'));
  const policy = join(folder, 'policy.yaml');
  const ca = join(folder, 'ca.crt');
  cpSync(POLICY, policy);
  const args = ['serve', '--config', policy, '--host', '127.0.0.1', '--port', '0', '--admin-port', '0'];
  const child = spawn(process.execPath, [MAIN, ...args, '--ca-out', ca, '--drain-seconds', '0'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  process.once('exit', () => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  const output = collectOutput(child);
  const ended = once(child, 'close') as Promise<[code: number | null, signal: NodeJS.Signals | null]>;
  ended.catch(() => undefined);

  const port = await untilListening(child, output, ended);
  const agent = new Agent({ keepAlive: true, ca: readFileSync(ca), host: '127.0.0.1', port, servername: 'localhost' });
  return {
    call: async (endpoint, review) => post(agent, `/${endpoint}?timeout=${TIMEOUT}`, JSON.stringify(review)),
    stop: async () => {
      agent.destroy();
      child.kill('SIGTERM');
      const [code, signal] = await within(ended, 'pullguard did not end after SIGTERM', output);
      if (code !== 0) throw new Error(`pullguard ended with ${code ?? signal ?? '?'} after SIGTERM\n${output.text}`);
    },
  };
}

type Output = { text: string };

/** What the server writes is its log, a JSON object a line; shown only when something goes wrong. */
function collectOutput(child: ChildProcess): Output {
  const output = { text: '' };
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => (output.text += text));
  }
  return output;
}

async function untilListening(child: ChildProcess, output: Output, ended: Promise<unknown>): Promise<number> {
  const listening = new Promise<number>((resolve, reject) => {
    child.stdout?.on('data', () => {
      const line = output.text.split('\n').find((text) => text.includes('"msg":"listening"') && text.endsWith('}'));
      if (line !== undefined) resolve((JSON.parse(line) as { port: number }).port);
    });
    const fail = (): void => {
      reject(new Error(`pullguard did not start\n${output.text}`));
    };
    ended.then(fail, fail);
  });
  return within(listening, 'pullguard did not start', output);
}

async function within<T>(awaited: Promise<T>, complaint: string, output: Output): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`${complaint} within ${PATIENCE_MS / 1000} s\n${output.text}`));
    }, PATIENCE_MS);
  });
  return Promise.race([awaited, late]).finally(() => {
    clearTimeout(timer);
  });
}

async function post(agent: Agent, path: string, body: string): Promise<ReviewResponse> {
  const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };
  const sent = request({ method: 'POST', path, agent, headers, timeout: PATIENCE_MS });
  sent.on('timeout', () => sent.destroy(new Error(`no answer to ${path} within ${PATIENCE_MS / 1000} s`)));
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const text = (await buffer(response)).toString();
  if (response.statusCode !== 200) throw new Error(`${path} was answered with ${response.statusCode ?? '?'}: ${text}`);
  return JSON.parse(text) as ReviewResponse;
}
