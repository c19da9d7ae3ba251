import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { answerLater, type Answered, type Questioning, type Registries } from '../../src/admission/answer-later.ts';
import type { ImageAnswer } from '../../src/cause/answer.ts';
import type { ImageQuestion, KnownAnswer, RegistryFacts } from '../../src/pull/facts.ts';
import { failed, pullable } from '../support/answers.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

const YES = pullable();
const NO = failed({ outcome: 'failed', cause: 'image-not-found' });

function question(repository: string): ImageQuestion {
  return { reference: { registry: 'r.example', repository }, namespace: 'default', pullSecrets: [] };
}

/** Registries that answer after so many milliseconds; and what they were asked, in order. */
function answering(
  durations: Readonly<Record<string, number>>,
  known: Readonly<Record<string, KnownAnswer>> = {},
  answer: ImageAnswer | 'nothing' = YES,
) {
  const asked: string[] = [];
  const registries: Registries = {
    known: { get: ({ reference }) => known[reference.repository] ?? 'unasked' },
    ask: async ({ reference: { repository } }) => {
      asked.push(repository);
      await new Promise((resolve) => setTimeout(resolve, durations[repository] ?? 0));
      return answer === 'nothing' ? undefined : answer;
    },
  };
  return { registries, asked };
}

type Decided = Questioning & Readonly<{ told: string }>;

/** Looks up one question after the other, each once the one before it is answered; tells what it was told of each. */
function deciding(...repositories: readonly string[]) {
  const decidedAt: number[] = [];
  const start = performance.now();
  const decide = ({ get }: RegistryFacts): Decided => {
    // To the hundredth of a second, as a fake immediate takes a millisecond.
    decidedAt.push(Math.floor((performance.now() - start) / 10) * 10);
    const [unanswered, outdated, told]: [ImageQuestion[], ImageQuestion[], string[]] = [[], [], []];
    for (const repository of repositories) {
      const answer = get(question(repository));
      told.push(`${repository} ${typeof answer === 'string' ? answer : answer.answer.outcome}`);
      if (answer === 'unasked') unanswered.push(question(repository));
      else if (typeof answer !== 'string' && answer.isDue) outdated.push(question(repository));
      if (typeof answer === 'string') break;
    }
    return { unanswered, outdated, told: told.join(', ') };
  };
  return { decide, decidedAt };
}

/** Lets time pass until it is decided; for as long as nobody waits. */
async function settle(answered: Answered<Decided> | Promise<Answered<Decided>>, passMs = 1000): Promise<string> {
  if (answered instanceof Promise) await vi.advanceTimersByTimeAsync(passMs);
  return (await answered).decided.told;
}

test('a review that registries have nothing to do with is decided at once, and nobody asks how long it may wait', () => {
  const { registries, asked } = answering({}, { a: { answer: YES, isDue: false }, b: 'not-allowed' });
  const waitMs = vi.fn(() => 250);
  expect(answerLater(deciding('a', 'b').decide, registries, waitMs)).toMatchObject({
    decided: { told: 'a ok, b not-allowed' },
  });
  expect(waitMs).not.toHaveBeenCalled();
  expect(asked).toEqual([]);
});

test.each<{ when: string; durations: Readonly<Record<string, number>>; told: string; decidedAt: readonly number[] }>([
  { when: 'as soon as the answer is there', durations: { a: 100 }, told: 'a ok', decidedAt: [0, 100] },
  { when: 'when the time is over, by what is known', durations: { a: 1000 }, told: 'a late', decidedAt: [0, 250] },
  {
    when: 'after the second answer, where the first one raises another question',
    durations: { a: 50, b: 100 },
    told: 'a ok, b ok',
    decidedAt: [0, 50, 150],
  },
  {
    when: 'when the time for both is over',
    durations: { a: 200, b: 100 },
    told: 'a ok, b late',
    decidedAt: [0, 200, 250],
  },
])('it is decided $when', async ({ durations, told, decidedAt }) => {
  const { registries, asked } = answering(durations);
  const review = deciding(...Object.keys(durations));
  const decided = answerLater(review.decide, registries, () => 250);
  expect(decided).toBeInstanceOf(Promise);
  expect(await settle(decided)).toBe(told);
  expect(review.decidedAt).toEqual(decidedAt);
  // Each once, be it answered or not.
  expect(asked).toEqual(Object.keys(durations));
});

test.each([0, -50])(
  'without time to wait (%d ms) it is decided at once, and asks for those who come after',
  (limit) => {
    const { registries, asked } = answering({ a: 10 });
    expect(answerLater(deciding('a').decide, registries, () => limit)).toMatchObject({
      decided: { told: 'a unasked' },
    });
    expect(asked).toEqual(['a']);
  },
);

test('what has to be asked again is asked, and not waited for', () => {
  const { registries, asked } = answering({}, { a: { answer: YES, isDue: true } });
  expect(answerLater(deciding('a').decide, registries, () => 250)).toMatchObject({ decided: { told: 'a ok' } });
  expect(asked).toEqual(['a']);
});

