import { describe, expect, test } from 'vitest';
import type { ImageAnswer } from '../../../src/cause/answer.ts';
import { createAnswerCache, type AnswerCache } from '../../../src/registry/prober/answer-cache.ts';
import {
  BROKEN,
  CERTIFICATE,
  DENIED,
  NO_IMAGE,
  NO_REPOSITORY,
  OK,
  RATE_LIMITED,
  SETTINGS,
  stoppedClock,
  UNREACHABLE,
  type Clock,
} from './probing.ts';

const { positiveMs, negativeMs, errorMs } = SETTINGS;

function createCache(): { cache: AnswerCache; clock: Clock } {
  const clock = stoppedClock();
  return { cache: createAnswerCache(() => SETTINGS, clock.now), clock };
}

function limitedFor(milliseconds: number): ImageAnswer {
  return { ...RATE_LIMITED, outcome: 'failed', cause: 'rate-limited', endsAt: stoppedClock().now() + milliseconds };
}

test.each<[what: string, answer: ImageAnswer | undefined, milliseconds: number]>([
  ['that it is there', OK, positiveMs],
  ['that it is denied', DENIED, negativeMs],
  ['that the repository is not there', NO_REPOSITORY, negativeMs],
  ['that the image is not there', NO_IMAGE, negativeMs],
  ['a wrong certificate', CERTIFICATE, errorMs],
  ['that nobody answers', UNREACHABLE, errorMs],
  ['that it is broken', BROKEN, errorMs],
  ['that it may not be asked', undefined, errorMs],
  ['a limit without an end', RATE_LIMITED, errorMs],
  ['a limit that ends soon', limitedFor(1000), errorMs],
  ['a limit until then', limitedFor(60_000), 60_000],
  ['a limit for hours', limitedFor(6 * 3_600_000), positiveMs],
])('%s is good for as long as the policy says', (_what, answer, milliseconds) => {
  const { cache, clock } = createCache();
  cache.keep('a', answer);
  clock.pass(milliseconds - 1);
  expect(cache.find('a')).toMatchObject({ answer });
  clock.pass(1);
  expect(cache.find('a')).toBeUndefined();
});

describe('an image that is there', () => {
  test('is worth to be asked about again after half of that time', () => {
    const { cache, clock } = createCache();
    cache.keep('a', OK);
    expect(cache.find('a')?.renewAt).toBe(clock.now() + positiveMs / 2);
  });

  test.each([
    ['nobody answers', UNREACHABLE],
    ['it is broken', BROKEN],
    ['it limits us', RATE_LIMITED],
    ['it may not be asked', undefined],
  ])('stays there if %s when it is asked about again, until its time is over', (_what, answer) => {
    const { cache, clock } = createCache();
    cache.keep('a', OK);
    clock.pass(positiveMs / 2);
    cache.keep('a', answer);
    expect(cache.find('a')).toMatchObject({ answer: OK, renewAt: clock.now() + errorMs });
    clock.pass(positiveMs / 2);
    expect(cache.find('a')).toBeUndefined();
    cache.keep('a', answer);
    expect(cache.find('a')).toMatchObject({ answer });
  });

  test.each([DENIED, NO_REPOSITORY, NO_IMAGE, CERTIFICATE])('is gone at once if the registry says so: %j', (answer) => {
    const { cache } = createCache();
    cache.keep('a', OK);
    cache.keep('a', answer);
    expect(cache.find('a')).toMatchObject({ answer });
  });

  test('is asked about again by one for all', () => {
    const { cache, clock } = createCache();
    cache.keep('a', OK);
    clock.pass(positiveMs / 2);
    cache.postpone('a');
    cache.postpone('unknown');
    expect(cache.find('a')).toMatchObject({ answer: OK, renewAt: clock.now() + errorMs });
    expect(cache.size()).toBe(1);
  });
});

test('answers are no more than the policy allows', () => {
  const cache = createAnswerCache(() => ({ ...SETTINGS, entries: 10 }), stoppedClock().now);
  for (let at = 0; at < 1000; at++) cache.keep(`image ${at}`, OK);
  expect([cache.size(), cache.find('image 999')?.answer, cache.find('image 989')]).toEqual([10, OK, undefined]);
});
