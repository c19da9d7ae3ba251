import { keyOfQuestion, type ImageQuestion, type KnownAnswer, type RegistryFacts } from '../pull/facts.ts';
import type { ImageAnswer } from '../cause/answer.ts';

/** The most questions per review. Objects have a few images; one with thousands must not delay questions about others. */
export const MOST_QUESTIONS = 100;

/** The cached answers of registries, and how to ask for others. */
export type Registries = Readonly<{
  /** From the cache. */
  known: RegistryFacts;
  /** Over the network; undefined if there is no answer. Never rejects. */
  ask: Ask;
}>;

type Ask = (question: ImageQuestion) => Promise<ImageAnswer | undefined>;

/** A decision with its open questions; `Decision` of the engine explains the two lists. */
export type Questioning = Readonly<{
  unanswered: readonly ImageQuestion[];
  outdated: readonly ImageQuestion[];
}>;

/** The decision for the response, and what is still open; undefined if all answers have arrived. */
export type Answered<Decided> = Readonly<{ decided: Decided; later: Later<Decided> | undefined }>;

/** Holds the whole review in memory as long as this object is held. */
export type Later<Decided> = Readonly<{
  /** The open questions, by `keyOfQuestion`. */
  open: readonly string[];
  /** Decides the review again when they are answered. */
  decide: () => Promise<Decided>;
}>;

/**
 * Decides a review at once if all answers are known. Otherwise asks the registries, waits, and decides again. This repeats while
 * there are new questions, as a rule may move an image before another rule needs its answer. When the time is up, the known
 * answers decide. The requests continue, for later reviews and for `later`.
 *
 * @param decide decides with the answers known at that time. It may be called again for the same review; earlier answers then
 * stay the same. `waitedMs`: how long the review waited for late answers
 * @param waitMs the longest wait, in milliseconds; called once, if there is something to wait for
 */
export function answerLater<Decided extends Questioning>(
  decide: (registries: RegistryFacts, waitedMs?: number) => Decided,
  { known, ask }: Registries,
  waitMs: () => number,
): Answered<Decided> | Promise<Answered<Decided>> {
  const answers = new Map<string, KnownAnswer>();
  let left = MOST_QUESTIONS;
  const { decided, coming } = decideAndAsk();
  if (coming === undefined) return { decided, later: undefined };
  const limit = waitMs();
  return limit > 0 ? decideAgain(coming, limit) : { decided, later: waitFor(coming) };

  function decideAndAsk(waitedMs?: number): Readonly<{ decided: Decided; coming: Promise<unknown> | undefined }> {
    const now = decide({ get }, waitedMs);
    const asked = takeSome(now.unanswered);
    for (const question of takeSome(now.outdated)) void ask(question);
    // Questions beyond the limit of this review are not asked, and not waited for.
    for (const question of now.unanswered.slice(asked.length)) answers.set(keyOfQuestion(question), 'no-answer');
    return { decided: now, coming: asked.length === 0 ? undefined : askFor(asked, ask, answers) };
  }

  /** If a review is decided again, the answers of the first time stay the same. */
  function get(question: ImageQuestion): KnownAnswer {
    const key = keyOfQuestion(question);
    const before = answers.get(key);
    if (before !== undefined) return before;
    const found = known.get(question);
    if (typeof found !== 'string') answers.set(key, { ...found, isDue: false });
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
      open: [...answers].filter(([, answer]) => answer === 'late').map(([key]) => key),
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

/** Asks, and stores the answers. A separate function, so that a pending request does not keep the whole review in memory. */
async function askFor(asked: readonly ImageQuestion[], ask: Ask, answers: Map<string, KnownAnswer>): Promise<unknown> {
  for (const question of asked) answers.set(keyOfQuestion(question), 'late');
  return Promise.all(
    asked.map(async (question) => {
      const answer = await ask(question);
      answers.set(keyOfQuestion(question), answer === undefined ? 'no-answer' : { answer, isDue: false });
    }),
  );
}

let lastTurn: Promise<unknown> = Promise.resolve();

/**
 * When a hanging registry times out, hundreds of reviews may continue at the same moment. Each waits for its own round of the
 * event loop, so that other work gets its turn.
 */
async function takeTurn(): Promise<void> {
  lastTurn = lastTurn.then(() => new Promise((resolve) => setImmediate(resolve)));
  await lastTurn;
}

/** Whether a promise that never rejects resolves within a time. */
async function settlesWithin(promise: Promise<unknown>, milliseconds: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, milliseconds, false);
  });
  const isInTime = await Promise.race([promise.then(() => true), late]);
  clearTimeout(timer);
  return isInTime;
}