test('a review that is decided twice is told the same twice, whatever has been learned in between', async () => {
  const known: Record<string, KnownAnswer> = { a: { answer: YES, isDue: true } };
  const { registries, asked } = answering({ b: 100 }, known);
  const decided = answerLater(deciding('a', 'b').decide, registries, () => 250);
  known['a'] = { answer: NO, isDue: true };
  expect(await settle(decided)).toBe('a ok, b ok');
  expect(asked.sort()).toEqual(['a', 'b']);
});

test('who cannot say now is not asked again by the same review', async () => {
  const { registries, asked } = answering({}, {}, 'nothing');
  expect(await settle(answerLater(deciding('a').decide, registries, () => 250))).toBe('a no-answer');
  expect(asked).toEqual(['a']);
});

test('of an object with thousands of images a hundred are asked about, and none that are only due keep out a new one', async () => {
  const names = Array.from({ length: 300 }, (_, at) => `a${at}`);
  const due = { answer: YES, isDue: true };
  const { registries, asked } = answering({}, Object.fromEntries(names.slice(0, 150).map((name) => [name, due])));
  const decide = ({ get }: RegistryFacts): Decided => {
    const answers = names.map((name) => [question(name), get(question(name))] as const);
    return {
      unanswered: answers.flatMap(([asks, answer]) => (answer === 'unasked' ? [asks] : [])),
      outdated: answers.flatMap(([asks, answer]) => (typeof answer !== 'string' && answer.isDue ? [asks] : [])),
      told: String(answers.filter(([, answer]) => typeof answer !== 'string').length),
    };
  };
  expect(await settle(answerLater(decide, registries, () => 250))).toBe('250');
  expect(asked).toEqual(names.slice(150, 250));
});

test('reviews that can go on in the same moment do so in different rounds of the event loop', async () => {
  vi.useRealTimers();
  let round = 0;
  const next = (): void => {
    round++;
    counting = setImmediate(next);
  };
  let counting = setImmediate(next);
  // All of them wait for the same answer.
  const answer = new Promise<ImageAnswer>((resolve) => setImmediate(resolve, YES));
  const registries: Registries = { known: { get: () => 'unasked' }, ask: () => answer };
  const rounds = Array.from({ length: 3 }, async () => {
    await answerLater(deciding('a').decide, registries, () => 10_000);
    return round;
  });
  expect(new Set(await Promise.all(rounds)).size).toBe(3);
  clearImmediate(counting);
});

describe('what is late', () => {
  test.each([
    ['when the time is over', 250, 'a late'],
    ['where there is no time to wait', 0, 'a unasked'],
  ])('is decided once more when it has come, for who asks: %s', async (_when, limit, told) => {
    const { registries, asked } = answering({ a: 1000, b: 1000 });
    const review = deciding('a', 'b');
    const answered = answerLater(review.decide, registries, () => limit);
    if (answered instanceof Promise) await vi.advanceTimersByTimeAsync(250);
    const { decided, later } = await answered;
    expect([decided.told, later?.open.length]).toEqual([told, 1]);
    const last = later?.decide();
    await vi.advanceTimersByTimeAsync(3000);
    // Also what it raises is asked, and waited for.
    expect((await last)?.told).toBe('a ok, b ok');
    expect(asked).toEqual(['a', 'b']);
  });

  test('is nothing where all has come, or will never', async () => {
    const known: Registries['known'] = { get: () => 'no-answer' };
    expect(answerLater(deciding('a').decide, { ...answering({}).registries, known }, () => 250)).toMatchObject({
      later: undefined,
    });
    const answered = answerLater(deciding('a').decide, answering({ a: 10 }).registries, () => 250);
    await vi.advanceTimersByTimeAsync(100);
    expect((await answered).later).toBeUndefined();
  });

  test('is told with the time that was waited, and only then', async () => {
    const { registries } = answering({ a: 1000 });
    const waited: unknown[] = [];
    const review = deciding('a');
    const answered = answerLater(
      (known, waitedMs) => {
        waited.push(waitedMs);
        return review.decide(known);
      },
      registries,
      () => 250,
    );
    await vi.advanceTimersByTimeAsync(250);
    const last = (await answered).later?.decide();
    await vi.advanceTimersByTimeAsync(1000);
    await last;
    expect(waited).toEqual([undefined, 250, undefined]);
  });
});

describe('a failure is the caller’s', () => {
  const fail = (): never => {
    throw new Error('a bug');
  };

  test('at the first decision', () => {
    expect(() => answerLater(fail, answering({}).registries, () => 250)).toThrow('a bug');
  });

  test('at a later one, and no timer is left', async () => {
    const decide = vi.fn(deciding('a').decide).mockImplementationOnce(deciding('a').decide).mockImplementation(fail);
    const decided = answerLater(decide, answering({ a: 10 }).registries, () => 250);
    await Promise.all([expect(decided).rejects.toThrow('a bug'), vi.advanceTimersByTimeAsync(1000)]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
