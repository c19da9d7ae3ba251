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
