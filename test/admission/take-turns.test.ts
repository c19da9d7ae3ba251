import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createTurns } from '../../src/admission/take-turns.ts';

test('who has the least time left is never kept waiting by others', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 9 })), async (deadlines) => {
      const takeTurn = createTurns();
      const order: number[] = [];
      await Promise.all(
        deadlines.map(async (deadline) => {
          await takeTurn(deadline);
          order.push(deadline);
        }),
      );
      expect(order).toEqual(deadlines.toSorted((a, b) => a - b));
    }),
  );
});

test('who comes later and has less time left goes before those who wait', async () => {
  const takeTurn = createTurns();
  const order: string[] = [];
  const go = async (name: string, deadline: number): Promise<void> => {
    await takeTurn(deadline);
    order.push(name);
  };
  const first = go('first', 1).then(async () => go('urgent', 2));
  await Promise.all([first, go('second', 3), go('third', 4)]);
  expect(order).toEqual(['first', 'urgent', 'second', 'third']);
});

test('other work is done between two turns, such as to read what came in', async () => {
  let rounds = 0;
  const count = (): void => {
    rounds += 1;
    if (rounds < 100) setImmediate(count);
  };
  setImmediate(count);
  const takeTurn = createTurns();
  const turns = await Promise.all(
    [1, 2, 3].map(async (deadline) => {
      await takeTurn(deadline);
      return rounds;
    }),
  );
  expect(new Set(turns).size).toBe(3);
});
