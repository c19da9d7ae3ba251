import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { admitWhenAnswered } from '../../src/admission/admit-when-answered.ts';
import type { Inquiry } from '../../src/admission/inquiry.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

const takeTurn = async (): Promise<void> => Promise.resolve();

/**
 * A review whose judgements ask, one after the other, what takes so long to be answered, in milliseconds; a judgement asks
 * the next thing once it knows the last. It decides by what it knows.
 */
function reviewThatAsks(...durations: readonly number[]) {
  const known: string[] = [];
  const judgedAt: number[] = [];
  let asked = 0;
  let pending: Promise<void> | undefined;
  const inquiry: Inquiry = { registries: { find: () => undefined }, pending: () => pending };
  const decide = (): string => {
    judgedAt.push(performance.now() - start);
    const duration = durations[asked];
    if (duration !== undefined && known.length === asked) {
      const answer = `answer ${asked++}`;
      pending = new Promise<void>((resolve) => setTimeout(resolve, duration)).then(() => {
        known.push(answer);
        pending = undefined;
      });
    }
    return known.length === 0 ? 'nothing known' : known.join(', ');
  };
  const start = performance.now();
  return { decide, inquiry, judgedAt };
}

async function admitAfter(review: ReturnType<typeof reviewThatAsks>, waitMs: number, passMs: number) {
  const decided = admitWhenAnswered({ ...review, takeTurn, waitMs: () => waitMs });
  await vi.advanceTimersByTimeAsync(passMs);
  const result = await decided;
  return { result, judgedAt: review.judgedAt, isAtOnce: typeof decided === 'string' };
}

test('a review that registries have nothing to do with is decided at once, and nobody asks how long it may wait', () => {
  const { decide, inquiry } = reviewThatAsks();
  const waitMs = vi.fn(() => 250);
  expect(admitWhenAnswered({ decide, inquiry, takeTurn, waitMs })).toBe('nothing known');
  expect(waitMs).not.toHaveBeenCalled();
});

test.each([
  { when: 'as soon as the answer is there', durations: [100], result: 'answer 0', judgedAt: [0, 100] },
  { when: 'when the time is over, by what is known', durations: [1000], result: 'nothing known', judgedAt: [0, 250] },
  {
    when: 'after the second answer, where the first one raises another question',
    durations: [50, 100],
    result: 'answer 0, answer 1',
    judgedAt: [0, 50, 150],
  },
  { when: 'when the time for both is over', durations: [200, 100], result: 'answer 0', judgedAt: [0, 200, 250] },
  {
    when: 'not later than that, however many questions come up',
    durations: [100, 100, 100, 100],
    result: 'answer 0, answer 1',
    judgedAt: [0, 100, 200, 250],
  },
])('it is decided $when', async ({ durations, result, judgedAt }) => {
  const admitted = await admitAfter(reviewThatAsks(...durations), 250, 250);
  expect(admitted).toEqual({ result, judgedAt, isAtOnce: false });
});

test.each([0, -50])('without time to wait (%d ms) it is decided at once, by what is known', async (waitMs) => {
  expect(await admitAfter(reviewThatAsks(10), waitMs, 0)).toEqual({
    result: 'nothing known',
    judgedAt: [0],
    isAtOnce: true,
  });
});

test('a review that was answered waits for its turn, and one whose time is over does not', async () => {
  const asked: number[] = [];
  const notYet = async (deadline: number): Promise<void> => {
    asked.push(deadline);
    await new Promise((resolve) => setTimeout(resolve, 30));
  };
  const started = performance.now();
  const answered = reviewThatAsks(100);
  const late = reviewThatAsks(1000);
  const both = [answered, late].map(async (review) =>
    admitWhenAnswered({ ...review, takeTurn: notYet, waitMs: () => 250 }),
  );
  await vi.advanceTimersByTimeAsync(250);
  expect(await Promise.all(both)).toEqual(['answer 0', 'nothing known']);
  expect(asked).toEqual([started + 250]);
  expect(answered.judgedAt).toEqual([0, 130]);
});

describe('a failure is the caller’s', () => {
  const inquiry: Inquiry = { registries: { find: () => undefined }, pending: async () => Promise.resolve() };
  const fail = (): never => {
    throw new Error('a bug');
  };
  test('at the first judgement', () => {
    expect(() => admitWhenAnswered({ decide: fail, inquiry, takeTurn, waitMs: () => 250 })).toThrow('a bug');
  });

  test('at a later one, and no timer is left', async () => {
    const decide = vi
      .fn((): string => 'decided')
      .mockReturnValueOnce('first')
      .mockImplementation(fail);
    await expect(admitWhenAnswered({ decide, inquiry, takeTurn, waitMs: () => 250 })).rejects.toThrow('a bug');
    expect(vi.getTimerCount()).toBe(0);
  });
});
