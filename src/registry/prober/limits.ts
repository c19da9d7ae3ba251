import { shareOfNamespace } from '../../text/bounds.ts';

/** A number of places shared by all namespaces. Each namespace can use a part of them. */
export type Places = Readonly<{
  isFull: (namespace: string) => boolean;
  /** Call only if `isFull` is false. */
  take: (namespace: string) => void;
  leave: (namespace: string) => void;
}>;

export function createPlaces(most: number): Places {
  const taken = new Map<string, number>();
  let total = 0;
  const change = (namespace: string, by: 1 | -1): void => {
    const count = (taken.get(namespace) ?? 0) + by;
    total += by;
    if (count === 0) taken.delete(namespace);
    else taken.set(namespace, count);
  };
  return {
    isFull: (namespace) => total >= most || (taken.get(namespace) ?? 0) >= shareOfNamespace(most),
    take: (namespace) => {
      change(namespace, 1);
    },
    leave: (namespace) => {
      change(namespace, -1);
    },
  };
}

/** A task, its namespace, and the group that it is limited with. */
export type Task<Result> = Readonly<{
  group: string;
  /** How many of the group may run at a time. A namespace gets at most half, so that a slow one does not stop all others. */
  atOnce: number;
  namespace: string;
  run: () => Promise<Result>;
}>;

/** Limits how many tasks run at a time, fairly between namespaces. */
export type Limiter = Readonly<{
  /**
   * Runs a task now or when there is room: namespaces take turns, the oldest task of each first. Undefined when there is no room
   * to wait; the task then never runs. Groups do not wait for each other.
   */
  run: <Result>(task: Task<Result>) => Promise<Result> | undefined;
  /** Whether `run` would return undefined. */
  isFull: (group: string, namespace: string) => boolean;
  running: () => number;
}>;

type Line = { running: number; readonly waiting: (() => void)[] };

/** `lines`: the queues of the namespaces, the next one first. */
type Group = { running: number; atOnce: number; readonly lines: Map<string, Line> };

/**
 * @param most how many tasks of all groups may run or wait. A namespace has a share of it, and each of its groups a share of
 * that.
 */
export function createLimiter(most: number): Limiter {
  const places = createPlaces(most);
  const groups = new Map<string, Group>();
  let running = 0;

  return {
    run: ({ group: name, atOnce, namespace, run }) => {
      if (isFull(name, namespace)) return undefined;
      places.take(namespace);
      const group = groups.get(name) ?? { running: 0, atOnce, lines: new Map<string, Line>() };
      groups.set(name, group);
      group.atOnce = atOnce;
      const line = group.lines.get(namespace) ?? { running: 0, waiting: [] };
      group.lines.set(namespace, line);
      return new Promise((resolve) => {
        line.waiting.push(() => {
          resolve(
            run().finally(() => {
              leave(name, group, namespace, line);
            }),
          );
        });
        startNext(group);
      });
    },
    isFull,
    running: () => running,
  };

  function isFull(name: string, namespace: string): boolean {
    const { running: runs = 0, waiting = [] } = groups.get(name)?.lines.get(namespace) ?? {};
    return places.isFull(namespace) || runs + waiting.length >= shareOfNamespace(shareOfNamespace(most));
  }

  function startNext(group: Group): void {
    for (const [namespace, line] of group.lines) {
      if (group.running >= group.atOnce) return;
      if (line.running >= Math.ceil(group.atOnce / 2)) continue;
      const start = line.waiting.shift();
      if (start === undefined) continue;
      // Move the namespace behind all others. A Map is iterated up to its end, so the namespace is reached again in this loop.
      group.lines.delete(namespace);
      group.lines.set(namespace, line);
      for (const each of [group, line]) each.running += 1;
      running += 1;
      start();
    }
  }

  function leave(name: string, group: Group, namespace: string, line: Line): void {
    places.leave(namespace);
    for (const each of [group, line]) each.running -= 1;
    running -= 1;
    if (line.running === 0 && line.waiting.length === 0) group.lines.delete(namespace);
    if (group.lines.size === 0) groups.delete(name);
    else startNext(group);
  }
}

/** Shares one attempt between concurrent callers with the same key. */
export type SingleFlight<Result> = Readonly<{
  /** The result of `start`, or of the attempt in progress for the same key. */
  share: (key: string, start: () => Promise<Result>) => Promise<Result>;
  has: (key: string) => boolean;
}>;

export function createSingleFlight<Result>(): SingleFlight<Result> {
  const flights = new Map<string, Promise<Result>>();
  return {
    has: (key) => flights.has(key),
    share: (key, start) => {
      const underWay = flights.get(key);
      if (underWay !== undefined) return underWay;
      const flight = start();
      const forget = (): void => {
        flights.delete(key);
      };
      flights.set(key, flight);
      flight.then(forget, forget);
      return flight;
    },
  };
}

/** A map with a limited number of entries, which drops the least recently used ones. */
export type RecentMap<Value> = Readonly<{
  get: (key: string) => Value | undefined;
  /** `namespace` is charged for the entry; a namespace above its share loses its own entries first. */
  set: (key: string, value: Value, namespace: string) => void;
  delete: (key: string) => void;
  size: () => number;
}>;

/** `most` is called each time, as a policy may change it. */
export function createRecentMap<Value extends object>(most: () => number): RecentMap<Value> {
  // Maps and Sets iterate in insertion order.
  const entries = new Map<string, Readonly<{ value: Value; namespace: string }>>();
  const keysOf = new Map<string, Set<string>>();

  return {
    get: (key) => {
      const entry = entries.get(key);
      if (entry !== undefined) put(key, entry);
      return entry?.value;
    },
    set: (key, value, namespace) => {
      const keys = put(key, { value, namespace });
      for (const oldest of keys) {
        if (keys.size <= shareOfNamespace(most())) break;
        remove(oldest);
      }
      for (const oldest of entries.keys()) {
        if (entries.size <= most()) break;
        remove(oldest);
      }
    },
    delete: remove,
    size: () => entries.size,
  };

  /** Returns the keys of the namespace, the newest last. */
  function put(key: string, entry: Readonly<{ value: Value; namespace: string }>): ReadonlySet<string> {
    remove(key);
    entries.set(key, entry);
    const keys = keysOf.get(entry.namespace) ?? new Set();
    keysOf.set(entry.namespace, keys.add(key));
    return keys;
  }

  function remove(key: string): void {
    const { namespace } = entries.get(key) ?? {};
    if (namespace === undefined) return;
    entries.delete(key);
    const keys = keysOf.get(namespace);
    keys?.delete(key);
    if (keys?.size === 0) keysOf.delete(namespace);
  }
}
