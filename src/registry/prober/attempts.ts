import type { ImageAnswer } from '../../cause/answer.ts';
import { causeOf, type Cause } from '../../cause/causes.ts';

/** What came of asking as somebody; without an answer nobody can say. */
type Told = Readonly<{ answer: ImageAnswer | undefined } | { notAsked: unknown }>;

/** Where kubelet ends as it tries one identity after the other. */
export type Attempt<Identity, T extends Told> = Readonly<{ identity: Identity; told: T }>;

/**
 * Goes through identities as kubelet goes through credentials, until an answer that others would not change. Of several failures
 * that of who sees the repository counts, as they know best that the image is not in it; besides that those who come first are the
 * ones that are meant for it. Undefined when there are no identities; `next` is who has to be tried to know.
 *
 * @param tell what came of it for those who have been tried
 */
export function followAttempts<Identity, T extends Told>(
  identities: readonly Identity[],
  tell: (identity: Identity) => T | undefined,
): Attempt<Identity, T> | Readonly<{ next: Identity }> | undefined {
  const failures: Attempt<Identity, T>[] = [];
  for (const identity of identities) {
    const told = tell(identity);
    if (told === undefined) return { next: identity };
    if (!mayDifferForOthers(told)) return { identity, told };
    failures.push({ identity, told });
  }
  return failures.find(({ told }) => causeOfTold(told)?.credentials !== 'decide') ?? failures[0];
}

/** Does the same by asking, one after the other. */
export async function tryInTurn<Identity, T extends Told>(
  identities: readonly Identity[],
  ask: (identity: Identity) => Promise<T>,
): Promise<Attempt<Identity, T> | undefined> {
  const told = new Map<Identity, T>();
  for (;;) {
    const attempt = followAttempts(identities, (identity) => told.get(identity));
    if (attempt === undefined || !('next' in attempt)) return attempt;
    told.set(attempt.next, await ask(attempt.next));
  }
}

/** Whether other credentials may get the image where this is the answer. What is left out fails with any. */
export function mayDifferForOthers(told: Told): boolean {
  const { about, credentials } = causeOfTold(told) ?? {};
  return credentials !== 'no' && (about === 'image' || about === 'credentials');
}

function causeOfTold(told: Told): Cause | undefined {
  const answer = 'answer' in told ? told.answer : undefined;
  return answer?.outcome === 'failed' ? causeOf(answer.cause) : undefined;
}

/** What is true of an image even though credentials may be missing that kubelet has; `isSure` when none are. */
export function keepBelievable(answer: ImageAnswer | undefined, isSure: boolean): ImageAnswer | undefined {
  if (answer === undefined || answer.outcome === 'ok' || isSure) return answer;
  if (causeOf(answer.cause).credentials === 'decide') return undefined;
  const isAbsent = answer.cause === 'image-not-found' || answer.cause === 'web-page-not-found';
  return isAbsent ? { ...answer, mayBeHidden: true } : answer;
}
