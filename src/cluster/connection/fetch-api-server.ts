import type { RequestOptions } from 'node:https';
import { isDeepStrictEqual } from 'node:util';
import type { KubeConfig } from '@kubernetes/client-node';
import fetch, { FetchError, type Headers, type RequestInit, type Response } from 'node-fetch';
import { describeLoginFailure, describeNetworkFailure, parseAnswer, toRefusal } from './api-failure.ts';
import {
  ApiError,
  type ApiServer,
  type CallOptions,
  type Method,
  type Query,
  type WatchEvent,
  type WatchOptions,
} from './api-server.ts';
import { limitTime, type TimeLimit } from './time-limit.ts';

const CALL_TIMEOUT_MS = 10_000;
/** Objects have 1.5 MB at most, as etcd takes no larger ones: a page of 500 seldom comes near it. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
/** One event is one object, which JSON makes a few times as long at worst. */
const MAX_EVENT_BYTES = 16 * 1024 * 1024;

/** Shorter than load balancers (60 s) and API servers (90 s) keep idle connections: a call on its way at that moment fails. */
const IDLE_CONNECTION_MS = 15_000;
/** Below it lies what a `Date` header cannot tell: it has whole seconds, and an answer is on its way for a moment. */
const NOTICEABLE_MS = 2000;

/** One request: what is asked, and for how long. */
type Request = Pick<CallOptions, 'body' | 'contentType'> &
  Readonly<{ method: Method; path: string; query: Query; limit: TimeLimit }>;

/**
 * The API server that a kubeconfig leads to. Configuration, login and fetch are those of client-node, its watches are not: see
 * docs/decisions/0014-own-reflector.md.
 */
export function createApiServer(config: KubeConfig): ApiServer {
  const server = config.getCurrentCluster()?.server ?? '';
  const { origin, pathname } = new URL(server);
  const url = `${origin}${pathname.replace(/\/$/, '')}`;
  const login = createLogin(config);
  const clock = createServerClock();

  return { url, namespace: namespaceOf(config), call, watch, now: clock.now };

  async function call(method: Method, path: string, options: CallOptions = {}): Promise<unknown> {
    const { query = {}, body, contentType, signal, timeoutMs = CALL_TIMEOUT_MS } = options;
    const limit = limitTime(signal);
    limit.start(timeoutMs);
    const name = `${method} ${path}`;
    try {
      const response = await send({ method, path, query, body, contentType, limit });
      const text = await response.text();
      if (!response.ok) throw toRefusal(name, response.status, text);
      return parseAnswer(name, response.status, text);
    } catch (error) {
      if (limit.ranOut()) throw unreachable(`no answer to ${name} within ${timeoutMs / 1000} s`);
      if (signal?.aborted === true) throw new ApiError(`${name} was given up before its answer came`);
      throw toApiError(name, error);
    } finally {
      limit.close();
    }
  }

  async function* watch(path: string, { query, signal, idleMs = 0, onOpen }: WatchOptions): AsyncGenerator<WatchEvent> {
    const limit = limitTime(signal);
    const name = `the watch of ${path}`;
    try {
      limit.start(idleMs);
      const response = await send({ method: 'GET', path, query: { ...query, watch: true }, limit });
      if (response.status !== 200) throw toRefusal(name, response.status, await response.text());
      onOpen?.();
      const lines = readLines(response.body as AsyncIterable<Uint8Array>, MAX_EVENT_BYTES);
      for await (const line of lines) {
        limit.stop();
        // Some of what came before may still lie here.
        if (limit.signal.aborted) return;
        yield parseEvent(name, line);
        limit.start(idleMs);
      }
    } catch (error) {
      if (limit.ranOut()) throw new ApiError(`${name} is dead: nothing came from ${url} for ${idleMs / 1000} s`);
      if (!limit.signal.aborted) throw toApiError(name, error);
    } finally {
      limit.close();
    }
  }

  async function send({ method, path, query, body, contentType, limit }: Request): Promise<Response> {
    const address = new URL(`${server}${path}`);
    for (const [key, value] of Object.entries(query)) {
      if (value !== undefined) address.searchParams.set(key, String(value));
    }
    const { headers, agent } = await until(limit.signal, logIn());
    headers.set('Accept', 'application/json');
    headers.set('User-Agent', 'pullguard');
    if (body !== undefined) headers.set('Content-Type', contentType ?? 'application/json');
    const response = await fetch(address, {
      method,
      headers,
      agent,
      ...(body !== undefined && { body: JSON.stringify(body) }),
      // Its types describe an older AbortSignal.
      signal: limit.signal as RequestInit['signal'],
      // An API server sends nobody elsewhere, and what we log in with is for it alone.
      redirect: 'manual',
      size: MAX_ANSWER_BYTES,
    });
    clock.learn(response.headers.get('date'));
    return response;
  }

  async function logIn(): Promise<Login> {
    try {
      return await login();
    } catch (error) {
      throw new ApiError(`cannot log in to ${url}: ${describeLoginFailure(error)}`);
    }
  }

  function toApiError(name: string, error: unknown): ApiError {
    if (error instanceof ApiError) return error;
    if (error instanceof FetchError && error.type === 'max-size')
      return new ApiError(`the answer to ${name} is larger than ${MAX_ANSWER_BYTES / 1024 / 1024} MiB`);
    return unreachable(describeNetworkFailure(error), error);
  }

  function unreachable(why: string, cause?: unknown): ApiError {
    return new ApiError(`cannot reach ${url}: ${why}`, { cause });
  }
}

