import { setTimeout as wait } from 'node:timers/promises';
import { readPath, readString } from '../../text/json.ts';
import { ApiError, type ApiServer, type KubernetesObject, type WatchEvent } from './api-server.ts';
import { boundText } from './api-failure.ts';
import { createBackoff, type BackoffOptions } from './backoff.ts';
import { createKeptObjects, type ObjectKey } from './kept-objects.ts';
import { listPages } from './list.ts';
import { reportOnce } from './report-once.ts';

export type { ObjectKey } from './kept-objects.ts';

export type ReflectorOptions<Kept> = Readonly<{
  api: ApiServer;
  /** The collection in all namespaces or in one: `/api/v1/secrets`, `/api/v1/namespaces/pullguard/secrets`. */
  path: string;
  /** `metadata.name=default-secret`: in all namespaces too this is what a role with `resourceNames` grants. */
  fieldSelector?: string;
  /** What is kept of an object; the object itself is let go, as are those that it returns undefined for. */
  keep: (object: KubernetesObject) => Kept | undefined;
  /** Whether nothing of what is kept has changed: then what was kept before stays, and nobody is told. */
  isSame?: ((before: Kept, after: Kept) => boolean) | undefined;
  /**
   * Told after an object came, changed (`kept`) or went (undefined). After each list it is told of every object in it, as
   * without `isSame` nobody knows which of them changed in the meantime.
   */
  onChange?: (key: ObjectKey, kept: Kept | undefined) => void;
  /** Told once of each distinct trouble until it is over; it is tried again by itself. */
  onError: (message: string) => void;
  timing?: ReflectorTiming;
}>;

export type ReflectorTiming = Readonly<{
  /** A watch on which nothing came for so long is dead; 150,000 unless told otherwise, as bookmarks come every minute. */
  idleMs?: number;
  /** For one page of a list. */
  pageTimeoutMs?: number;
  backoff?: BackoffOptions;
}>;

/** A copy of what the API server has in one collection, kept up to date by a watch. */
export type Reflector<Kept> = Readonly<{
  find: (namespace: string, name: string) => Kept | undefined;
  values: () => Iterable<readonly [ObjectKey, Kept]>;
  /** Whether the first list has ended. From then on it stays true, whatever becomes of the API server. */
  hasSynced: () => boolean;
  /** Resolves when the first list has ended, or when it is closed before that; never rejects. */
  synced: Promise<void>;
  /** Seconds since the API server last confirmed that this is the state of things; undefined before the first list. */
  ageSeconds: () => number | undefined;
  size: () => number;
  close: () => void;
}>;

/** How long a watch may last. Each takes another time in between, so that watches spread over the API servers there are. */
const SHORTEST_WATCH_S = 300;
const LONGEST_WATCH_S = 600;

/**
 * After so many watches in a row that were refused, or brought not even a bookmark, the version they begin at may be the
 * cause. When etcd was restored from a backup ours lies in the future: an API server accepts that, and stays silent.
 * Silence alone says little: one that has just started sends no bookmarks until something happens.
 */
const MAX_FRUITLESS = 5;

/**
 * Keeps up with a collection: reads it in pages, then watches it, and goes on from where it was when a watch ends. What is
 * known stays known without the API server.
 */
