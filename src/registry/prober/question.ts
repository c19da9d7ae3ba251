import { createHmac, randomBytes } from 'node:crypto';
import { formatReference, type ImageReference } from '../../image/reference.ts';
import { findRegistry, type PolicySections, type RegistryProbe } from '../../policy/policy.ts';
import type { ImageQuestion } from '../../pull/facts.ts';
import type { Credentials } from '../../pull/keyring.ts';

/** Names of Kubernetes objects are no longer: there is no secret with a longer one. */
const LONGEST_NAME = 253;
/** Each of them is read from the API server. */
const MOST_SECRETS = 20;
/** A host of 255 characters with its port, a repository of 255, a tag of 128 and a digest, with room to spare. */
const LONGEST_REFERENCE = 1024;

/** A question that a registry may be asked, within bounds: all of it is text of users. */
export type AllowedQuestion = Readonly<{
  reference: ImageReference;
  /** The reference as text. */
  image: string;
  registry: RegistryProbe;
  namespace: string;
  /** Pull secrets that may exist. */
  secrets: readonly string[];
  /** Whether these are all that the pod has. */
  isWhole: boolean;
  /** The same for the same question, as long as the policy stays. */
  key: string;
}>;

/** Undefined when the registry may not be asked, or when there can be no such image. */
export function readQuestion(
  { reference, namespace, pullSecrets }: ImageQuestion,
  policy: PolicySections,
): AllowedQuestion | undefined {
  const registry = findRegistry(policy, reference)?.probe;
  if (registry === undefined) return undefined;
  const image = formatReference(reference);
  if (image.length > LONGEST_REFERENCE) return undefined;
  const looked = (pullSecrets ?? []).slice(0, MOST_SECRETS);
  const secrets = looked.filter((name) => name !== '' && name.length <= LONGEST_NAME);
  const isWhole = pullSecrets !== undefined && pullSecrets.length <= MOST_SECRETS;
  const key = JSON.stringify([image, namespace, secrets, isWhole]);
  return { reference, image, registry, namespace, secrets, isWhole, key };
}

/** Under which name a registry has its limits: written in capitals a host is the same one. */
export function hostOf({ registry }: ImageReference): string {
  return registry.toLowerCase();
}

/** For anonymous requests. No other fingerprint is as short. */
export const ANONYMOUS = 'anonymous';

/** Keyed hashes of texts that must not be kept: equal for equal texts, and not reversible. */
export type Fingerprints = Readonly<{
  /** Tells credentials apart; undefined for none. */
  ofCredentials: (credentials: Credentials | undefined) => string;
  /** Of pull secrets for a repository: names of secrets may be long, and are not kept. */
  ofSecrets: (question: AllowedQuestion) => string;
}>;

/** With a random key of its own, so that not even a guess at a password can be checked outside of this process. */
export function createFingerprints(): Fingerprints {
  const key = randomBytes(32);
  // As JSON, since a user name or a password may hold any separator.
  const fingerprint = (...parts: readonly unknown[]): string =>
    createHmac('sha256', key).update(JSON.stringify(parts)).digest('base64url');
  return {
    ofCredentials: (credentials) =>
      credentials === undefined ? ANONYMOUS : fingerprint(credentials.username, credentials.password),
    ofSecrets: ({ namespace, secrets, isWhole, reference: { registry, repository } }) =>
      fingerprint(namespace, secrets, isWhole, registry, repository),
  };
}