function namespaceOf(config: KubeConfig): string {
  const namespace = config.getContextObject(config.getCurrentContext())?.namespace?.trim() ?? '';
  return namespace === '' ? 'default' : namespace;
}

/** Who we are, for one call, and the connections it may use. */
type Login = Readonly<{ headers: Headers; agent: RequestInit['agent'] }>;

/**
 * Logs in anew for each call, as tokens change: a service account's file is read again, an exec plugin asked again. The
 * connections are kept, other than in client-node, as long as the CA and the client certificate they are made with stay.
 */
function createLogin(config: KubeConfig): () => Promise<Login> {
  let current: Readonly<{ agent: RequestInit['agent']; tls: RequestOptions }> | undefined;
  return async () => {
    const options: RequestOptions = { timeout: IDLE_CONNECTION_MS };
    const { agent, headers } = await config.applyToFetchOptions(options);
    const tls = { ...options, agent: undefined, headers: undefined, auth: undefined };
    // The connections of the one before are not closed: watches use them. Idle ones close by themselves.
    if (!isDeepStrictEqual(tls, current?.tls)) current = { agent: keepAlive(agent), tls };
    return { headers: headers as Headers, agent: current?.agent };
  };
}

/** client-node has no option for it. Agents of proxies too take it from this property, which types do not know. */
function keepAlive(agent: RequestInit['agent']): RequestInit['agent'] {
  return typeof agent === 'object' ? Object.assign(agent, { keepAlive: true }) : agent;
}

/** The clock of a server, by its latest answer: ours, moved by the difference. Ours until there is an answer. */
function createServerClock(): Readonly<{ learn: (dateHeader: string | null) => void; now: () => Date }> {
  let aheadMs = 0;
  return {
    learn: (dateHeader) => {
      // The header is cut to the second: the moment meant lies half a second later on average.
      const difference = Date.parse(dateHeader ?? '') + 500 - Date.now();
      if (!Number.isNaN(difference)) aheadMs = Math.abs(difference) < NOTICEABLE_MS ? 0 : difference;
    },
    now: () => new Date(Date.now() + aheadMs),
  };
}

/** Without waiting for it any longer than the signal lets. */
async function until<Value>(signal: AbortSignal, promise: Promise<Value>): Promise<Value> {
  const aborted = new Promise<never>((_resolve, reject) => {
    const giveUp = (): void => {
      reject(new Error('given up'));
    };
    if (signal.aborted) giveUp();
    signal.addEventListener('abort', giveUp);
  });
  return Promise.race([promise, aborted]);
}

const EVENT_TYPES: readonly unknown[] = ['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR'];

function parseEvent(name: string, line: string): WatchEvent {
  const event = parseAnswer(name, 200, line) as Partial<WatchEvent> | null | undefined;
  if (!EVENT_TYPES.includes(event?.type))
    throw new ApiError(`${name} brought something that is no event`, { status: 200 });
  return event as WatchEvent;
}

const LINE_FEED = 0x0a;

/**
 * The lines of a stream of bytes, without their ends, empty ones left out.
 *
 * @throws ApiError when a line has more than `maxBytes`, or when the stream ends in the middle of one.
 */
export async function* readLines(stream: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<string> {
  let parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      const line = Buffer.concat([...parts, chunk.subarray(start, end)]).toString();
      parts = [];
      length = 0;
      start = end + 1;
      if (line.trim() !== '') yield line;
    }
    if (start === chunk.length) continue;
    parts.push(chunk.subarray(start));
    length += chunk.length - start;
    if (length > maxBytes) throw new ApiError(`a line of the answer is longer than ${maxBytes} bytes`, { status: 200 });
  }
  // As good as a whole line it may look, what came of a number or a text is another one.
  if (length > 0) throw new ApiError('the answer broke off in the middle of a line');
}
