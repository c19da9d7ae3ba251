import { afterEach, expect, test, vi } from 'vitest';
import { createBackoff, pause, reportOnce } from '../../../src/cluster/connection/retry.ts';

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

// All replicas and all their watches would come back to a server that has just restarted at the same moment.
test.each([0, 0.5, 0.999_999])('waits are spread over a time that doubles with each failure: at %d of it', (share) => {
  vi.spyOn(Math, 'random').mockReturnValue(share);
  const nextWaitMs = createBackoff();
  const limits = [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000];
  for (const limitMs of limits) expect(nextWaitMs(0)).toBeCloseTo(share * limitMs, 0);
});

test('an attempt that lasted begins anew, one that failed soon does not', () => {
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  const nextWaitMs = createBackoff();
  expect([0, 9999, 10_000, 0].map(nextWaitMs)).toEqual([250, 500, 250, 500]);
});

test('a pause ends in time, or with the signal, and leaves no timer behind', async () => {
  vi.useFakeTimers();
  const ending = new AbortController();
  const ended: number[] = [];
  const pauses = [100, 1000].map(async (ms) => pause(ms, ending.signal).then(() => ended.push(ms)));
  await vi.advanceTimersByTimeAsync(100);
  expect(ended).toEqual([100]);
  ending.abort();
  await Promise.all([...pauses, pause(1000, ending.signal)]);
  expect([ended, vi.getTimerCount()]).toEqual([[100, 1000], 0]);
});

test('a problem is reported once until it is over, also when two take turns', () => {
  const reported: string[] = [];
  const reporter = reportOnce((problem) => reported.push(problem));
  for (let time = 0; time < 2; time++) {
    for (const problem of ['refused', 'no answer', 'refused', 'no answer']) reporter.report('secret', problem);
    reporter.report('lease', 'refused');
    reporter.clear('secret');
  }
  expect(reported).toEqual(['refused', 'no answer', 'refused', 'refused', 'no answer']);
});
