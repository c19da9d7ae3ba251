import type { ImageAnswer } from '../../cause/answer.ts';
import { causeOf, type Cause } from '../../cause/causes.ts';

/** The result of asking with one identity; unknown without an answer. */
type Told = Readonly<{ answer: ImageAnswer | undefined } | { notAsked: unknown }>;

/** The identity that kubelet ends with after trying them in turn, and its result. */
export type Attempt<Identity, T extends Told> = Readonly<{ identity: Identity; told: T }>;

/**
 * Goes through identities as kubelet goes through credentials, until an answer that other credentials would not change. If all
 * fail, the failure of an identity with access to the repository counts, otherwise the first one. Undefined without identities;
 * `next` is the identity to try next.
 *
 * @param tell the result of an identity that was tried
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

/** Asks with one identity after the other until the answer is final. */
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

/** Whether other credentials may get a different answer. */
export function mayDifferForOthers(told: Told): boolean {
  const { about, credentials } = causeOfTold(told) ?? {};
  return credentials !== 'no' && (about === 'image' || about === 'credentials');
}

function causeOfTold(told: Told): Cause | undefined {
  const answer = 'answer' in told ? told.answer : undefined;
  return answer?.outcome === 'failed' ? causeOf(answer.cause) : undefined;
}

/** The part of an answer that is certain although kubelet may have more credentials. `isSure`: it has no others. */
export function keepBelievable(answer: ImageAnswer | undefined, isSure: boolean): ImageAnswer | undefined {
  if (answer === undefined || answer.outcome === 'ok' || isSure) return answer;
  if (causeOf(answer.cause).credentials === 'decide') return undefined;
  const isAbsent = answer.cause === 'image-not-found' || answer.cause === 'web-page-not-found';
  return isAbsent ? { ...answer, mayBeHidden: true } : answer;
}
