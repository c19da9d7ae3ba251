import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createServerClock } from '../../../src/cluster/connection/server-clock.ts';

const NOON = Date.parse('2026-01-01T12:00:00.000Z');

beforeEach(() => {
  vi.useFakeTimers({ now: NOON });
});
afterEach(() => {
  vi.useRealTimers();
});

// A certificate made by a clock that is behind is not valid yet to the API server, which then calls no webhook.
test.each<[says: string, header: string | null, aheadMs: number]>([
  ['nothing', null, 0],
  ['something else', 'soon', 0],
  ['the same second', 'Thu, 01 Jan 2026 12:00:00 GMT', 0],
  ['a second that a slow answer explains', 'Thu, 01 Jan 2026 11:59:58 GMT', 0],
  ['an hour more', 'Thu, 01 Jan 2026 13:00:00 GMT', 3_600_500],
  ['three seconds less', 'Thu, 01 Jan 2026 11:59:57 GMT', -2500],
])('when an answer says %s', (_says, header, aheadMs) => {
  const clock = createServerClock();
  clock.learn(header);
  expect(clock.now().getTime() - NOON).toBe(aheadMs);
});

test('the latest answer counts, and time goes on', () => {
  const clock = createServerClock();
  clock.learn('Thu, 01 Jan 2026 13:00:00 GMT');
  vi.advanceTimersByTime(60_000);
  expect(clock.now().getTime()).toBe(NOON + 3_660_500);
  clock.learn('not a date');
  expect(clock.now().getTime()).toBe(NOON + 3_660_500);
  clock.learn('Thu, 01 Jan 2026 12:01:00 GMT');
  expect(clock.now().getTime()).toBe(NOON + 60_000);
});
