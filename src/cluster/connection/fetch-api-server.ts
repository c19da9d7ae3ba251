import type { RequestOptions } from 'node:https';
import { isDeepStrictEqual } from 'node:util';
import type { KubeConfig } from '@kubernetes/client-node';
import fetch, { type Headers, type RequestInit, type Response } from 'node-fetch';
import { describeLoginFailure, describeNetworkFailure, parseAnswer, toRefusal } from './api-failure.ts';
import {
  ApiError,
  TooLargeError,
  type ApiServer,
  type CallOptions,
  type Method,
  type Query,
  type WatchEvent,
  type WatchOptions,
} from './api-server.ts';
import { BOUND, createBoundedText, readEventHead, readListHead, type BoundedText, type Cut } from './bounded-text.ts';

const CALL_TIMEOUT_MS = 10_000;

const JSON_TYPE = 'application/json';
/** Requests metadata only. */
const METADATA_TYPE = `${JSON_TYPE};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1`;

/**
 * Shorter than the time for which load balancers (60 s) and API servers (90 s) keep idle connections: a call that is sent when
 * the server closes the connection fails.
 */
const IDLE_CONNECTION_MS = 15_000;
/** Smaller differences are ignored: a `Date` header has whole seconds, and a response takes a moment. */
const NOTICEABLE_MS = 2000;

/** One request with its time limit. */
type Request = Pick<CallOptions, 'body' | 'contentType' | 'metadataOnly'> &
  Readonly<{ method: Method; path: string; query: Query; limit: TimeLimit }>;

/**
 * The API server of a kubeconfig. Configuration, login and fetch are client-node's, its watches are not used: see
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
    const { query = {}, body, contentType, metadataOnly, signal, timeoutMs = CALL_TIMEOUT_MS } = options;
    const limit = limitTime(signal);
    limit.start(timeoutMs);
    const name = `${method} ${path}`;
    try {
      const response = await send({ method, path, query, body, contentType, metadataOnly, limit });
      const text = await readText(name, response);
      if (!response.ok) throw toRefusal(name, response.status, text);
      return parseAnswer(name, response.status, text);
    } catch (error) {
      if (limit.ranOut()) throw unreachable(`no answer to ${name} within ${timeoutMs / 1000} s`);
      if (signal?.aborted === true) throw new ApiError(`${name} was cancelled`);
      throw toApiError(error);
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
      if (response.status !== 200) throw toRefusal(name, response.status, await readText(name, response));
      onOpen?.();
      const lines = readLines(response.body as AsyncIterable<Uint8Array>, createBoundedText);
      for await (const line of lines) {
        limit.stop();
        // Lines that arrived before the signal may still be buffered.
        if (limit.signal.aborted) return;
        yield typeof line === 'string' ? parseEvent(name, line) : toLargeEvent(name, line);
        limit.start(idleMs);
      }
    } catch (error) {
      if (limit.ranOut()) throw new ApiError(`${name} is broken: nothing received from ${url} for ${idleMs / 1000} s`);
      if (!limit.signal.aborted) throw toApiError(error);
    } finally {
      limit.close();
    }
  }

  async function send({ method, path, query, body, contentType, metadataOnly, limit }: Request): Promise<Response> {
    const address = new URL(`${server}${path}`);
    for (const [key, value] of Object.entries(query)) {
      if (value !== undefined) address.searchParams.set(key, String(value));
    }
    const { headers, agent } = await until(limit.signal, logIn());
    headers.set('Accept', metadataOnly === true ? METADATA_TYPE : JSON_TYPE);
    headers.set('User-Agent', 'pullguard');
    if (body !== undefined) headers.set('Content-Type', contentType ?? JSON_TYPE);
    const response = await fetch(address, {
      method,
      headers,
      agent,
      ...(body !== undefined && { body: JSON.stringify(body) }),
      // The types of node-fetch describe an older AbortSignal.
      signal: limit.signal as RequestInit['signal'],
      // An API server does not redirect, and its credentials must not be sent elsewhere.
      redirect: 'manual',
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

  function toApiError(error: unknown): ApiError {
    if (error instanceof ApiError) return error;
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

/** The credentials for one call, and the connections that it may use. */
type Login = Readonly<{ headers: Headers; agent: RequestInit['agent'] }>;

/**
 * Gets the credentials again for each call, as tokens change: a ServiceAccount's file is read again, an exec plugin called again.
 * Unlike in client-node, connections are kept as long as the CA and the client certificate stay the same.
 */
function createLogin(config: KubeConfig): () => Promise<Login> {
  let current: Readonly<{ agent: RequestInit['agent']; tls: RequestOptions }> | undefined;
  return async () => {
    const options: RequestOptions = { timeout: IDLE_CONNECTION_MS };
    const { agent, headers } = await config.applyToFetchOptions(options);
    const tls = { ...options, agent: undefined, headers: undefined, auth: undefined };
    // The previous connections are not closed, as watches use them. Idle ones close by themselves.
    if (!isDeepStrictEqual(tls, current?.tls)) current = { agent: keepAlive(agent), tls };
    return { headers: headers as Headers, agent: current?.agent };
  };
}

