import { describe, expect, test } from 'vitest';
import type { ImageAnswer } from '../../../src/cause/answer.ts';
import { createAnswerCache, toAnswerKey, type CachedAnswer } from '../../../src/registry/prober/answer-cache.ts';
import { ANONYMOUS, createFingerprints, readQuestion } from '../../../src/registry/prober/question.ts';
import {
  BROKEN,
  CERTIFICATE,
  DENIED,
  NO_IMAGE,
  NO_REPOSITORY,
  OK,
  probingPolicy,
  question,
  RATE_LIMITED,
  SETTINGS,
  stoppedClock,
  UNREACHABLE,
} from './probing.ts';

const APP = 'registry.example.com/team/app:1';
const { positiveMs, negativeMs, errorMs } = SETTINGS;
const DAY = 86_400_000;

function createCache(settings = SETTINGS) {
  const clock = stoppedClock();
  return { cache: createAnswerCache(() => settings, createFingerprints(), clock), clock };
}

const limitedFor = (milliseconds: number): ImageAnswer => ({
  endpoint: 'registry.example.com:443',
  outcome: 'failed',
  cause: 'rate-limited',
  endsAt: stoppedClock().wallNow() + milliseconds,
});

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
  cache.keepAnswer('a', answer, 'web');
  clock.pass(milliseconds - 1);
  expect(cache.getAnswer('a')).toMatchObject({ answer });
  clock.pass(1);
  expect(cache.getAnswer('a')).toBeUndefined();
});

describe('an image that is there', () => {
  test.each([
    ['nobody answers', UNREACHABLE],
    ['it is broken', BROKEN],
    ['it limits us', RATE_LIMITED],
    ['it may not be asked', undefined],
  ])('stays there if %s when it is asked about again, until its time is over', (_what, answer) => {
    const { cache, clock } = createCache();
    cache.keepAnswer('a', OK, 'web');
    expect(cache.getAnswer('a')?.renewAt).toBe(clock.now() + positiveMs / 2);
    clock.pass(positiveMs / 2);
    cache.keepAnswer('a', answer, 'web');
    expect(cache.getAnswer('a')).toMatchObject({ answer: OK, renewAt: clock.now() + errorMs });
    clock.pass(positiveMs / 2);
    expect(cache.getAnswer('a')).toBeUndefined();
    cache.keepAnswer('a', answer, 'web');
    expect(cache.getAnswer('a')).toMatchObject({ answer });
  });

  test.each([DENIED, NO_REPOSITORY, NO_IMAGE, CERTIFICATE])('is gone at once if the registry says so: %j', (answer) => {
    const { cache } = createCache();
    cache.keepAnswer('a', OK, 'web');
    cache.keepAnswer('a', answer, 'web');
    expect(cache.getAnswer('a')).toMatchObject({ answer });
  });

  test('is asked about again by one for all', () => {
    const { cache, clock } = createCache();
    cache.keepAnswer('a', OK, 'web');
    clock.pass(positiveMs / 2);
    cache.postpone('a', 'web');
    cache.postpone('unknown', 'web');
    expect(cache.getAnswer('a')).toMatchObject({ answer: OK, renewAt: clock.now() + errorMs });
    expect(cache.size()).toBe(1);
  });
});

test('answers are no more than the policy allows, nor is what is known of secrets', () => {
  const { cache } = createCache({ ...SETTINGS, entries: 10 });
  const ask = (at: number) => readQuestion(question(APP, [`secret-${at}`], `web-${at}`), probingPolicy())!;
  for (let at = 0; at < 100; at++) {
    cache.keepAnswer(`image ${at}`, OK, `web-${at}`);
    cache.keepSecrets(ask(at), { fingerprints: [], isSure: true });
  }
  expect([cache.size(), cache.getAnswer('image 99')?.answer, cache.getAnswer('image 89')]).toEqual([10, OK, undefined]);
  expect([cache.get(ask(99)), cache.get(ask(89))]).toEqual([expect.anything(), undefined]);
});

