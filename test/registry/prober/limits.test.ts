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
  const run = (group: string, name: string): boolean => {
    const result = limiter.run(group, atOnce, async () => {
      started.push(name);
      await new Promise<void>((resolve, reject) => {
        ends.set(name, (error) => {
          if (error === undefined) resolve();
          else reject(error);
        });
      });
      return name;
    });
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

test('without room to wait a task is refused and never runs, while groups with room still run theirs', async () => {
  const limiter = createLimiter(2);
  const { run, end, started } = startTasks(limiter, 1);
  expect(['a1', 'a2', 'a3'].map((name) => run('a', name))).toEqual([true, true, true]);
  expect([limiter.isFull('a', 1), run('a', 'a4')]).toEqual([true, false]);
  expect([limiter.isFull('b', 1), run('b', 'b1')]).toEqual([false, true]);
  // Two run, as many as may at all.
  expect([limiter.isFull('c', 1), run('c', 'c1')]).toEqual([true, false]);
  for (const name of ['a1', 'b1', 'a2', 'a3']) await end(name);
  expect(started).toEqual(['a1', 'b1', 'a2', 'a3']);
  expect([limiter.running(), run('c', 'c2')]).toEqual([0, true]);
});

test('whatever comes, a group never has more running than it may, and all that was taken is done', async () => {
  const task = fc.record({ group: fc.constantFrom('a', 'b', 'c'), turns: fc.integer({ min: 0, max: 5 }) });
  await fc.assert(
    fc.asyncProperty(fc.array(task, { maxLength: 40 }), fc.integer({ min: 1, max: 4 }), async (tasks, atOnce) => {
      const limiter = createLimiter(10);
      const running = new Map<string, number>();
      let done = 0;
      const taken = tasks.map(({ group, turns }) =>
        limiter.run(group, atOnce, async () => {
          const now = (running.get(group) ?? 0) + 1;
          expect(now).toBeLessThanOrEqual(atOnce);
          running.set(group, now);
          for (let turn = 0; turn < turns; turn++) await Promise.resolve();
          running.set(group, (running.get(group) ?? 0) - 1);
          done++;
        }),
      );
      const promises = taken.filter((each) => each !== undefined);
      await Promise.all(promises);
      expect([done, limiter.running()]).toEqual([promises.length, 0]);
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

test('a map never holds more than it may, and what it lets go of was asked for the longest ago', () => {
  const step = fc.record({
    does: fc.constantFrom('set', 'get', 'delete'),
    key: fc.integer({ min: 0, max: 9 }).map(String),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), fc.integer({ min: 1, max: 6 }), (steps, most) => {
      const map = createRecentMap<{ key: string }>(() => most);
      // The same in a list, oldest first.
      let model: string[] = [];
      for (const { does, key } of steps) {
        const isThere = model.includes(key);
        if (does === 'get') expect(map.get(key)?.key).toBe(isThere ? key : undefined);
        if (does === 'set') map.set(key, { key });
        if (does === 'delete') map.delete(key);
        const others = model.filter((each) => each !== key);
        const stays = does === 'set' || (does === 'get' && isThere);
        model = stays ? [...others, key].slice(-most) : others;
        expect(map.size()).toBe(model.length);
      }
      expect(model.every((key) => map.get(key)?.key === key)).toBe(true);
    }),
  );
});
