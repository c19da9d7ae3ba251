import { describeError } from '../../text/error.ts';
import { readPath, readString } from '../../text/json.ts';
import { boundText } from './api-failure.ts';
import { ApiError, TooLargeError, type ApiServer, type KubernetesObject, type WatchEvent } from './api-server.ts';
import { createKeptObjects, type KeptObjects, type KeptObjectsOptions } from './kept-objects.ts';
import { listPages } from './list.ts';
import { createBackoff, pause, reportOnce } from './retry.ts';

type FollowOptions = Readonly<{
  api: ApiServer;
  /** The path of the collection: `/api/v1/secrets`. */
  path: string;
  /** `metadata.name=default-secret`: a role with `resourceNames` grants it, also in all namespaces. */
  fieldSelector?: string | undefined;
  /** Called once for each distinct problem until it is solved; failed attempts are retried. */
  onError: (message: string) => void;
}>;

/** Receives the objects of a collection as they are listed and change. */
export type ObjectSink = Pick<KeptObjects<unknown>, 'put' | 'passOver' | 'drop' | 'beginList' | 'hasRoomAgain'>;

/** A collection of the API server that is followed by a watch. */
export type Followed = Readonly<{
  /** Whether the first list is complete. Stays true, even if the API server cannot be reached later. */
  hasSynced: () => boolean;
  /** Resolves when the first list is complete, or when this is closed before that; never rejects. */
  synced: Promise<void>;
  /** Seconds since the API server last confirmed that this is up to date; undefined before the first list. */
  ageSeconds: () => number | undefined;
  close: () => void;
}>;

export type ReflectorOptions<Kept> = FollowOptions & KeptObjectsOptions<Kept>;

/** A copy of a collection, kept up to date by a watch. */
export type Reflector<Kept> = Followed & Pick<KeptObjects<Kept>, 'find' | 'mayHold' | 'isWhole' | 'values' | 'size'>;

/** A watch without any event for this time is broken, as bookmarks come every minute. */
const IDLE_MS = 150_000;

/** How long a watch may last. The times are random, so that watches spread over several API servers. */
const SHORTEST_WATCH_S = 300;
const LONGEST_WATCH_S = 600;

/**
 * After this many watches in a row that were refused, or brought not even a bookmark, their resourceVersion may be the cause:
 * after a restore of etcd it is in the future, which an API server silently accepts. One such watch is normal, as an API server
 * that has just started sends no bookmarks until something happens.
 */
const MAX_FRUITLESS = 5;

/** Keeps a copy of a collection. Known objects stay while the API server cannot be reached. */
export function startReflector<Kept>(options: ReflectorOptions<Kept>): Reflector<Kept> {
  const { find, mayHold, isWhole, values, size, ...sink } = createKeptObjects(options);
  return { ...follow(options, sink), find, mayHold, isWhole, values, size };
}

/** Reads a collection in pages, then watches it, and continues from the last version when a watch ends. */
export function follow({ api, path, fieldSelector, onError }: FollowOptions, objects: ObjectSink): Followed {
  const ending = new AbortController();
  const { signal } = ending;
  const reporter = reportOnce(onError);
  const nextWaitMs = createBackoff();
  /** The version at which the next watch starts; undefined to list first. */
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
      // A watch does not send dropped objects again.
      if (objects.hasRoomAgain()) version = undefined;
      await pause(nextWaitMs(openForMs()), signal);
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
    let listed = '';
    for await (const { items, resourceVersion, tooLarge } of listPages(api, path, { fieldSelector, signal })) {
      for (const item of items) listing.add(item);
      if (tooLarge !== undefined) listing.passOver(tooLarge);
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
    for await (const event of api.watch(path, { query, signal, idleMs: IDLE_MS, onOpen })) take(event);
  }

  function take({ type, object, isTooLarge }: WatchEvent): void {
    if (type === 'ERROR') throw toApiError(object);
    confirmedAt = performance.now();
    fruitless = 0;
    reporter.clear('watch');
    const theirs = readString(object, 'metadata', 'resourceVersion');
    if (theirs !== '') version = theirs;
    if (type === 'DELETED') objects.drop(object as KubernetesObject);
    else if (isTooLarge === true) objects.passOver(object as KubernetesObject);
    else if (type !== 'BOOKMARK') objects.put(object as KubernetesObject);
  }

  function dealWith(step: 'list' | 'watch', error: unknown): void {
    const status = error instanceof ApiError ? error.status : undefined;
    if (openedAt === undefined && status !== undefined) fruitless += 1;
    // It is normal that a version expires.
    const isExpired = step === 'watch' && status === 410;
    // It is unknown which object was too large; a list skips it.
    if (isExpired || error instanceof TooLargeError) version = undefined;
    // A lost connection is normal too, as long as there is a new one: the next attempt shows that.
    const isLost = error instanceof ApiError && status === undefined && openedAt !== undefined;
    if (isExpired || isLost) return;
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
    const role = error instanceof ApiError && error.status === 403 ? `missing permission for ${step}: ` : '';
    return `cannot ${step} ${where}: ${role}${describeError(error)}`;
  }
}

/** An ERROR event contains the response that would have been sent if the watch had not started yet. */
function toApiError(object: unknown): ApiError {
  const code = readPath(object, 'code');
  const said = boundText(readString(object, 'message'));
  return new ApiError(`the API server ended it with ${said === '' ? 'an error without a message' : said}`, {
    status: typeof code === 'number' ? code : 500,
    reason: boundText(readString(object, 'reason')),
  });
}
