import type { Inquiry } from '../../admission/inquiry.ts';
import type { ImageQuestion } from '../../pull/facts.ts';
import type { ImageAnswer } from '../../cause/answer.ts';
import type { Pull } from './pull.ts';

/** Objects have a few images. One with thousands of them must not keep registries from being asked about others. */
const MOST_QUESTIONS = 100;

/** What is known at once, or will be; undefined when nobody can say. */
export type Reply = ImageAnswer | undefined | Promise<ImageAnswer | undefined>;

/**
 * Remembers the replies to one review. It is told the same each time it is judged, and what was asked once and not answered
 * is not asked again for it, so that it never waits for the same thing twice. Promises that `ask` gives must not reject.
 */
export function openInquiry(read: (question: ImageQuestion) => Pull | undefined, ask: (pull: Pull) => Reply): Inquiry {
  const replies = new Map<string, { answer: ImageAnswer | undefined }>();
  const coming = new Set<Promise<void>>();

  return {
    registries: {
      find: (question) => {
        const pull = read(question);
        if (pull === undefined) return undefined;
        const known = replies.get(pull.key);
        return known === undefined ? askFirst(pull) : known.answer;
      },
    },
    pending: () => (coming.size === 0 ? undefined : Promise.all(coming).then(() => undefined)),
  };

  function askFirst(pull: Pull): ImageAnswer | undefined {
    if (replies.size >= MOST_QUESTIONS) return undefined;
    const reply = ask(pull);
    if (!(reply instanceof Promise)) {
      replies.set(pull.key, { answer: reply });
      return reply;
    }
    const later: { answer: ImageAnswer | undefined } = { answer: undefined };
    replies.set(pull.key, later);
    const settled = reply.then((answer) => {
      later.answer = answer;
      coming.delete(settled);
    });
    coming.add(settled);
    return undefined;
  }
}
