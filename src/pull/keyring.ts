import type { ImageReference } from '../image/reference.ts';
import type { CredentialKey } from './credential-key.ts';
import { indexKeys } from './key-index.ts';

/** A user name and password. Never logged, never in an error, and sent to the registry that they are for only. */
export type Credentials = Readonly<{ username: string; password: string }>;

/** What a pod pulls with. */
export type Keyring = Readonly<{
  /** Entries of its pull secrets that have a user name, in the order of the secrets. */
  entries: readonly KeyringEntry[];
  /** False when a secret could not be read, so that it may hold the key that is missing. */
  isComplete: boolean;
}>;

export type KeyringEntry = Readonly<{ key: CredentialKey; credentials: Credentials }>;

/** Reads pull secrets, each time anew. Rejects when they cannot be read. */
export type ReadKeyring = (namespace: string, pullSecrets: readonly string[]) => Promise<Keyring>;

/** Each of them is a login at the registry, and too many failed ones lock an account. */
const MOST_TRIED = 5;

export type ChosenCredentials = Readonly<{
  /** To be tried in turn; undefined for none at all, anonymously. Never empty. */
  entries: readonly (KeyringEntry | undefined)[];
  /** Whether these are all that kubelet would try. */
  isSure: boolean;
}>;

/**
 * What kubelet pulls an image with (`pkg/credentialprovider/keyring.go`, `Lookup`): the credentials of all keys that match,
 * those of more specific keys first, and within a key in the order of the secrets; those of the default registry only if no
 * other key matches; nothing at all if none does. With a match it never falls back to nothing.
 */
export function chooseCredentials({ entries, isComplete }: Keyring, reference: ImageReference): ChosenCredentials {
  const matching = indexKeys(entries)(reference);
  const particular = matching.filter(({ key }) => !key.isDefaultRegistry);
  const chosen = particular.length > 0 ? particular : matching;
  // Kubelet sorts its keys backwards, so that the one with the longer path comes first. Sorting keeps what is equal in order.
  const sorted = chosen
    .map((entry) => ({ entry, index: entry.key.indexed }))
    .sort((a, b) => (a.index === b.index ? 0 : a.index < b.index ? 1 : -1));
  const different = dropRepeated(sorted.map(({ entry }) => entry));
  return {
    entries: different.length === 0 ? [undefined] : different.slice(0, MOST_TRIED),
    isSure: isComplete && different.length <= MOST_TRIED,
  };
}

/** A copy of a secret under another name fails as the first one did. */
function dropRepeated(entries: readonly KeyringEntry[]): readonly KeyringEntry[] {
  const seen = new Set<string>();
  return entries.filter(({ credentials: { username, password } }) => {
    const text = JSON.stringify([username, password]);
    return !seen.has(text) && seen.add(text);
  });
}
