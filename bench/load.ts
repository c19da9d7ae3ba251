import { setTimeout as wait } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';

export type LoadResult = Readonly<{ requests: number; failures: number; seconds: number; latencies: Float64Array }>;

export type Load = Readonly<{
  port: number;
  ca: string;
  path: string;
  body: string;
  connections: number;
  seconds: number;
}>;

/** The number of connections that an API server keeps open to a webhook that is called often. */
export const CONNECTIONS = 8;

/**
 * Sends one review again and again over keep-alive TLS connections, each time after the response to the last one. Requests are
 * encoded once and responses are not parsed, so that the server is busy and not this client.
 */
export async function applyLoad(load: Load): Promise<LoadResult> {
  const request = encodeRequest(load.path, load.body);
  const latencies: number[] = [];
  let failures = 0;
  const started = performance.now();
  const until = started + load.seconds * 1000;
  await Promise.all(
    Array.from({ length: load.connections }, async () => {
      const socket = await open(load);
      while (performance.now() < until) {
        const sent = performance.now();
        const answer = await exchange(socket, request);
        if (answer !== 'ok') failures++;
        if (answer === 'closed') return;
        latencies.push(performance.now() - sent);
      }
      socket.destroy();
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  return { requests: latencies.length, failures, seconds, latencies: Float64Array.from(latencies).sort() };
}

export type Rate = Omit<Load, 'body' | 'connections'> &
  Readonly<{
    /** Sent in turns. */
    bodies: readonly string[];
    perSecond: number;
    /** The most calls at the same time. */
    connections: number;
  }>;

/**
 * Sends reviews at a fixed rate, as a cluster does, even if earlier ones are not answered yet. A call without a free connection
 * waits for one, and its latency counts from the time when it was due.
 */
export async function applyRate(rate: Rate): Promise<LoadResult> {
  const requests = rate.bodies.map((body) => encodeRequest(rate.path, body));
  const free = await Promise.all(Array.from({ length: rate.connections }, async () => open(rate)));
  const waiting: ((socket: TLSSocket) => void)[] = [];
  const latencies: number[] = [];
  let failures = 0;
  const started = performance.now();
  const total = Math.round(rate.perSecond * rate.seconds);
  const calls: Promise<void>[] = [];
  while (calls.length < total) {
    const due = Math.min(total, Math.ceil(((performance.now() - started) / 1000) * rate.perSecond));
    while (calls.length < due) calls.push(call(started + (calls.length / rate.perSecond) * 1000, calls.length));
    await wait(1);
  }
  await Promise.all(calls);
  const seconds = (performance.now() - started) / 1000;
  for (const socket of free) socket.destroy();
  return { requests: latencies.length, failures, seconds, latencies: Float64Array.from(latencies).sort() };

  async function call(due: number, at: number): Promise<void> {
    // All in turn, so that none is idle for long: to open hundreds at once takes longer than their calls.
    let socket = free.shift() ?? (await new Promise<TLSSocket>((resolve) => waiting.push(resolve)));
    let answer: Answer;
    do {
      // The server closes a connection that has sent nothing for a while, and an API server tries again on another.
      if (socket.readableEnded || socket.destroyed) socket = await open(rate);
      answer = await exchange(socket, requests[at % requests.length] ?? Buffer.alloc(0));
    } while (answer === 'closed');
    latencies.push(performance.now() - due);
    if (answer === 'failed') failures++;
    const next = waiting.shift();
    if (next === undefined) free.push(socket);
    else next(socket);
  }
}

function encodeRequest(path: string, body: string): Buffer {
  return Buffer.from(
    `POST ${path}?timeout=10s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

/** The latency below which a share of all requests is, in milliseconds. */
export function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

async function open({ port, ca }: Pick<Load, 'port' | 'ca'>): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, ca, servername: 'localhost' }, () => {
      resolve(socket);
    });
    socket.setNoDelay(true);
    // Also an idle connection is to notice that it was closed.
    socket.resume();
    socket.once('error', reject);
  });
}

/** `closed`: the connection ended before the answer. */
type Answer = 'ok' | 'failed' | 'closed';

async function exchange(socket: TLSSocket, request: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let received: Buffer = Buffer.alloc(0);
    const onClose = (): void => {
      resolve('closed');
    };
    const onData = (chunk: Buffer): void => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      const head = received.indexOf('\r\n\r\n');
      if (head < 0) return;
      const length = Number(/content-length: (\d+)/i.exec(received.toString('latin1', 0, head))?.[1]);
      if (Number.isNaN(length)) reject(new Error('an answer without Content-Length'));
      if (received.length < head + 4 + length) return;
      socket.off('data', onData).off('close', onClose);
      resolve(received.toString('latin1', 9, 12) === '200' ? 'ok' : 'failed');
    };
    socket.on('data', onData).on('close', onClose);
    socket.write(request);
  });
}
