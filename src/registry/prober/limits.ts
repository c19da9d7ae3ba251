/** Keeps how much is done at a time within limits, each group for itself. */
export type Limiter = Readonly<{
  /**
   * Runs a task now or when fewer than `atOnce` of its group are running, oldest first; undefined when there is no room
   * to wait, and then it never runs.
   */
  run: <Result>(group: string, atOnce: number, task: () => Promise<Result>) => Promise<Result> | undefined;
  /** Whether `run` would give undefined. */
  isFull: (group: string, atOnce: number) => boolean;
  running: () => number;
}>;

type Group = { running: number; readonly waiting: (() => void)[] };

/** `most` is how many tasks of all groups may run, and as many may wait. A group does not wait for another one. */
export function createLimiter(most: number): Limiter {
  const groups = new Map<string, Group>();
  let running = 0;
  let waiting = 0;

  return {
    run: (name, atOnce, task) => {
      if (isFull(name, atOnce)) return undefined;
      const group = groups.get(name) ?? { running: 0, waiting: [] };
      groups.set(name, group);
      if (group.running >= atOnce) return waitAndRun(name, group, task);
      group.running += 1;
      running += 1;
      return runInPlace(name, group, task);
    },
    isFull,
    running: () => running,
  };

  function isFull(name: string, atOnce: number): boolean {
    const mustWait = (groups.get(name)?.running ?? 0) >= atOnce;
    return (mustWait ? waiting : running) >= most;
  }

  async function waitAndRun<Result>(name: string, group: Group, task: () => Promise<Result>): Promise<Result> {
    waiting += 1;
    await new Promise<void>((resolve) => group.waiting.push(resolve));
    return runInPlace(name, group, task);
  }

  async function runInPlace<Result>(name: string, group: Group, task: () => Promise<Result>): Promise<Result> {
    try {
      return await task();
    } finally {
      handOn(name, group);
    }
  }

  /** The place goes straight to who waits, so that nobody comes in between. */
  function handOn(name: string, group: Group): void {
    const next = group.waiting.shift();
    if (next !== undefined) {
      waiting -= 1;
      next();
      return;
    }
    group.running -= 1;
    running -= 1;
    if (group.running === 0) groups.delete(name);
  }
}

/** Lets those who want the same thing at the same time have it from one attempt. */
export type SingleFlight<Result> = Readonly<{
  /** What `start` comes to, or an attempt under way for the same key. */
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

/** A map that holds so many entries at most, and lets go of those that were not asked for the longest. */
export type RecentMap<Value> = Readonly<{
  get: (key: string) => Value | undefined;
  set: (key: string, value: Value) => void;
  delete: (key: string) => void;
  size: () => number;
}>;

/** `most` is asked each time, as a policy may change it. */
export function createRecentMap<Value extends object>(most: () => number): RecentMap<Value> {
  // A Map goes through its entries in the order in which they were put in.
  const entries = new Map<string, Value>();
  const set = (key: string, value: Value): void => {
    entries.delete(key);
    entries.set(key, value);
    for (const [oldest] of entries) {
      if (entries.size <= most()) break;
      entries.delete(oldest);
    }
  };
  return {
    get: (key) => {
      const value = entries.get(key);
      if (value !== undefined) set(key, value);
      return value;
    },
    set,
    delete: (key) => entries.delete(key),
    size: () => entries.size,
  };
}
