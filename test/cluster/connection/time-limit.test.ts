import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { limitTime } from '../../../src/cluster/connection/time-limit.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('fires when the time is over, counted from the last start', () => {
  const limit = limitTime();
  limit.start(100);
  vi.advanceTimersByTime(99);
  limit.start(100);
  vi.advanceTimersByTime(99);
  expect(limit.signal.aborted).toBe(false);
  vi.advanceTimersByTime(1);
  expect([limit.signal.aborted, limit.ranOut()]).toEqual([true, true]);
});

test('does not fire when it is stopped, or started without an end', () => {
  const limits = [limitTime(), limitTime()];
  for (const limit of limits) limit.start(100);
  limits[0]?.stop();
  limits[1]?.start(0);
  vi.advanceTimersByTime(1000);
  expect(limits.map(({ signal }) => signal.aborted)).toEqual([false, false]);
});

// Told apart in messages: "no answer within 10 s" would send people looking for what is not there.
test.each([
  ['before', true],
  ['after', false],
])('a caller who gives up %s it began did not run out of time', (_when, isBefore) => {
  const caller = new AbortController();
  if (isBefore) caller.abort();
  const limit = limitTime(caller.signal);
  limit.start(100);
  caller.abort();
  vi.advanceTimersByTime(100);
  expect([limit.signal.aborted, limit.ranOut()]).toEqual([true, false]);
});

// The caller's signal may live for months, with a call every few seconds.
test('leaves nothing behind in the signal of the caller', () => {
  const caller = new AbortController();
  const limit = limitTime(caller.signal);
  limit.start(100);
  limit.close();
  expect(limit.signal.aborted).toBe(true);
  expect(getEventListeners(caller.signal, 'abort')).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});
