import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Json } from './objects.ts';
import { answerCall, expired, selects, statusOf, type Answer } from './stand-in-answers.ts';
import { createStore, parsePath, type Change, type StoredObject, type Target } from './stand-in-store.ts';

/**
 * A stand-in, not Kubernetes: a server that speaks as much of the API's protocol as pullguard uses.
 *
 * It does: any collection by its path; get, list (pages, field selectors of name, namespace and type), create, update
 * with a check of the version, delete, JSON and merge patches, strategic merge patches of webhook configurations; watches
 * with history, bookmarks and timeoutSeconds; versions that expire; and failures, on demand. As in Kubernetes the items
 * of a list have no kind and apiVersion of their own, and a version that expired ends a watch with an ERROR event.
 *
 * It does not: authenticate or authorise anybody, validate objects, fill in defaults, know subresources (`…/status` is the
 * object itself), delete what an object owns, call webhooks, or show the pages of one list as of one moment.
 */
export type StandInApiServer = Readonly<{
  url: string;
  port: number;
  /** What was asked of it, oldest first; those answered with a failure too. */
  requests: readonly SeenRequest[];
  /** Creates or replaces objects of a collection, as somebody else would: watches are told. */
  seed: (path: string, objects: readonly Json[]) => void;
  /** Deletes as somebody else would. */
  remove: (path: string) => void;
  /** What is stored there now. */
  get: (path: string) => StoredObject | undefined;
  list: (path: string) => readonly StoredObject[];
  /** Has it answer that to GET of a path, as for discovery, of which it knows `/version` alone. */
  serve: (path: string, body: Json) => void;
  /** Forgets the history: watches and continued lists from before get 410. */
  compact: () => void;
  /** Tells all watches that want bookmarks the current version. */
  bookmark: () => void;
  /** Sends an event of any kind to all watches. */
  sendToWatches: (event: Json) => void;
  /** Ends watches as a server does that has had enough of them; `cut` as a broken line does. */
  disconnectWatches: (how?: 'end' | 'cut') => void;
  openWatches: () => number;
  /** How many wait for an answer that never comes. */
  hungRequests: () => number;
  failNext: (failure: Failure) => void;
  /** All answers, or those that match, come late by that much from now on; 0 ends it. */
  delay: (ms: number, which?: Matching) => void;
  /** All requests, or those that match, are never answered, until `recover`. */
  hang: (which?: Matching) => void;
  /** Ends delays, failures to come and hanging. Requests that hang already go on hanging. */
  recover: () => void;
  /** Nothing listens any more, all connections are cut; what is stored stays. Once is enough, twice does no harm. */
  stop: () => Promise<void>;
  /** Listens again, on the same port. */
  restart: () => Promise<void>;
}>;

export type SeenRequest = Readonly<{
  method: string;
  path: string;
  query: Readonly<Record<string, string>>;
  headers: IncomingMessage['headers'];
  body: unknown;
}>;

/** A path, or more than that. */
export type Matching = string | Readonly<{ path?: string; method?: string; watch?: boolean; continued?: boolean }>;

/** The next `times` requests that match are answered with that status; once unless told otherwise. */
export type Failure = Readonly<{
  status: number;
  times?: number;
  /** Path of the requests that fail; all of them unless told otherwise. */
  path?: string;
  method?: string;
  watch?: boolean;
  continued?: boolean;
  reason?: string;
  message?: string;
}>;

export type StandInOptions = Readonly<{
  /** How often bookmarks are sent, in milliseconds; only on demand unless told otherwise. */
  bookmarkIntervalMs?: number;
  /** How far its clock is ahead of ours, in milliseconds. */
  clockAheadMs?: number;
}>;

type Watcher = Readonly<{ target: Target; query: SeenRequest['query']; response: ServerResponse }>;

