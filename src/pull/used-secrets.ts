import { MOST_PULL_SECRETS } from '../text/bounds.ts';
import { CCE_SECRET } from '../image/swr.ts';
import type { ImageReference } from '../image/reference.ts';
import { findPullSecret, type PolicySections } from '../policy/policy.ts';
import type { Workload } from '../workload/workload.ts';
import type { CredentialFlaw } from './credential-flaws.ts';
import type { CredentialEntry, PullSecret, PullSecretFacts, ServiceAccount } from './facts.ts';
import { indexKeys } from './key-index.ts';

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
 * Undefined when the list is empty and the service account is not known, and when it is longer than any that people write.
 */
export function listUsedSecrets(
  workload: Workload,
  account: ServiceAccount | undefined,
  facts: PullSecretFacts | undefined,
  now: number,
): readonly UsedSecret[] | undefined {
  return listNames(workload, account)?.map(({ name, index }) => {
    const found = facts?.find(workload.namespace, name);
    return { name, index, found, endsAt: isKnown(found) ? findEnd(name, found, now) : Infinity };
  });
}

/** The names of those pull secrets. */
export function listSecretNames(
  workload: Workload,
  account: ServiceAccount | undefined,
): readonly string[] | undefined {
  return listNames(workload, account)?.map(({ name }) => name);
}

/** A secret that kubelet can read, whether or not it holds anything of use. */
export function isReadable({ found }: UsedSecret): boolean {
  return isKnown(found) && hasPullSecretType(found) && found.malformed === undefined;
}

/** The types that kubelet takes for pull secrets; it passes over all others. */
export const PULL_SECRET_TYPES = ['kubernetes.io/dockerconfigjson', 'kubernetes.io/dockercfg'] as const;

export function hasPullSecretType({ type }: PullSecret): boolean {
  return PULL_SECRET_TYPES.some((each) => each === type);
}

/** Whether CCE makes this secret, and makes it anew before its credentials end. */
export function isRenewed(name: string, { generatedBy }: PullSecret): boolean {
  return name === CCE_SECRET && generatedBy === 'cce';
}

/** What kubelet finds for an image in a secret: an entry with a user name and password, one without, or none. */
export function findEntry(secret: UsedSecret, reference: ImageReference): 'with-credentials' | 'without' | 'none' {
  const found = listEntries(secret, reference);
  if (found.length === 0) return 'none';
  return found.some(({ hasCredentials }) => hasCredentials) ? 'with-credentials' : 'without';
}

function listEntries(secret: UsedSecret, reference: ImageReference): readonly CredentialEntry[] {
  return isKnown(secret.found) && isReadable(secret) ? indexKeys(secret.found.entries)(reference) : [];
}

/** Whether a secret has an entry for any path of a registry. */
export function hasEntryFor(secret: UsedSecret, registry: string): boolean {
  if (!isKnown(secret.found) || !isReadable(secret)) return false;
  return secret.found.entries.some(({ key }) => key.indexed === registry || key.indexed.startsWith(`${registry}/`));
}

/** Why an entry for an image has no credentials; undefined when there is none, or one that has some. */
export function findLack(secret: UsedSecret, reference: ImageReference): CredentialFlaw | undefined {
  const found = listEntries(secret, reference);
  return found.some(({ hasCredentials }) => hasCredentials) ? undefined : found[0]?.flaw;
}

/** What an entry shows to make a login fail, or since when its token does. */
export type Doubt = Readonly<{ flaw: CredentialFlaw }> | Readonly<{ endedAt: number }>;

/** What is wrong with the credentials for an image, where that is so of all that a secret has for it: kubelet tries each. */
export function findDoubt(secret: UsedSecret, reference: ImageReference, now: number): Doubt | undefined {
  const found = listEntries(secret, reference).filter(({ hasCredentials }) => hasCredentials);
  const doubts = found.map((entry) => doubt(entry, now));
  return doubts.every((each) => each !== undefined) ? doubts[0] : undefined;
}

function doubt({ flaw, tokenEndsAt = Infinity }: CredentialEntry, now: number): Doubt | undefined {
  if (flaw !== undefined) return { flaw };
  return tokenEndsAt <= now ? { endedAt: tokenEndsAt } : undefined;
}

/** Until when a secret lets an image be pulled, as `endsAt`, which may be over; -Infinity when it has nothing for it. */
export function servesUntil(secret: UsedSecret, reference: ImageReference): number {
  return findEntry(secret, reference) === 'with-credentials' ? secret.endsAt : -Infinity;
}

/** Whether what a secret holds for an image are CCE's credentials under another name, where they are not renewed. */
export function isCopyFor({ name }: UsedSecret, reference: ImageReference, policy: PolicySections): boolean {
  return name !== CCE_SECRET && findPullSecret(policy, reference) === CCE_SECRET;
}

/** Whether a secret lets an image be pulled for as long as is known. */
export function servesForGood(secret: UsedSecret, reference: ImageReference, policy: PolicySections): boolean {
  return servesUntil(secret, reference) === Infinity && !isCopyFor(secret, reference, policy);
}

/** The API server lets an empty name pass, and kubelet passes over it without a word. */
function listNames(workload: Workload, account: ServiceAccount | undefined): readonly Named[] | undefined {
  const inherited = account?.pullSecrets;
  if (workload.pullSecrets.length > MOST_PULL_SECRETS) return undefined;
  if (!workload.hasPullSecretList) {
    return inherited && keepFirst(inherited.map((name) => ({ name, index: undefined })));
  }
  const taken = countTaken(workload, inherited ?? []);
  return keepFirst(workload.pullSecrets.map((name, index) => ({ name, index: index < taken ? undefined : index })));
}

function keepFirst(names: readonly Named[]): readonly Named[] {
  const first = new Map<string, Named>();
  for (const named of names) if (named.name !== '' && !first.has(named.name)) first.set(named.name, named);
  return [...first.values()];
}

/**
 * How many at the start of a pod's own list come from its service account: the API server copies them into a pod that names
 * none, and what is added to a template puts them first. Its author will not find them there.
 */
function countTaken({ pullSecrets, isPod }: Workload, account: readonly string[]): number {
  const isTaken = account.every((name, at) => pullSecrets[at] === name);
  return isTaken && (isPod || pullSecrets.length > account.length) ? account.length : 0;
}

function findEnd(name: string, found: PullSecret, now: number): number {
  const { expiresAt = Infinity } = found;
  return expiresAt !== Infinity && isRenewed(name, found) && expiresAt > now ? Infinity : expiresAt;
}

function isKnown(found: UsedSecret['found']): found is PullSecret {
  return found !== undefined && found !== 'absent';
}
