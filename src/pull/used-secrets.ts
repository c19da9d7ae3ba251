import { MOST_PULL_SECRETS } from '../text/bounds.ts';
import { CCE_SECRET } from '../image/known-registries.ts';
import type { ImageReference } from '../image/reference.ts';
import { findPullSecret, type PolicySections } from '../policy/policy.ts';
import type { Workload } from '../workload/workload.ts';
import type { CredentialFlaw } from './credential-flaws.ts';
import type { CredentialEntry, PullSecret, PullSecretFacts, ServiceAccount } from './facts.ts';
import { indexKeys } from './credential-key.ts';

/** A pull secret that kubelet reads to pull the images of a Pod. */
export type UsedSecret = Readonly<{
  name: string;
  /** Its position in the Pod's own list; undefined if it is from the ServiceAccount. */
  index: number | undefined;
  /** As in `PullSecretFacts`. */
  found: PullSecret | 'absent' | undefined;
  /** When its credentials expire, in milliseconds since 1970; Infinity if they do not, or if CCE renews them in time. */
  endsAt: number;
}>;

type Named = Pick<UsedSecret, 'name' | 'index'>;

/**
 * The pull secrets of a Pod, without duplicates: those of its own list or, if that is empty, those of its ServiceAccount.
 * Undefined if the list is empty and the ServiceAccount is unknown, or if the list is too long.
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

/** Whether kubelet can read the Secret; it may still have no useful entries. */
export function isReadable({ found }: UsedSecret): boolean {
  return isKnown(found) && hasPullSecretType(found) && found.malformed === undefined;
}

/** The types of pull secrets; kubelet ignores all others. */
export const PULL_SECRET_TYPES = ['kubernetes.io/dockerconfigjson', 'kubernetes.io/dockercfg'] as const;

export function hasPullSecretType({ type }: PullSecret): boolean {
  return PULL_SECRET_TYPES.some((each) => each === type);
}

/** Whether CCE creates this Secret, and renews it before it expires. */
export function isRenewed(name: string, { generatedBy }: PullSecret): boolean {
  return name === CCE_SECRET && generatedBy === 'cce';
}

/** The entry of a Secret that kubelet finds for an image: with a user name and password, without, or none. */
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

/** Why an entry for an image has no credentials; undefined if there is no entry, or one with credentials. */
export function findLack(secret: UsedSecret, reference: ImageReference): CredentialFlaw | undefined {
  const found = listEntries(secret, reference);
  return found.some(({ hasCredentials }) => hasCredentials) ? undefined : found[0]?.flaw;
}

/** A flaw that will probably make a registry refuse the credentials, or the time when their token expired. */
export type Doubt = Readonly<{ flaw: CredentialFlaw }> | Readonly<{ endedAt: number }>;

/** The doubt about a Secret's credentials for an image, if all of them have one, as kubelet tries each. */
export function findDoubt(secret: UsedSecret, reference: ImageReference, now: number): Doubt | undefined {
  const found = listEntries(secret, reference).filter(({ hasCredentials }) => hasCredentials);
  const doubts = found.map((entry) => doubt(entry, now));
  return doubts.every((each) => each !== undefined) ? doubts[0] : undefined;
}

function doubt({ flaw, tokenEndsAt = Infinity }: CredentialEntry, now: number): Doubt | undefined {
  if (flaw !== undefined) return { flaw };
  return tokenEndsAt <= now ? { endedAt: tokenEndsAt } : undefined;
}

/** When a Secret's credentials for an image expire, as `endsAt`, possibly in the past; -Infinity if it has none. */
export function servesUntil(secret: UsedSecret, reference: ImageReference): number {
  return findEntry(secret, reference) === 'with-credentials' ? secret.endsAt : -Infinity;
}

/** Whether a Secret's credentials for an image are a copy of CCE's under another name, which CCE does not renew. */
export function isCopyFor({ name }: UsedSecret, reference: ImageReference, policy: PolicySections): boolean {
  return name !== CCE_SECRET && findPullSecret(policy, reference) === CCE_SECRET;
}

/** Whether a Secret has credentials for an image without a known expiry. */
export function servesForGood(secret: UsedSecret, reference: ImageReference, policy: PolicySections): boolean {
  return servesUntil(secret, reference) === Infinity && !isCopyFor(secret, reference, policy);
}

/** The API server accepts an empty name, and kubelet silently ignores it. */
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
 * How many entries at the start of a Pod's list are from its ServiceAccount: the API server copies them to a Pod without a list,
 * and the fix of a Pod template puts them first. Users do not find these in their own manifest.
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