export function startReflector<Kept>(options: ReflectorOptions<Kept>): Reflector<Kept> {
  const { api, path, fieldSelector, keep, isSame, onChange = () => undefined, onError, timing = {} } = options;
  const { idleMs = 150_000, pageTimeoutMs: timeoutMs } = timing;
  const ending = new AbortController();
  const { signal } = ending;
  const reporter = reportOnce(onError);
  const objects = createKeptObjects({ path, keep, isSame, onChange, reporter });
  const backoff = createBackoff(timing.backoff);
  /** Where the next watch goes on; undefined when a list comes first. */
  let version: string | undefined;
  let confirmedAt: number | undefined;
  let openedAt: number | undefined;
  let fruitless = 0;
  let endWait: () => void = () => undefined;
  const synced = new Promise<void>((resolve) => {
    endWait = resolve;
  });

  void run();
  return {
    find: objects.find,
    values: objects.values,
    size: objects.size,
    synced,
    hasSynced: () => confirmedAt !== undefined,
    ageSeconds: () => (confirmedAt === undefined ? undefined : (performance.now() - confirmedAt) / 1000),
    close: () => {
      ending.abort();
      endWait();
    },
  };

  async function run(): Promise<void> {
    while (!isClosed()) {
      if (fruitless >= MAX_FRUITLESS) version = undefined;
      const step = version === undefined ? 'list' : 'watch';
      openedAt = undefined;
      const isDone = await attempt(step);
      if (isDone && step === 'list') continue;
      // Nobody's process is to live on for this; and when we are closed, waiting is over.
      await wait(backoff.next(openForMs()), undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  async function attempt(step: 'list' | 'watch'): Promise<boolean> {
    try {
      await (step === 'list' ? list() : watch());
      return true;
    } catch (error) {
      if (!isClosed()) dealWith(step, error);
      return false;
    }
  }

  async function list(): Promise<void> {
    const listing = objects.beginList();
    const settings = {
      ...(fieldSelector !== undefined && { fieldSelector }),
      ...(timeoutMs !== undefined && { timeoutMs }),
    };
    let listed = '';
    for await (const { items, resourceVersion } of listPages(api, path, { ...settings, signal })) {
      for (const item of items) listing.add(item);
      listed = resourceVersion;
    }
    if (isClosed()) return;
    listing.end();
    version = listed;
    fruitless = 0;
    confirmedAt = performance.now();
    reporter.clear('list');
    endWait();
  }

  async function watch(): Promise<void> {
    const timeoutSeconds = SHORTEST_WATCH_S + Math.floor(Math.random() * (LONGEST_WATCH_S - SHORTEST_WATCH_S));
    const query = { resourceVersion: version, fieldSelector, allowWatchBookmarks: true, timeoutSeconds };
    const onOpen = (): void => {
      openedAt = performance.now();
      confirmedAt = openedAt;
      fruitless += 1;
    };
    for await (const event of api.watch(path, { query, signal, idleMs, onOpen })) take(event);
  }

  function take({ type, object }: WatchEvent): void {
    if (type === 'ERROR') throw toApiError(object);
    confirmedAt = performance.now();
    fruitless = 0;
    reporter.clear('watch');
    const theirs = readString(object, 'metadata', 'resourceVersion');
    if (isOlder(theirs, version)) return;
    if (theirs !== '') version = theirs;
    if (type === 'DELETED') objects.drop(object as KubernetesObject);
    else if (type !== 'BOOKMARK') objects.put(object as KubernetesObject);
  }

  function dealWith(step: 'list' | 'watch', error: unknown): void {
    const status = error instanceof ApiError ? error.status : undefined;
    if (openedAt === undefined && status !== undefined) fruitless += 1;
    // A moment that is forgotten is nobody's fault.
    const isForgotten = step === 'watch' && status === 410;
    if (isForgotten) version = undefined;
    // A lost connection is none either, as long as there is another one: the next attempt shows that.
    const isLost = error instanceof ApiError && status === undefined && openedAt !== undefined;
    if (isForgotten || isLost) return;
    reporter.report(step, describe(step, error));
  }

  function isClosed(): boolean {
    return signal.aborted;
  }

  function openForMs(): number {
    return openedAt === undefined ? 0 : performance.now() - openedAt;
  }

  function describe(step: 'list' | 'watch', error: unknown): string {
    const where = fieldSelector === undefined ? path : `${path} where ${fieldSelector}`;
    const role = error instanceof ApiError && error.status === 403 ? `no role grants the verb ${step} on it; ` : '';
    return `cannot ${step} ${where}: ${role}${error instanceof Error ? error.message : String(error)}`;
  }
}

/** What an event of type ERROR holds is what would have been the answer, had the watch not begun already. */
function toApiError(object: unknown): ApiError {
  const code = readPath(object, 'code');
  const said = boundText(readString(object, 'message'));
  return new ApiError(`the API server ended it with ${said === '' ? 'an error that it does not name' : said}`, {
    status: typeof code === 'number' ? code : 500,
    reason: boundText(readString(object, 'reason')),
  });
}

/** An event from before what we know. Versions are numbers that grow, where they are numbers. */
function isOlder(theirs: string, ours: string | undefined): boolean {
  const isNumber = /^\d+$/;
  return isNumber.test(theirs) && ours !== undefined && isNumber.test(ours) && BigInt(theirs) <= BigInt(ours);
}