/** Listens on a free port of the loopback. Whoever starts it stops it. */
export async function startStandIn({
  bookmarkIntervalMs,
  clockAheadMs = 0,
}: StandInOptions = {}): Promise<StandInApiServer> {
  const store = createStore();
  const requests: SeenRequest[] = [];
  const watchers = new Set<Watcher>();
  const hung = new Set<ServerResponse>();
  const sockets = new Set<Socket>();
  const documents = new Map<string, Json>([['/version', { major: '1', minor: '33', gitVersion: 'v1.33.0' }]]);
  let failures: (Failure & { left: number })[] = [];
  let delays: { ms: number; which: Matching }[] = [];
  let hanging: Matching[] = [];
  let server = await listen(0);
  const { port } = server.address() as AddressInfo;
  store.onChange((change) => {
    for (const watcher of watchers) sendChange(watcher, change);
  });
  const bookmark = (): void => {
    for (const { query, response } of watchers) {
      if (query['allowWatchBookmarks'] === 'true') sendEvent(response, bookmarkAt(store.version()));
    }
  };
  if (bookmarkIntervalMs !== undefined) setInterval(bookmark, bookmarkIntervalMs).unref();

  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    seed: (path, objects) => {
      for (const object of objects) store.write({ ...targetAt(path), name: nameOf(object) }, object);
    },
    remove: (path) => {
      if (store.remove(targetAt(path)) === undefined) throw new Error(`the stand-in has no ${path} to remove`);
    },
    get: (path) => store.find(targetAt(path)),
    list: (path) => store.list(targetAt(path)),
    serve: (path, body) => documents.set(path, body),
    compact: store.compact,
    bookmark,
    sendToWatches: (event) => {
      for (const { response } of watchers) sendEvent(response, event);
    },
    disconnectWatches: (how = 'end') => {
      for (const { response } of watchers) {
        if (how === 'end') response.end();
        else response.socket?.destroy();
      }
      watchers.clear();
    },
    openWatches: () => watchers.size,
    hungRequests: () => hung.size,
    failNext: (failure) => failures.push({ ...failure, left: failure.times ?? 1 }),
    delay: (ms, which = {}) => {
      delays = ms === 0 ? [] : [...delays, { ms, which }];
    },
    hang: (which = {}) => hanging.push(which),
    recover: () => {
      failures = [];
      delays = [];
      hanging = [];
    },
    stop: async () => {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      watchers.clear();
      await closed;
    },
    restart: async () => {
      server = await listen(port);
    },
  };

  async function listen(at: number): Promise<Server> {
    const started = createServer((request, response) => {
      // Whoever asked is gone in the middle of asking.
      answer(request, response).catch(() => response.destroy());
    });
    started.on('connection', (socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    started.listen(at, '127.0.0.1');
    await once(started, 'listening');
    return started;
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://stand-in');
    const text = await readAll(request);
    const seen: SeenRequest = {
      method: request.method ?? '',
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers: request.headers,
      body: text === '' ? undefined : JSON.parse(text),
    };
    requests.push(seen);
    response.setHeader('Date', new Date(Date.now() + clockAheadMs).toUTCString());
    if (hanging.some((which) => matches(seen, which))) {
      hung.add(response);
      response.once('close', () => hung.delete(response));
      return;
    }
    const wait = delays.find(({ which }) => matches(seen, which))?.ms ?? 0;
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    if (response.destroyed) return;
    const failure = failures.find((each) => each.left > 0 && matches(seen, each));
    if (failure !== undefined) {
      failure.left -= 1;
      send(response, failureOf(failure, seen));
      return;
    }
    const target = parsePath(seen.path);
    if (target !== undefined && seen.query['watch'] === 'true') startWatch(target, seen.query, response);
    else send(response, answerOf(seen, target));
  }

  function answerOf(seen: SeenRequest, target: Target | undefined): Answer {
    const document = documents.get(seen.path);
    if (document !== undefined) return { code: 200, body: document };
    if (target === undefined) return statusOf(404, 'NotFound', 'the server could not find the requested resource');
    return answerCall(store, seen, target);
  }

  function startWatch(target: Target, query: SeenRequest['query'], response: ServerResponse): void {
    const since = Number(query['resourceVersion'] ?? 0);
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.flushHeaders();
    if (since > 0 && since < store.oldest()) {
      sendEvent(response, {
        type: 'ERROR',
        object: expired(`too old resource version: ${since} (${store.oldest()})`).body,
      });
      response.end();
      return;
    }
    const watcher = { target, query, response };
    if (since > 0) for (const change of store.changesAfter(since)) sendChange(watcher, change);
    else
      for (const object of store.list(target))
        if (selects(query, object)) sendEvent(response, { type: 'ADDED', object });
    watchers.add(watcher);
    response.once('close', () => watchers.delete(watcher));
    const seconds = Number(query['timeoutSeconds'] ?? 0);
    if (seconds > 0) setTimeout(() => response.end(), seconds * 1000).unref();
  }
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function matches(request: SeenRequest, which: Matching): boolean {
  const { path, method, watch, continued } = typeof which === 'string' ? { path: which } : which;
  return (
    (path === undefined || path === request.path) &&
    (method === undefined || method === request.method) &&
    (watch === undefined || watch === (request.query['watch'] === 'true')) &&
    (continued === undefined || continued === (request.query['continue'] !== undefined))
  );
}

function failureOf({ status, reason, message }: Failure, { method, path }: SeenRequest): Answer {
  return statusOf(
    status,
    reason ?? REASONS[status] ?? 'InternalError',
    message ?? `the stand-in was told to refuse ${method} ${path}`,
  );
}

const REASONS: Readonly<Record<number, string>> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Expired',
  422: 'Invalid',
  429: 'TooManyRequests',
  503: 'ServiceUnavailable',
};

function send(response: ServerResponse, { code, body }: Answer): void {
  response.writeHead(code, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(body));
}

function sendChange({ target, query, response }: Watcher, { type, collection, object }: Change): void {
  const isInside = target.namespace === undefined || target.namespace === object.metadata.namespace;
  if (collection === target.collection && isInside && selects(query, object)) sendEvent(response, { type, object });
}

function sendEvent(response: ServerResponse, event: Json): void {
  response.write(`${JSON.stringify(event)}\n`);
}

function bookmarkAt(version: number): Json {
  return { type: 'BOOKMARK', object: { metadata: { resourceVersion: String(version), creationTimestamp: null } } };
}

/** @throws Error for a path that is none of a resource, as a test that seeds it has a mistake in it. */
function targetAt(path: string): Target {
  const target = parsePath(path);
  if (target === undefined) throw new Error(`${path} is no path of a resource`);
  return target;
}

function nameOf({ metadata }: Json): string {
  return String((metadata as Json)['name']);
}
