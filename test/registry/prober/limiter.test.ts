import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createLimiter, type Limiter } from '../../../src/registry/prober/limiter.ts';
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

describe('a group', () => {
  test('runs so many at a time, and the others in their order', async () => {
    const { run, end, started, results } = startTasks(createLimiter(100), 2);
    for (const name of ['a', 'b', 'c', 'd']) run('registry', name);
    expect(started).toEqual(['a', 'b']);
    await end('b');
    expect(started).toEqual(['a', 'b', 'c']);
    await end('a', new Error('no'));
    expect(started).toEqual(['a', 'b', 'c', 'd']);
    await end('c');
    await end('d');
    expect(await Promise.all(results)).toEqual(['a failed', 'b', 'c', 'd']);
  });

  test('does not wait for another one', () => {
    const { run, started } = startTasks(createLimiter(100), 1);
    for (const name of ['a1', 'a2', 'a3']) run('hangs', name);
    run('works', 'b1');
    expect(started).toEqual(['a1', 'b1']);
  });
});

describe('when there is no room to wait', () => {
  test('a task is refused and never runs, while groups with room still run theirs', async () => {
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
