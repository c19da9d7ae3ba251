import type { Json } from './objects.ts';
import { answerCall, expired, selects, statusOf, type Answer } from './stand-in-answers.ts';
import { createStore, parsePath, type Change, type StoredObject, type Target } from './stand-in-store.ts';

/** What a test makes of a stand-in for the API server, and sees of it. */
export type StandInCluster = Readonly<{
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
}>;

export type SeenRequest = Readonly<{
  method: string;
  path: string;
  query: Readonly<Record<string, string>>;
  headers: Readonly<{ [name: string]: string | readonly string[] | undefined; 'content-type'?: string | undefined }>;
  body: unknown;
}>;

/** A path, or more than that. */
export type Matching =
  string | Readonly<{ path?: string; method?: string; fieldSelector?: string; watch?: boolean; continued?: boolean }>;

/** The next `times` requests that match are answered with that status; once unless told otherwise. */
export type Failure = Exclude<Matching, string> &
  Readonly<{ status: number; times?: number; reason?: string; message?: string }>;

/** How an answer goes back to whoever asked. */
export type Connection = Readonly<{
  answer: (answer: Answer) => void;
  /** Accepts a watch. */
  open: () => Stream;
  isClosed: () => boolean;
  onClose: (listener: () => void) => void;
}>;

export type Stream = Readonly<{ send: (event: Json) => void; end: (how: 'end' | 'cut') => void }>;

type Watcher = Readonly<{ target: Target; query: SeenRequest['query']; stream: Stream }>;

/**
 * A stand-in for an API server, without the way to it. It does: any collection by its path; get, list (pages, field selectors
 * of name, namespace and type), create, update with a check of the version, delete, JSON and merge patches, strategic merge
 * patches of webhook configurations; watches with history, bookmarks and timeoutSeconds; versions that expire; and failures,
 * on demand. As in Kubernetes the items of a list have no kind and apiVersion of their own, and a version that expired ends a
 * watch with an ERROR event.
 *
 * It does not: authenticate or authorise anybody, validate objects, fill in defaults, know subresources (`…/status` is the
 * object itself), delete what an object owns, call webhooks, or show the pages of one list as of one moment.
 */
export function createStandInCluster(): StandInCluster &
  Readonly<{ handle: (request: SeenRequest, connection: Connection) => Promise<void> }> {
  const store = createStore();
  const requests: SeenRequest[] = [];
  const watchers = new Set<Watcher>();
  const hung = new Set<Connection>();
  const documents = new Map<string, Json>([['/version', { major: '1', minor: '33', gitVersion: 'v1.33.0' }]]);
  let failures: (Failure & { left: number })[] = [];
  let delays: { ms: number; which: Matching }[] = [];
  let hanging: Matching[] = [];
  store.onChange((change) => {
    for (const watcher of watchers) sendChange(watcher, change);
  });

  return {
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
    bookmark: () => {
      const metadata = { resourceVersion: String(store.version()), creationTimestamp: null };
      for (const { query, stream } of watchers) {
        if (query['allowWatchBookmarks'] === 'true') stream.send({ type: 'BOOKMARK', object: { metadata } });
      }
    },
    sendToWatches: (event) => {
      for (const { stream } of watchers) stream.send(event);
    },
    disconnectWatches: (how = 'end') => {
      for (const { stream } of watchers) stream.end(how);
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
    handle,
  };

  async function handle(seen: SeenRequest, connection: Connection): Promise<void> {
    requests.push(seen);
    if (hanging.some((which) => matches(seen, which))) {
      hung.add(connection);
      connection.onClose(() => hung.delete(connection));
      return;
    }
    const wait = delays.find(({ which }) => matches(seen, which))?.ms ?? 0;
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    if (connection.isClosed()) return;
    const failure = failures.find((each) => each.left > 0 && matches(seen, each));
    const target = parsePath(seen.path);
    if (failure !== undefined) {
      failure.left -= 1;
      connection.answer(failureOf(failure, seen));
    } else if (target !== undefined && seen.query['watch'] === 'true') startWatch(target, seen.query, connection);
    else connection.answer(answerOf(seen, target));
  }

  function answerOf(seen: SeenRequest, target: Target | undefined): Answer {
    const document = documents.get(seen.path);
    if (document !== undefined) return { code: 200, body: document };
    if (target === undefined) return statusOf(404, 'NotFound', 'the server could not find the requested resource');
    return answerCall(store, seen, target);
  }

  function startWatch(target: Target, query: SeenRequest['query'], connection: Connection): void {
    const since = Number(query['resourceVersion'] ?? 0);
    const stream = connection.open();
    if (since > 0 && since < store.oldest()) {
      const { body } = expired(`too old resource version: ${since} (${store.oldest()})`);
      stream.send({ type: 'ERROR', object: body });
      stream.end('end');
      return;
    }
    const watcher = { target, query, stream };
    if (since > 0) for (const change of store.changesAfter(since)) sendChange(watcher, change);
    else for (const object of store.list(target)) if (selects(query, object)) stream.send({ type: 'ADDED', object });
    watchers.add(watcher);
    connection.onClose(() => watchers.delete(watcher));
    const seconds = Number(query['timeoutSeconds'] ?? 0);
    if (seconds > 0) {
      setTimeout(() => {
        if (watchers.delete(watcher)) stream.end('end');
      }, seconds * 1000).unref();
    }
  }
}

function matches(request: SeenRequest, which: Matching): boolean {
  const { path, method, fieldSelector, watch, continued } = typeof which === 'string' ? { path: which } : which;
  return (
    (path === undefined || path === request.path) &&
    (method === undefined || method === request.method) &&
    (fieldSelector === undefined || fieldSelector === request.query['fieldSelector']) &&
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

function sendChange({ target, query, stream }: Watcher, { type, collection, object }: Change): void {
  const isInside = target.namespace === undefined || target.namespace === object.metadata.namespace;
  if (collection === target.collection && isInside && selects(query, object)) stream.send({ type, object });
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
