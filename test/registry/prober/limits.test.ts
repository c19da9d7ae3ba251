import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import {
  createLimiter,
  createRecentMap,
  createSingleFlight,
  type Limiter,
} from '../../../src/registry/prober/limits.ts';
import { settle } from './probing.ts';

/** Starts tasks that end when they are told to. */
function startTasks(limiter: Limiter, atOnce: number) {
  const started: string[] = [];
  const ends = new Map<string, (error?: Error) => void>();
  const results: Promise<unknown>[] = [];
  const run = (group: string, name: string, namespace = name): boolean => {
    const work = async (): Promise<string> => {
      started.push(name);
      await new Promise<void>((resolve, reject) => {
        ends.set(name, (error) => {
          if (error === undefined) resolve();
          else reject(error);
        });
      });
      return name;
    };
    const result = limiter.run({ group, atOnce, namespace, run: work });
    if (result !== undefined) results.push(result.catch(() => `${name} failed`));
    return result !== undefined;
  };
  const end = async (name: string, error?: Error): Promise<void> => {
    ends.get(name)?.(error);
    await settle();
  };
  return { run, end, started, results };
}

test('a group runs so many at a time, the others in their order, and does not wait for another one', async () => {
  const { run, end, started, results } = startTasks(createLimiter(100), 2);
  for (const name of ['a', 'b', 'c', 'd']) run('registry', name);
  run('other', 'x');
  expect(started).toEqual(['a', 'b', 'x']);
  await end('b');
  expect(started).toEqual(['a', 'b', 'x', 'c']);
  await end('a', new Error('no'));
  expect(started).toEqual(['a', 'b', 'x', 'c', 'd']);
  for (const name of ['c', 'd', 'x']) await end(name);
  expect(await Promise.all(results)).toEqual(['a failed', 'b', 'c', 'd', 'x']);
});

test('without a place a task is refused and never runs, and there is one for others when one is over', async () => {
  const limiter = createLimiter(4);
  const { run, end, started } = startTasks(limiter, 1);
  expect([run('a', 'a1', 'web'), limiter.isFull('b', 'web'), run('b', 'b1', 'web')]).toEqual([true, true, false]);
  expect(['a2', 'a3', 'a4'].map((name) => run('a', name))).toEqual([true, true, true]);
  expect([limiter.isFull('c', 'shop'), run('c', 'c1', 'shop')]).toEqual([true, false]);
  for (const name of ['a1', 'a2', 'a3', 'a4']) await end(name);
  expect(started).toEqual(['a1', 'a2', 'a3', 'a4']);
  expect([limiter.running(), run('c', 'c2', 'web')]).toEqual([0, true]);
});

test('a namespace with hundreds of slow tasks leaves the next one a place at once, or the next turn but one', async () => {
  for (const [atOnce, places] of [
    [8, 4],
    [1, 1],
  ] as const) {
    const { run, end, started } = startTasks(createLimiter(1000), atOnce);
    for (let at = 0; at < 300; at++) run('registry', `slow ${at}`, 'shop');
    expect(started).toHaveLength(places);
    run('registry', 'mine', 'web');
    for (const name of atOnce === 1 ? ['slow 0', 'slow 1'] : []) await end(name);
    expect(started.at(-1)).toBe('mine');
  }
});

