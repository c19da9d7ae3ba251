import { describe, expect, test } from 'vitest';
import type { ImageAnswer } from '../../../src/cause/answer.ts';
import { ANONYMOUS } from '../../../src/registry/prober/fingerprint.ts';
import { readPull, type Pull } from '../../../src/registry/prober/pull.ts';
import { recall, toAccessKey, type Recalled } from '../../../src/registry/prober/recall.ts';
import { openSession, toAnswerKey, type Access } from '../../../src/registry/prober/session.ts';
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
const policy = probingPolicy();
const { positiveMs, errorMs } = SETTINGS;
const DAY = 86_400_000;

/** A key that can be read, for the test's sake. */
const plain = (text: string): string => text;

function pullOf(pullSecrets: readonly string[] | 'unknown', namespace?: string): Pull {
  return readPull(question(APP, pullSecrets, namespace), policy)!;
}

/** What is known after these answers to these people, some time after the pull secrets were read. */
function recallAfter(
  pull: Pull,
  answers: Readonly<Record<string, ImageAnswer | undefined>>,
  { access, after = 0 }: { access?: Partial<Access>; after?: number } = {},
): Recalled | undefined {
  const clock = stoppedClock();
  // Answers that last, as it is not their time that is looked at.
  const lasting = { ...SETTINGS, positiveMs: DAY, negativeMs: DAY, errorMs: DAY };
  const session = openSession(() => lasting, clock.now);
  for (const [who, answer] of Object.entries(answers)) session.answers.keep(toAnswerKey(APP, who), answer);
  const known = { fingerprints: Object.keys(answers), isSure: true, at: clock.now(), ...access };
  session.accesses.set(toAccessKey(pull, plain), known);
  clock.pass(after);
  return recall(session, pull, plain, { settings: SETTINGS, now: clock.now() });
}

describe('without pull secrets', () => {
  test('what anybody is told counts, and nothing needs to be read, ever', () => {
    const answered = recallAfter(pullOf([]), { [ANONYMOUS]: DENIED }, { after: 3_600_000 });
    expect(answered).toMatchObject({ answer: DENIED, isTrusted: true });
  });

  test.each([
    [DENIED, undefined],
    [NO_REPOSITORY, undefined],
    [NO_IMAGE, NO_IMAGE],
    [OK, OK],
  ])('where nobody knows which there are, not all of it is believed: %j', (answer, told) => {
    expect(recallAfter(pullOf('unknown'), { [ANONYMOUS]: answer })).toMatchObject({ answer: told, isTrusted: true });
  });
});

describe('with pull secrets', () => {
  const pull = pullOf(['one']);
  test.each<[what: string, answers: Readonly<Record<string, ImageAnswer | undefined>>, told: ImageAnswer | undefined]>([
    ['the first who is let in counts', { a: DENIED, b: OK, c: BROKEN }, OK],
    ['others are not tried when nobody answers', { a: UNREACHABLE, b: OK }, UNREACHABLE],
    ['nothing is said of what may not be asked', { a: undefined, b: OK }, undefined],
    ['the first failure counts when all fail', { a: DENIED, b: NO_REPOSITORY }, DENIED],
    ['who sees the repository knows better', { a: DENIED, b: NO_IMAGE }, NO_IMAGE],
  ])('%s', (_what, answers, told) => {
    expect(recallAfter(pull, answers)).toMatchObject({ answer: told, isTrusted: true });
  });

  test('one who was not asked yet leaves it open', () => {
    expect(recallAfter(pull, { a: DENIED }, { access: { fingerprints: ['a', 'b'] } })).toBeUndefined();
  });

  test('secrets that were never read leave it open', () => {
    const session = openSession(() => SETTINGS, stoppedClock().now);
    expect(recall(session, pull, plain, { settings: SETTINGS, now: 0 })).toBeUndefined();
  });

  test('a refusal is not told when a secret could not be read', () => {
    const unsure = { access: { isSure: false } };
    expect(recallAfter(pull, { a: DENIED }, unsure)).toMatchObject({ answer: undefined, isTrusted: true });
    expect(recallAfter(pull, { a: OK }, unsure)).toMatchObject({ answer: OK });
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
  ])('%j is told for so long without a look at the secrets: %d ms', (answer, milliseconds) => {
    const isTrusted = (after: number) => recallAfter(pull, { a: answer }, { after })?.isTrusted;
    expect([isTrusted(milliseconds - 1), isTrusted(milliseconds)]).toEqual([true, false]);
  });

  test('nothing is said for a while of secrets that nobody could read', () => {
    const unreadable = { access: { fingerprints: [], isSure: false } };
    expect(recallAfter(pull, {}, unreadable)).toMatchObject({ answer: undefined, isTrusted: true });
    expect(recallAfter(pull, {}, { ...unreadable, after: errorMs })).toMatchObject({ isTrusted: false });
  });
});

test('it is time to ask again after half of the time for which an image is known to be there', () => {
  const isDue = (after: number) => recallAfter(pullOf([]), { [ANONYMOUS]: OK }, { after })?.isDue;
  expect([isDue(DAY / 2 - 1), isDue(DAY / 2)]).toEqual([false, true]);
  expect(recallAfter(pullOf([]), { [ANONYMOUS]: DENIED }, { after: DAY / 2 })?.isDue).toBe(false);
});

test('what the secrets of a namespace hold is not taken for what others do', () => {
  const pulls = [
    pullOf(['one']),
    pullOf(['one'], 'other'),
    pullOf(['two']),
    pullOf(['one', 'two']),
    pullOf(Array.from({ length: 21 }, () => 'one')),
    pullOf(Array.from({ length: 20 }, () => 'one')),
    readPull(question('registry.example.com/other/app:1', ['one']), policy)!,
    readPull(question('other.example.com/team/app:1', ['one']), policy)!,
  ];
  expect(new Set(pulls.map((pull) => toAccessKey(pull, plain))).size).toBe(pulls.length);
});
