import { keyOfQuestion, type ImageQuestion, type KnownAnswer, type RegistryFacts } from '../pull/facts.ts';
import type { ImageAnswer } from '../cause/answer.ts';

/** Objects have a few images. One with thousands of them must not keep registries from being asked about others. */
export const MOST_QUESTIONS = 100;

/** What is known of registries, and how to ask them. */
export type Registries = Readonly<{
  /** From memory. */
  known: RegistryFacts;
  /** Over the network; undefined when nobody can say. Never rejects. */
  ask: (question: ImageQuestion) => Promise<ImageAnswer | undefined>;
}>;

/** A decision, and what it would have liked to know: `Decision` of the engine says how the two differ. */
export type Questioning = Readonly<{
  unanswered: readonly ImageQuestion[];
  outdated: readonly ImageQuestion[];
}>;

/**
 * Decides a review at once if registries have nothing to add. Otherwise asks them, waits, decides again, and goes on like that
 * while new questions come up, as a rule may move an image before another one looks it up. When the time is over, what is known
 * then decides; what was asked goes on for those who come after.
 *
 * @param decide decides by what is known at the time; called again for the same review, which is then told the same
 * @param waitMs how long it may wait, in milliseconds; asked once, when there is something to wait for
 */
export function answerLater<Decided extends Questioning>(
  decide: (registries: RegistryFacts) => Decided,
  { known, ask }: Registries,
  waitMs: () => number,
): Decided | Promise<Decided> {
  const told = new Map<string, KnownAnswer>();
  let left = MOST_QUESTIONS;
  const decision = decideAndAsk();
  if (decision.coming === undefined) return decision.decided;
  const limit = waitMs();
  return limit > 0 ? decideAgain(decision.coming, performance.now() + limit) : decision.decided;

  function decideAndAsk(): Readonly<{ decided: Decided; coming: Promise<unknown> | undefined }> {
    const decided = decide({ get });
    const asked = takeSome(decided.unanswered);
    for (const question of takeSome(decided.outdated)) void ask(question);
    // What is asked for no more of this review is not waited for either.
    for (const question of decided.unanswered) told.set(keyOfQuestion(question), 'no-answer');
    const coming = asked.map(async (question) => {
      const answer = await ask(question);
      if (answer !== undefined) told.set(keyOfQuestion(question), { answer, isDue: false });
    });
    return { decided, coming: coming.length === 0 ? undefined : Promise.all(coming) };
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

  async function decideAgain(first: Promise<unknown>, deadline: number): Promise<Decided> {
    let coming: Promise<unknown> | undefined = first;
    for (;;) {
      const isInTime = await settlesWithin(coming, deadline - performance.now());
      if (isInTime) await takeTurn();
      const next = decideAndAsk();
      coming = next.coming;
      if (!isInTime || coming === undefined) return next.decided;
    }
  }
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