test('whatever comes, nobody has more than a share, all that was taken is done, and namespaces take turns', async () => {
  const task = fc.record({
    group: fc.constantFrom('a', 'b', 'c'),
    namespace: fc.constantFrom('web', 'shop', 'shop', 'shop', 'dev'),
    turns: fc.integer({ min: 0, max: 5 }),
    pause: fc.integer({ min: 0, max: 1 }),
  });
  const limits = [
    fc.array(task, { maxLength: 60 }),
    fc.integer({ min: 1, max: 5 }),
    fc.integer({ min: 1, max: 60 }),
  ] as const;
  await fc.assert(
    fc.asyncProperty(...limits, async (tasks, atOnce, most) => {
      const limiter = createLimiter(most);
      const count = new Map<string, number>();
      const get = (...of: readonly string[]): number => count.get(of.join()) ?? 0;
      const add = (by: number, ...of: readonly string[]): void => {
        count.set(of.join(), get(...of) + by);
      };
      /** How often others began since who waits with nothing that runs was last served. */
      const passed = new Map<string, string[]>();
      const promises: Promise<void>[] = [];
      for (const { group, namespace, turns, pause } of tasks) {
        for (let turn = 0; turn < pause; turn++) await Promise.resolve();
        const run = async (): Promise<void> => {
          add(1, group, 'runs');
          add(1, group, namespace, 'runs');
          add(-1, group, namespace, 'waits');
          expect(get(group, 'runs')).toBeLessThanOrEqual(atOnce);
          expect(get(group, namespace, 'runs')).toBeLessThanOrEqual(Math.ceil(atOnce / 2));
          passed.delete([group, namespace].join());
          for (const other of ['web', 'shop', 'dev']) {
            if (other === namespace || get(group, other, 'waits') === 0 || get(group, other, 'runs') > 0) continue;
            const key = [group, other].join();
            const others = passed.get(key) ?? [];
            expect(others).not.toContain(namespace);
            passed.set(key, [...others, namespace]);
          }
          for (let turn = 0; turn < turns; turn++) await Promise.resolve();
          add(-1, group, 'runs');
          add(-1, group, namespace, 'runs');
          add(-1, namespace, 'held');
        };
        add(1, group, namespace, 'waits');
        add(1, namespace, 'held');
        const isFull = limiter.isFull(group, namespace);
        const taken = limiter.run({ group, atOnce, namespace, run });
        expect(taken === undefined).toBe(isFull);
        if (taken !== undefined) {
          promises.push(taken);
          expect(get(namespace, 'held')).toBeLessThanOrEqual(Math.ceil(most / 4));
          continue;
        }
        add(-1, group, namespace, 'waits');
        add(-1, namespace, 'held');
      }
      await Promise.all(promises);
      expect([...count.values(), limiter.running()].every((each) => each === 0)).toBe(true);
    }),
  );
});

test('those who want the same at the same time get it from one attempt, and those who come later from another', async () => {
  const flights = createSingleFlight<number>();
  const ends: ((result: number) => void)[] = [];
  const start = vi.fn(async () => new Promise<number>((resolve) => ends.push(resolve)));
  const shared = [flights.share('a', start), flights.share('a', start), flights.share('b', start)];
  expect([flights.has('a'), flights.has('c')]).toEqual([true, false]);
  ends[0]?.(1);
  ends[1]?.(2);
  expect(await Promise.all(shared)).toEqual([1, 1, 2]);
  expect(flights.has('a')).toBe(false);
  void flights.share('a', start);
  expect(start).toHaveBeenCalledTimes(3);
});

test('a failure is everybody’s who waited, and is not kept', async () => {
  const flights = createSingleFlight<number>();
  const fail = async (): Promise<number> => Promise.reject(new Error('no'));
  const shared = [flights.share('a', fail), flights.share('a', fail)];
  expect((await Promise.allSettled(shared)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await flights.share('a', async () => Promise.resolve(7))).toBe(7);
});

test('a map never holds more than it may, nor a namespace more than its share, and lets go of what is oldest', () => {
  const step = fc.record({
    does: fc.constantFrom('set', 'get', 'delete'),
    key: fc.integer({ min: 0, max: 9 }).map(String),
    namespace: fc.constantFrom('web', 'shop', 'dev', 'ops', 'qa', 'it'),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), fc.integer({ min: 1, max: 12 }), (steps, most) => {
      const map = createRecentMap<{ key: string }>(() => most);
      const share = Math.ceil(most / 4);
      // The same in a list, oldest first.
      let model: Readonly<{ key: string; namespace: string }>[] = [];
      for (const { does, key, namespace } of steps) {
        const before = model.find((each) => each.key === key);
        if (does === 'get') expect(map.get(key)?.key).toBe(before?.key);
        if (does === 'set') map.set(key, { key }, namespace);
        if (does === 'delete') map.delete(key);
        const others = model.filter((each) => each !== before);
        if (does === 'delete' || (does === 'get' && before === undefined)) model = others;
        else if (does === 'get') model = [...others, before!];
        else {
          model = [...others, { key, namespace }];
          const own = model.filter((each) => each.namespace === namespace);
          if (own.length > share) model = model.filter((each) => each !== own[0]);
          model = model.slice(-most);
        }
        expect(map.size()).toBe(model.length);
      }
      expect(model.every(({ key }) => map.get(key)?.key === key)).toBe(true);
    }),
  );
});
