import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { limitPhases, type PhaseLimit } from '../../../src/registry/exchange/phase-limit.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

test.each<[why: string, act: (limit: PhaseLimit) => void, over: boolean]>([
  [
    'a phase that takes too long',
    (limit) => {
      limit.begin(40);
      pass(40);
    },
    true,
  ],
  [
    'phases in time',
    (limit) => {
      limit.begin(40);
      pass(39);
      limit.begin(40);
      pass(39);
    },
    false,
  ],
  [
    'the last of them too long',
    (limit) => {
      limit.begin(40);
      pass(39);
      limit.begin(40);
      pass(40);
    },
    true,
  ],
  [
    'a phase that has ended',
    (limit) => {
      limit.begin(40);
      limit.end();
      pass(99);
    },
    false,
  ],
  [
    'all of it too long, each phase in time',
    (limit) => {
      for (const ms of [40, 40, 40]) {
        limit.begin(ms);
        pass(ms - 1);
      }
    },
    true,
  ],
  [
    'nothing after the end of it all',
    (limit) => {
      limit.begin(40);
      limit.close();
      limit.begin(40);
      pass(999);
    },
    false,
  ],
])('%s', (_why, act, over) => {
  const onOver = vi.fn();
  act(limitPhases(100, onOver));
  expect(onOver).toHaveBeenCalledTimes(over ? 1 : 0);
});

test('it is told once, and leaves no timer behind that would keep the process', () => {
  const onOver = vi.fn();
  const limit = limitPhases(100, onOver);
  limit.begin(40);
  pass(1000);
  limit.begin(40);
  pass(1000);
  expect(onOver).toHaveBeenCalledOnce();
  expect(vi.getTimerCount()).toBe(0);
});

function pass(ms: number): void {
  vi.advanceTimersByTime(ms);
}
