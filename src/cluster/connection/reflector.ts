import { describeError } from '../../text/error.ts';
import { readPath, readString } from '../../text/json.ts';
import { boundText } from './api-failure.ts';
import { ApiError, TooLargeError, type ApiServer, type KubernetesObject, type WatchEvent } from './api-server.ts';
import { createKeptObjects, type KeptObjects, type KeptObjectsOptions } from './kept-objects.ts';
import { listPages } from './list.ts';
import { createBackoff, pause, reportOnce } from './retry.ts';

export type ReflectorOptions<Kept> = KeptObjectsOptions<Kept> &
  Readonly<{
    api: ApiServer;
    /** `metadata.name=default-secret`: in all namespaces too this is what a role with `resourceNames` grants. */
    fieldSelector?: string | undefined;
    /** Called once for each distinct problem until it is over; it is tried again by itself. */
    onError: (message: string) => void;
    /** Where objects go, instead of being kept. */
    objects?: KeptObjects<Kept>;
  }>;

/** A copy of what the API server has in one collection, kept up to date by a watch. */
export type Reflector<Kept> = Pick<KeptObjects<Kept>, 'find' | 'mayHold' | 'isWhole' | 'values' | 'size'> &
  Readonly<{
    /** Whether the first list has ended. From then on it stays true, whatever becomes of the API server. */
    hasSynced: () => boolean;
    /** Resolves when the first list has ended, or when it is closed before that; never rejects. */
    synced: Promise<void>;
    /** Seconds since the API server last confirmed that this is the state of things; undefined before the first list. */
    ageSeconds: () => number | undefined;
    close: () => void;
  }>;

/** A watch on which nothing came for so long is dead, as bookmarks come every minute. */
const IDLE_MS = 150_000;

/** How long a watch may last. Each takes another time in between, so that watches spread over the API servers there are. */
const SHORTEST_WATCH_S = 300;
const LONGEST_WATCH_S = 600;

/**
 * After so many watches in a row that were refused, or brought not even a bookmark, the version they begin at may be the
 * cause: after a restore of etcd ours lies in the future, which an API server accepts without a word. Once says little, as
 * one that has just started sends no bookmarks until something happens.
 */
const MAX_FRUITLESS = 5;

/** Reads a collection in pages, then watches it, and resumes where it was when a watch ends. What is known stays known. */
export function startReflector<Kept>(options: ReflectorOptions<Kept>): Reflector<Kept> {
  const { api, path, fieldSelector } = options;
  const ending = new AbortController();
  const { signal } = ending;
  const reporter = reportOnce(options.onError);
  const objects = options.objects ?? createKeptObjects(options);
  const nextWaitMs = createBackoff();
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
    mayHold: objects.mayHold,
    isWhole: objects.isWhole,
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
      // A watch does not repeat what was dropped.
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
    // That a version expires is normal.
    const isExpired = step === 'watch' && status === 410;
    // It is unknown which object was too large; a list skips it.
    if (isExpired || error instanceof TooLargeError) version = undefined;
    // So is a lost connection, as long as there is another one: the next attempt shows that.
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

/** What an event of type ERROR holds is what would have been the answer, had the watch not begun already. */
function toApiError(object: unknown): ApiError {
  const code = readPath(object, 'code');
  const said = boundText(readString(object, 'message'));
  return new ApiError(`the API server ended it with ${said === '' ? 'an error without a message' : said}`, {
    status: typeof code === 'number' ? code : 500,
    reason: boundText(readString(object, 'reason')),
  });
}
