import type { ImageAnswer } from '../cause/answer.ts';
import { causeOf, type Cause } from '../cause/causes.ts';
import type { ImageReference } from '../image/reference.ts';
import { indexKeys, type CredentialKey } from './credential-key.ts';

/** A user name and password. Never logged, never part of an error, and only sent to their registry. */
export type Credentials = Readonly<{ username: string; password: string }>;

/** The credentials of a Pod. */
export type Keyring = Readonly<{
  /** Entries with a user name, in the order of the Pod's pull secrets. */
  entries: readonly KeyringEntry[];
  /** False if a Secret could not be read, so that a missing key may be there. */
  isComplete: boolean;
}>;

export type KeyringEntry = Readonly<{ key: CredentialKey; credentials: Credentials }>;

/** Reads pull secrets without a cache. Rejects if they cannot be read. */
export type ReadKeyring = (namespace: string, pullSecrets: readonly string[]) => Promise<Keyring>;

/** Each of them is a login attempt, and too many failed ones lock an account. */
const MOST_TRIED = 5;

export type ChosenCredentials = Readonly<{
  /** To be tried in turn; undefined means anonymous. Never empty. */
  entries: readonly (KeyringEntry | undefined)[];
  /** Whether these are all that kubelet would try. */
  isSure: boolean;
}>;

/**
 * The credentials that kubelet pulls an image with (`pkg/credentialprovider/keyring.go`, `Lookup`): those of all matching keys,
 * more specific keys first, and within a key in the order of the Secrets. The key of the default registry is used only if no
 * other key matches. Without a match the pull is anonymous; with one, it never falls back to an anonymous pull.
 */
export function chooseCredentials({ entries, isComplete }: Keyring, reference: ImageReference): ChosenCredentials {
  const matching = indexKeys(entries)(reference);
  const particular = matching.filter(({ key }) => !key.isDefaultRegistry);
  const chosen = particular.length > 0 ? particular : matching;
  // kubelet sorts keys in descending order, so the longer path comes first. The sort is stable.
  const sorted = chosen
    .map((entry) => ({ entry, index: entry.key.indexed }))
    .sort((a, b) => (a.index === b.index ? 0 : a.index < b.index ? 1 : -1));
  const different = dropRepeated(sorted.map(({ entry }) => entry));
  return {
    entries: different.length === 0 ? [undefined] : different.slice(0, MOST_TRIED),
    isSure: isComplete && different.length <= MOST_TRIED,
  };
}

/** Equal credentials are tried once, as a copy of a Secret would fail in the same way. */
function dropRepeated(entries: readonly KeyringEntry[]): readonly KeyringEntry[] {
  const seen = new Set<string>();
  return entries.filter(({ credentials: { username, password } }) => {
    const text = JSON.stringify([username, password]);
    return !seen.has(text) && seen.add(text);
  });
}

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