test('a clock that is set makes no answer older or younger, and a limit still ends when the registry says', () => {
  const { cache, clock } = createCache();
  cache.keepAnswer('there', OK, 'web');
  clock.set(-DAY);
  cache.keepAnswer('missing', NO_IMAGE, 'web');
  cache.keepAnswer('limited', { ...limitedFor(60_000 - DAY) }, 'web');
  clock.set(2 * DAY);
  clock.pass(negativeMs - 1);
  expect(['there', 'missing', 'limited'].map((key) => cache.getAnswer(key) !== undefined)).toEqual([true, true, true]);
  clock.pass(1);
  expect(cache.getAnswer('missing')).toBeUndefined();
  clock.pass(60_000 - negativeMs - 1);
  expect(cache.getAnswer('limited')).toBeDefined();
  clock.pass(1);
  expect([cache.getAnswer('limited'), cache.getAnswer('there')?.answer]).toEqual([undefined, OK]);
  clock.pass(positiveMs);
  expect(cache.getAnswer('there')).toBeUndefined();
});

describe('what is known of a question', () => {
  type Known = Readonly<{ tried?: readonly string[]; isSure?: boolean; after?: number }>;

  /** After these answers to these people, some time after the pull secrets were read. */
  function getAfter(
    pullSecrets: readonly string[] | 'unknown',
    answers: Readonly<Record<string, ImageAnswer | undefined>>,
    { tried = Object.keys(answers), isSure = true, after = 0 }: Known = {},
  ): CachedAnswer | undefined {
    const clock = stoppedClock();
    // Answers last at first, as it is not their time that is looked at.
    let settings = { ...SETTINGS, positiveMs: DAY, negativeMs: DAY, errorMs: DAY };
    const cache = createAnswerCache(() => settings, createFingerprints(), clock);
    const asked = readQuestion(question(APP, pullSecrets), probingPolicy())!;
    for (const [who, answer] of Object.entries(answers)) cache.keepAnswer(toAnswerKey(APP, who), answer, 'web');
    cache.keepSecrets(asked, { fingerprints: tried, isSure });
    settings = SETTINGS;
    clock.pass(after);
    return cache.get(asked);
  }

  test('without pull secrets is what anybody is told, and nothing needs to be read, ever', () => {
    const hourLater = { after: 3_600_000 };
    expect(getAfter([], { [ANONYMOUS]: DENIED }, hourLater)).toMatchObject({ answer: DENIED, isTrusted: true });
  });

  test.each([
    [DENIED, undefined],
    [NO_IMAGE, { ...NO_IMAGE, mayBeHidden: true }],
    [OK, OK],
  ])('where nobody knows which secrets there are is not all of it: %j', (answer, told) => {
    expect(getAfter('unknown', { [ANONYMOUS]: answer })).toMatchObject({ answer: told, isTrusted: true });
    expect(getAfter(['one'], { a: answer }, { isSure: false })).toMatchObject({ answer: told });
  });

  test('is where kubelet ends, and open while one has not been asked, or the secrets were never read', () => {
    expect(getAfter(['one'], { a: DENIED, b: OK })).toMatchObject({ answer: OK });
    expect(getAfter(['one'], { a: DENIED }, { tried: ['a', 'b'] })).toBeUndefined();
    expect(createCache().cache.get(readQuestion(question(APP, ['one']), probingPolicy())!)).toBeUndefined();
  });

  test.each<[answer: ImageAnswer | undefined, milliseconds: number]>([
    [OK, positiveMs / 2],
    // Who mends the secret, and applies again, is not told of the old one.
    [DENIED, 1000],
    [NO_REPOSITORY, 1000],
    [NO_IMAGE, 1000],
    [RATE_LIMITED, 1000],
    // Of these no secret is the cause.
    [CERTIFICATE, errorMs],
    [UNREACHABLE, errorMs],
    [BROKEN, errorMs],
    [undefined, errorMs],
  ])('%j is trusted for so long without a look at the secrets: %d ms', (answer, milliseconds) => {
    const isTrusted = (after: number) => getAfter(['one'], { a: answer }, { after })?.isTrusted;
    expect([isTrusted(milliseconds - 1), isTrusted(milliseconds)]).toEqual([true, false]);
  });

  test('is nothing for a while of secrets that nobody could read', () => {
    expect(getAfter(['one'], {}, { isSure: false })).toEqual({ answer: undefined, isTrusted: true, isDue: false });
    expect(getAfter(['one'], {}, { isSure: false, after: errorMs })).toMatchObject({ isTrusted: false });
  });

  test('is due after half of the time for which an image is known to be there', () => {
    const isDue = (after: number) => getAfter([], { [ANONYMOUS]: OK }, { after })?.isDue;
    expect([isDue(DAY / 2 - 1), isDue(DAY / 2)]).toEqual([false, true]);
    expect(getAfter([], { [ANONYMOUS]: DENIED }, { after: DAY / 2 })?.isDue).toBe(false);
  });
});
