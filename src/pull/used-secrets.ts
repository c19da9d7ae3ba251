import { CCE_SECRET } from '../image/swr.ts';
import { matchCredentialKey } from './credential-key.ts';
import type { ImageReference } from '../image/reference.ts';
import type { Workload } from '../workload/workload.ts';
import type { Facts, PullSecret } from './facts.ts';
import { findPullSecret, type PolicySections } from '../policy/policy.ts';

/** A pull secret that kubelet will look for when it pulls the images of a pod. */
export type UsedSecret = Readonly<{
  name: string;
  /** Its place in the pod's own list; undefined when the pod has it from its service account. */
  index: number | undefined;
  /** As in `PullSecretFacts`. */
  found: PullSecret | 'absent' | undefined;
  /** When its credentials end, in milliseconds since 1970; Infinity when they do not, or when CCE renews them in time. */
  endsAt: number;
}>;

type Named = Pick<UsedSecret, 'name' | 'index'>;

/**
 * The pull secrets of a pod, each once: those of its own list or, when that is empty, those of its service account.
 * Undefined when the list is empty and the service account is not known.
 */
export function listUsedSecrets(workload: Workload, facts: Facts): readonly UsedSecret[] | undefined {
  const names = listNames(workload, facts);
  if (names === undefined) return undefined;
  const used = new Map<string, UsedSecret>();
  for (const named of names) {
    if (isNamed(named) && !used.has(named.name)) used.set(named.name, lookUp(named, workload, facts));
  }
  return [...used.values()];
}

/** The names of those pull secrets. */
export function listSecretNames(workload: Workload, facts: Facts): readonly string[] | undefined {
  const names = listNames(workload, facts);
  return names && [...new Set(names.filter((named) => isNamed(named)).map(({ name }) => name))];
}

/** A secret that kubelet can read, whether or not it holds anything of use. */
export function isReadable({ found }: UsedSecret): boolean {
  return isKnown(found) && hasPullSecretType(found) && found.malformed === undefined;
}

/** Whether kubelet takes a secret of this type for a pull secret, and does not pass over it. */
export function hasPullSecretType({ type }: PullSecret): boolean {
  return type === 'kubernetes.io/dockerconfigjson' || type === 'kubernetes.io/dockercfg';
}

/** Whether CCE makes this secret, and makes it anew before its credentials end. */
export function isRenewed(name: string, { generatedBy }: PullSecret): boolean {
  return name === CCE_SECRET && generatedBy === 'cce';
}

/** Whether kubelet finds an entry for an image in a secret, one with a user name and password or any at all. */
export function hasEntry(secret: UsedSecret, reference: ImageReference, which: 'with-credentials' | 'any'): boolean {
  if (!isKnown(secret.found) || !isReadable(secret)) return false;
  return secret.found.entries.some(
    ({ key, hasCredentials }) => (which === 'any' || hasCredentials) && matchCredentialKey(key, reference),
  );
}

/** Until when a secret lets an image be pulled, as `endsAt`, which may be over; -Infinity when it has nothing for it. */
export function servesUntil(secret: UsedSecret, reference: ImageReference): number {
  return hasEntry(secret, reference, 'with-credentials') ? secret.endsAt : -Infinity;
}

/** Whether what a secret holds for an image are CCE's credentials under another name: nobody renews them there. */
export function isCopyFor({ name }: UsedSecret, reference: ImageReference, policy: PolicySections): boolean {
  return name !== CCE_SECRET && findPullSecret(policy, reference) === CCE_SECRET;
}

/** Whether a secret lets an image be pulled for as long as anybody can tell. */
export function servesForGood(secret: UsedSecret, reference: ImageReference, policy: PolicySections): boolean {
  return servesUntil(secret, reference) === Infinity && !isCopyFor(secret, reference, policy);
}

function listNames(workload: Workload, { serviceAccounts }: Facts): readonly Named[] | undefined {
  const account = serviceAccounts?.find(workload.namespace, workload.serviceAccount)?.pullSecrets;
  if (!workload.hasPullSecretList) return account?.map((name) => ({ name, index: undefined }));
  const taken = countTaken(workload, account ?? []);
  return workload.pullSecrets.map((name, index) => ({ name, index: index < taken ? undefined : index }));
}

/**
 * How many at the start of a pod's own list come from its service account: the API server copies them into a pod that names
 * none, and what is added to a template puts them first. Its author will not find them there.
 */
function countTaken({ pullSecrets, isPod }: Workload, account: readonly string[]): number {
  const isTaken = account.every((name, at) => pullSecrets[at] === name);
  return isTaken && (isPod || pullSecrets.length > account.length) ? account.length : 0;
}

/** The API server lets an empty name pass, and kubelet passes over it without a word. */
function isNamed({ name }: Named): boolean {
  return name !== '';
}

function lookUp({ name, index }: Named, { namespace }: Workload, { pullSecrets }: Facts): UsedSecret {
  const found = pullSecrets?.find(namespace, name);
  const endsAt = pullSecrets !== undefined && isKnown(found) ? findEnd(name, found, pullSecrets.now) : Infinity;
  return { name, index, found, endsAt };
}

function findEnd(name: string, found: PullSecret, now: () => number): number {
  const { expiresAt = Infinity } = found;
  return expiresAt !== Infinity && isRenewed(name, found) && expiresAt > now() ? Infinity : expiresAt;
}

function isKnown(found: UsedSecret['found']): found is PullSecret {
  return found !== undefined && found !== 'absent';
}
