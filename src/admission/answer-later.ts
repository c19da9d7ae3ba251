import { keyOfQuestion, type ImageQuestion, type KnownAnswer, type RegistryFacts } from '../pull/facts.ts';
import type { ImageAnswer } from '../cause/answer.ts';

/** Objects have a few images. One with thousands of them must not keep registries from being asked about others. */
export const MOST_QUESTIONS = 100;

/** What is known of registries, and how to ask them. */
export type Registries = Readonly<{
  /** From memory. */
  known: RegistryFacts;
  /** Over the network; undefined when it cannot be known. Never rejects. */
  ask: Ask;
}>;

type Ask = (question: ImageQuestion) => Promise<ImageAnswer | undefined>;

/** A decision, and what it would have liked to know: `Decision` of the engine says how the two differ. */
export type Questioning = Readonly<{
  unanswered: readonly ImageQuestion[];
  outdated: readonly ImageQuestion[];
}>;

/** What a review is answered with, and what is still to come: undefined where everything has come that was asked for. */
export type Answered<Decided> = Readonly<{ decided: Decided; later: Later<Decided> | undefined }>;

/** What is late holds the review for as long as this is held. */
export type Later<Decided> = Readonly<{
  /** The questions that are open, by `keyOfQuestion`. */
  open: readonly string[];
  /** Decides the review once more when they are answered. */
  decide: () => Promise<Decided>;
}>;

/**
 * Decides a review at once if registries have nothing to add. Otherwise asks them, waits, decides again, and goes on like that
 * while new questions come up, as a rule may move an image before another one looks it up. When the time is over, what is known
 * then decides; what was asked goes on for those who come after, and for who wants to know of this review.
 *
 * @param decide decides by what is known at the time; called again for the same review, which is then told the same. `waitedMs`: how
 *   long it was waited for answers that are late
 * @param waitMs how long it may wait, in milliseconds; asked once, when there is something to wait for
 */
export function answerLater<Decided extends Questioning>(
  decide: (registries: RegistryFacts, waitedMs?: number) => Decided,
  { known, ask }: Registries,
  waitMs: () => number,
): Answered<Decided> | Promise<Answered<Decided>> {
  const told = new Map<string, KnownAnswer>();
  let left = MOST_QUESTIONS;
  const { decided, coming } = decideAndAsk();
  if (coming === undefined) return { decided, later: undefined };
  const limit = waitMs();
  return limit > 0 ? decideAgain(coming, limit) : { decided, later: waitFor(coming) };

  function decideAndAsk(waitedMs?: number): Readonly<{ decided: Decided; coming: Promise<unknown> | undefined }> {
    const now = decide({ get }, waitedMs);
    const asked = takeSome(now.unanswered);
    for (const question of takeSome(now.outdated)) void ask(question);
    // What is asked for no more of this review is not waited for either.
    for (const question of now.unanswered.slice(asked.length)) told.set(keyOfQuestion(question), 'no-answer');
    return { decided: now, coming: asked.length === 0 ? undefined : askFor(asked, ask, told) };
  }

  /** Of a review that is decided twice, what it was told the first time stays true. */
  function get(question: ImageQuestion): KnownAnswer {
    const key = keyOfQuestion(question);
    const before = told.get(key);
    if (before !== undefined) return before;
    const found = known.get(question);
    if (typeof found !== 'string') told.set(key, { ...found, isDue: false });
    return found;
  }

  function takeSome(questions: readonly ImageQuestion[]): readonly ImageQuestion[] {
    const some = questions.slice(0, left);
    left -= some.length;
    return some;
  }

  async function decideAgain(first: Promise<unknown>, limit: number): Promise<Answered<Decided>> {
    const deadline = performance.now() + limit;
    let waited = first;
    for (;;) {
      const isInTime = await settlesWithin(waited, deadline - performance.now());
      if (isInTime) await takeTurn();
      const next = decideAndAsk(isInTime ? undefined : limit);
      if (!isInTime) return { decided: next.decided, later: waitFor(Promise.all([waited, next.coming])) };
      if (next.coming === undefined) return { decided: next.decided, later: undefined };
      waited = next.coming;
    }
  }

  function waitFor(first: Promise<unknown>): Later<Decided> {
    return {
      open: [...told].filter(([, answer]) => answer === 'late').map(([key]) => key),
      decide: async () => {
        let waited = first;
        for (;;) {
          await waited;
          await takeTurn();
          const next = decideAndAsk();
          if (next.coming === undefined) return next.decided;
          waited = next.coming;
        }
      },
    };
  }
}

/** Asks, and puts down what is answered. Outside of the function above: what waits for a registry must not hold a whole review. */
async function askFor(asked: readonly ImageQuestion[], ask: Ask, told: Map<string, KnownAnswer>): Promise<unknown> {
  for (const question of asked) told.set(keyOfQuestion(question), 'late');
  return Promise.all(
    asked.map(async (question) => {
      const answer = await ask(question);
      told.set(keyOfQuestion(question), answer === undefined ? 'no-answer' : { answer, isDue: false });
    }),
  );
}

let lastTurn: Promise<unknown> = Promise.resolve();

/**
 * When a registry that hung is given up, hundreds of reviews can go on in the same moment: one in each round of the event loop, so
 * that others come in between.
 */
async function takeTurn(): Promise<void> {
  lastTurn = lastTurn.then(() => new Promise((resolve) => setImmediate(resolve)));
  await lastTurn;
}

/** Whether a promise that never rejects resolves in so many milliseconds. */
async function settlesWithin(promise: Promise<unknown>, milliseconds: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, milliseconds, false);
  });
  const isInTime = await Promise.race([promise.then(() => true), late]);
  clearTimeout(timer);
  return isInTime;
}