/** client-node has no option for it. Agents for proxies also use this property, although it is not in the types. */
function keepAlive(agent: RequestInit['agent']): RequestInit['agent'] {
  return typeof agent === 'object' ? Object.assign(agent, { keepAlive: true }) : agent;
}

/** The clock of a server, by its latest response: our own clock, moved by the difference. Our own before the first response. */
function createServerClock(): Readonly<{ learn: (dateHeader: string | null) => void; now: () => Date }> {
  let aheadMs = 0;
  return {
    learn: (dateHeader) => {
      // The header has whole seconds, so on average the real time is half a second later.
      const difference = Date.parse(dateHeader ?? '') + 500 - Date.now();
      if (!Number.isNaN(difference)) aheadMs = Math.abs(difference) < NOTICEABLE_MS ? 0 : difference;
    },
    now: () => new Date(Date.now() + aheadMs),
  };
}

type TimeLimit = Readonly<{
  /** Fires when the time is over, when the caller's signal fires, or on `close`. */
  signal: AbortSignal;
  /** Whether it fired because the time was over. */
  ranOut: () => boolean;
  /** Starts or restarts the time; 0 milliseconds means no limit. */
  start: (ms: number) => void;
  stop: () => void;
  /** Ends everything that still runs with the signal, and releases the caller's signal. */
  close: () => void;
}>;

/**
 * A time limit that also follows the caller's signal. `AbortSignal.any` with `AbortSignal.timeout` cannot be restarted, and in
 * Node 20 leaks some memory in the caller's signal, which may live for months.
 */
export function limitTime(callersSignal?: AbortSignal): TimeLimit {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  const giveUp = (): void => {
    controller.abort();
  };
  const stop = (): void => {
    clearTimeout(timer);
  };
  if (callersSignal?.aborted === true) giveUp();
  callersSignal?.addEventListener('abort', giveUp, { once: true });
  return {
    signal: controller.signal,
    ranOut: () => isOver,
    start: (ms) => {
      stop();
      if (ms <= 0) return;
      timer = setTimeout(() => {
        isOver = !controller.signal.aborted;
        giveUp();
      }, ms);
    },
    stop,
    close: () => {
      stop();
      callersSignal?.removeEventListener('abort', giveUp);
      giveUp();
    },
  };
}

/** Waits for the promise until the signal fires. */
async function until<Value>(signal: AbortSignal, promise: Promise<Value>): Promise<Value> {
  signal.throwIfAborted();
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', reject);
  });
  return Promise.race([promise, aborted]);
}

const EVENT_TYPES: readonly unknown[] = ['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR'];

function isEventType(type: unknown): type is WatchEvent['type'] {
  return EVENT_TYPES.includes(type);
}

function parseEvent(name: string, line: string): WatchEvent {
  const event = parseAnswer(name, 200, line) as Partial<WatchEvent> | null | undefined;
  if (!isEventType(event?.type)) throw new ApiError(`${name} returned something other than an event`, { status: 200 });
  return event as WatchEvent;
}

/** @throws TooLargeError as soon as it is too large, without waiting for the rest */
async function readText(name: string, response: Response): Promise<string> {
  const text = createBoundedText();
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) if (!text.add(chunk)) break;
  const read = text.read();
  if (typeof read === 'string') return read;
  throw new TooLargeError(`the answer to ${name} is larger than ${BOUND}`, readListHead(read.head));
}

/** @throws TooLargeError if it is unknown which object it is about */
function toLargeEvent(name: string, { head }: Cut): WatchEvent {
  const event = readEventHead(head);
  if (event === undefined || !isEventType(event.type))
    throw new TooLargeError(`${name} returned an event larger than ${BOUND}`);
  return { type: event.type, object: event.object, isTooLarge: true };
}

const LINE_FEED = 0x0a;

/**
 * The lines of a byte stream, without line ends and empty lines. Of a line that is too large, the start.
 *
 * @throws ApiError when the stream ends in the middle of a line.
 */
export async function* readLines(
  stream: AsyncIterable<Uint8Array>,
  startLine: () => BoundedText,
): AsyncGenerator<string | Cut> {
  let line = startLine();
  for await (const chunk of stream) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      line.add(chunk.subarray(start, end));
      const read = line.read();
      line = startLine();
      start = end + 1;
      if (typeof read !== 'string' || read.trim() !== '') yield read;
    }
    if (start < chunk.length) line.add(chunk.subarray(start));
  }
  // It may look like a complete line, but a number or a string in it may be cut off.
  if (!line.isEmpty()) throw new ApiError('the response ended in the middle of a line');
}
