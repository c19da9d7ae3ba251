import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { pino, type Logger } from 'pino';
import { onTestFinished } from 'vitest';
import { keepAnswerable } from '../../src/policy/policy.ts';
import { createApp, type AppOptions } from '../../src/serve/app.ts';
import { createMetrics, type Metrics } from '../../src/serve/metrics.ts';
import { pod, type Json } from '../support/objects.ts';
import { MIRRORED } from '../support/policies.ts';

export type LogLine = Json & { level: number; msg: string };

/** A logger, and the lines it wrote. */
export function collectLog(level = 'debug'): { logger: Logger; lines: LogLine[] } {
  const lines: LogLine[] = [];
  const write = (line: string) => lines.push(JSON.parse(line) as LogLine);
  return { logger: pino({ level, base: null }, { write }), lines };
}

/** The webhook's app on a free port of the loopback, until the end of the test. */
export async function serveApp(
  options: Partial<AppOptions> = {},
): Promise<{ url: string; port: number; metrics: Metrics; lines: LogLine[] }> {
  const { logger, lines } = collectLog();
  const metrics = createMetrics();
  const app = createApp({
    policy: () => keepAnswerable(MIRRORED, []),
    facts: () => ({}),
    metrics,
    logger,
    draining: () => false,
    ...options,
  });
  return { ...(await serveLocally(app)), metrics, lines };
}

export async function serveLocally(listener: RequestListener): Promise<{ url: string; port: number }> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, port };
}

/** An AdmissionReview of an object, in the words of an API server. */
export function reviewOf(object: unknown, request: Json = {}): Json & { request: Json } {
  const { kind = '', apiVersion = '' } = object as { kind?: string; apiVersion?: string };
  const [group = '', version = ''] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  return {
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    request: {
      uid: 'b3f1',
      kind: { group, version, kind },
      namespace: 'default',
      name: 'web',
      operation: 'CREATE',
      userInfo: { username: 'dev@example.com' },
      object,
      oldObject: null,
      dryRun: false,
      ...request,
    },
  };
}

/** A review that every pullguard lets pass without a word. */
export const FINE = reviewOf(pod('registry.example.com/app:1'));
export const FINE_ANSWER = answerOf({ uid: 'b3f1', allowed: true });

export function answerOf(response: Json): Json {
  return { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response };
}

/** What is answered to a request that is refused. */
export function problemOf(code: number, reason: string, message: string): Json {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, code, message };
}

/** A counter's value; undefined when it never had these labels. */
export async function readCounter(metrics: Metrics, name: string, labels: Json): Promise<number | undefined> {
  const metric = await metrics.registry.getSingleMetric(name)?.get();
  return metric?.values.find((value) => Object.entries(labels).every(([label, text]) => value.labels[label] === text))
    ?.value;
}

/** A bare connection: what is written to its socket goes out as it is. */
export type RawConnection = Readonly<{
  socket: Socket;
  /** All that came back, once the pattern is in it. */
  until: (pattern: RegExp) => Promise<string>;
  /** All that came back, once the connection has ended. */
  ended: Promise<string>;
}>;

export async function connectRaw(port: number, socket: Socket = connect(port, '127.0.0.1')): Promise<RawConnection> {
  let text = '';
  socket.on('data', (data) => (text += data.toString('latin1')));
  // A reset is one of the ways in which a server ends a connection.
  socket.on('error', () => undefined);
  const ended = new Promise<string>((resolve) => {
    socket.once('close', () => {
      resolve(text);
    });
  });
  onTestFinished(() => {
    socket.destroy();
  });
  await once(socket, 'connect');
  const until = async (pattern: RegExp): Promise<string> => {
    while (!pattern.test(text)) {
      if (socket.destroyed) throw new Error(`the connection ended after ${JSON.stringify(text)}`);
      await Promise.race([once(socket, 'data'), ended]);
    }
    return text;
  };
  return { socket, until, ended };
}

/** A request's text; `body` gets its Content-Length unless `headers` say otherwise. */
export function rawPost(path: string, body: string, headers: Readonly<Record<string, string | number>> = {}): string {
  const all = {
    Host: 'pullguard',
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  return `POST ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`;
}

/** The code and the JSON of one answer as it came over a connection, behind a `100 Continue` perhaps. */
export function parseAnswer(text: string): Readonly<{ code: number; body: unknown }> {
  const [head = '', body = ''] = text.split('\r\n\r\n').slice(-2);
  if (!head.includes('Content-Type: application/json')) throw new Error(`this is no JSON: ${text}`);
  return { code: Number(head.split(' ')[1]), body: JSON.parse(body) };
}
