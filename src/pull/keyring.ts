import type { CredentialKey } from './credential-key.ts';

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

/** Reads pull secrets, each time anew. Rejects when nobody can say what is in them. */
export type ReadKeyring = (namespace: string, pullSecrets: readonly string[]) => Promise<Keyring>;
