import { createHmac, randomBytes } from 'node:crypto';
import { formatReference, type ImageReference } from '../../image/reference.ts';
import { findRegistry, type PolicySections, type RegistryProbe } from '../../policy/policy.ts';
import type { ImageQuestion } from '../../pull/facts.ts';
import type { Credentials } from '../../pull/keyring.ts';

/** The longest name of a Kubernetes object; no Secret has a longer one. */
const LONGEST_NAME = 253;
/** The limit, as each of them is read from the API server. */
const MOST_SECRETS = 20;
/** A host of 255 characters with its port, a repository of 255, a tag of 128 and a digest, with room to spare. */
const LONGEST_REFERENCE = 1024;

/** A question that a registry may be asked. All of it comes from users, so it is bounded. */
export type AllowedQuestion = Readonly<{
  reference: ImageReference;
  /** The reference as text. */
  image: string;
  registry: RegistryProbe;
  namespace: string;
  /** Pull secrets that may exist. */
  secrets: readonly string[];
  /** Whether these are all pull secrets of the Pod. */
  isWhole: boolean;
  /** Equal for equal questions under the same policy. */
  key: string;
}>;

/** Undefined when the registry may not be asked, or when no such image can exist. */
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

/** The name by which a registry is limited; upper and lower case are the same host. */
export function hostOf({ registry }: ImageReference): string {
  return registry.toLowerCase();
}

/** The fingerprint of anonymous requests. Every other one is longer. */
export const ANONYMOUS = 'anonymous';

/** Keyed hashes of texts that must not be stored: equal for equal texts, and not reversible. */
export type Fingerprints = Readonly<{
  /** Distinguishes credentials; undefined for none. */
  ofCredentials: (credentials: Credentials | undefined) => string;
  /** For pull secrets and a repository. The names of Secrets may be long, so they are not stored. */
  ofSecrets: (question: AllowedQuestion) => string;
}>;

/** The key is random, so that nothing outside this process can check a guessed password against a fingerprint. */
export function createFingerprints(): Fingerprints {
  const key = randomBytes(32);
  // As JSON, since a user name or a password may contain any separator.
  const fingerprint = (...parts: readonly unknown[]): string =>
    createHmac('sha256', key).update(JSON.stringify(parts)).digest('base64url');
  return {
    ofCredentials: (credentials) =>
      credentials === undefined ? ANONYMOUS : fingerprint(credentials.username, credentials.password),
    ofSecrets: ({ namespace, secrets, isWhole, reference: { registry, repository } }) =>
      fingerprint(namespace, secrets, isWhole, registry, repository),
  };
}
