import { expect, test, vi } from 'vitest';
import { createSingleFlight } from '../../../src/registry/prober/single-flight.ts';

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
