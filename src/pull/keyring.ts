import type { ImageReference } from '../image/reference.ts';
import type { CredentialKey } from './credential-key.ts';
import { indexKeys } from './key-index.ts';

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
