import { createHmac, randomBytes } from 'node:crypto';
import type { Credentials } from '../../pull/keyring.ts';

/** Stands for a text in keys: the same text gives the same one, and nobody gets from it to the text. */
export type Fingerprint = (text: string) => string;

/** For who asks without credentials. No other fingerprint is as short. */
export const ANONYMOUS = 'anonymous';

/** With a random key of its own, so that not even a guess at a password can be checked outside of this process. */
export function createFingerprint(): Fingerprint {
  const key = randomBytes(32);
  return (text) => createHmac('sha256', key).update(text).digest('base64url');
}

/** Tells credentials apart; undefined for none. As JSON, since a user name or a password may hold any separator. */
export function fingerprintOf(credentials: Credentials | undefined, fingerprint: Fingerprint): string {
  return credentials === undefined
    ? ANONYMOUS
    : fingerprint(JSON.stringify([credentials.username, credentials.password]));
}
