import type { ImageQuestion } from '../../pull/facts.ts';
import { findRegistry, type PolicySections, type RegistryProbe } from '../../policy/policy.ts';
import { formatReference, type ImageReference } from '../../image/reference.ts';

/** Names of Kubernetes objects are no longer: there is no secret with a longer one. */
const LONGEST_NAME = 253;
/** Each of them is read from the API server. */
const MOST_SECRETS = 20;
/** A host of 255 characters with its port, a repository of 255, a tag of 128 and a digest, with room to spare. */
const LONGEST_REFERENCE = 1024;

/** A question that a registry may be asked, within bounds: all of it is text that somebody wrote into an object. */
export type Pull = Readonly<{
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

/** Under which name a registry has its budgets: written in capitals a host is the same one. */
export function toServer({ registry }: ImageReference): string {
  return registry.toLowerCase();
}

/** Undefined when the registry may not be asked, or when there can be no such image. */
export function readPull(
  { reference, namespace, pullSecrets }: ImageQuestion,
  policy: PolicySections,
): Pull | undefined {
  const registry = findRegistry(policy, reference)?.probe;
  if (registry === undefined) return undefined;
  const image = formatReference(reference);
  if (image.length > LONGEST_REFERENCE) return undefined;
  const looked = (pullSecrets ?? []).slice(0, MOST_SECRETS);
  const secrets = looked.filter((name) => name !== '' && name.length <= LONGEST_NAME);
  const isWhole = pullSecrets !== undefined && pullSecrets.length <= MOST_SECRETS;
  return {
    reference,
    image,
    registry,
    namespace,
    secrets,
    isWhole,
    key: JSON.stringify([image, namespace, secrets, isWhole]),
  };
}
