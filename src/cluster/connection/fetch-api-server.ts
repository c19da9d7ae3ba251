import type { KubeConfig } from '@kubernetes/client-node';
import fetch, { FetchError, type RequestInit, type Response } from 'node-fetch';
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
import { createLogin } from './login.ts';
import { readLines } from './read-lines.ts';
import { createServerClock } from './server-clock.ts';
import { limitTime, type TimeLimit } from './time-limit.ts';

const CALL_TIMEOUT_MS = 10_000;
/** Objects have 1.5 MB at most, as etcd takes no larger ones: a page of 500 seldom comes near it. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
/** One event is one object, which JSON makes a few times as long at worst. */
const MAX_EVENT_BYTES = 16 * 1024 * 1024;

/** One request: what is asked, for how long, and whose patience it is. */
type Request = Readonly<{
  method: Method;
  path: string;
  query: Query;
  body?: unknown;
  contentType?: string | undefined;
  limit: TimeLimit;
}>;

/**
 * The API server that a kubeconfig leads to.
 *
 * Of client-node it takes the configuration and the login, and fetches as client-node does. It does not take the watches:
 * `Watch` cannot be aborted before its answer begins, swallows what its callbacks throw, takes half an event for none and
 * never notices a dead connection; `ListWatch` on top of it does not page and keeps whole objects.
 */
export function createApiServer(config: KubeConfig): ApiServer {
  const server = config.getCurrentCluster()?.server ?? '';
  const { origin, pathname } = new URL(server);
  const url = `${origin}${pathname.replace(/\/$/, '')}`;
  const login = createLogin(config);
  const clock = createServerClock();

  return {
    url,
    namespace: namespaceOf(config),
    call,
    watch,
    now: clock.now,
  };

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

  async function logIn(): ReturnType<typeof login> {
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

/** Without waiting for it any longer than the signal lets. */
async function until<Value>(signal: AbortSignal, promise: Promise<Value>): Promise<Value> {
  const aborted = new Promise<never>((_resolve, reject) => {
    const giveUp = (): void => {
      reject(new Error('given up'));
    };
    if (signal.aborted) giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
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
