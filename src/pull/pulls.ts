import type { Workload } from '../workload/workload.ts';
import type { Facts, PullSecretFacts } from './facts.ts';
import type { PolicySections } from '../policy/policy.ts';
import { isSurelyPublic, listPulledImages, type PulledImage } from './pulled-images.ts';
import { hasEntry, isReadable, listUsedSecrets, servesForGood, servesUntil, type UsedSecret } from './used-secrets.ts';

/** What a pod pulls, what it pulls with, and how far that goes. */
export type Pulls = Readonly<{
  images: readonly PulledImage[];
  secrets: readonly UsedSecret[];
  /** Images for which no secret has a key, as far as that is sure. */
  unserved: readonly PulledImage[];
  /** Those of them that may not be public. */
  left: readonly PulledImage[];
  /** Those of them, again, for which no secret has as much as an entry. */
  withoutEntry: readonly PulledImage[];
  /** Images for which a secret has a key, though none for longer than the time asked about, and when the last one ends. */
  endingSoon: ReadonlyMap<PulledImage, number>;
  /** Milliseconds since 1970. */
  now: number;
}>;

/**
 * Looks up what the images of a pod are pulled with; `soonMs` is the time that keys should last, in milliseconds.
 * Undefined when nothing can be wrong with it, and when nobody knows which pull secrets it has.
 */
export function findPulls(
  workload: Workload,
  policy: PolicySections,
  facts: Facts & Readonly<{ pullSecrets: PullSecretFacts }>,
  soonMs: number,
): Pulls | undefined {
  const secrets = listUsedSecrets(workload, facts);
  const images = listPulledImages(workload);
  if (secrets === undefined || images.length === 0 || isAllWell(secrets, images, policy)) return undefined;
  const now = facts.pullSecrets.now();
  // A secret that nobody may look at can have a key for any image, and one that lasts.
  const isSure = secrets.every(({ found }) => found !== undefined);
  // Thousands of names of secrets that are not there must not be gone through for every image.
  const readable = secrets.filter((secret) => isReadable(secret));
  const ends = (isSure ? images : []).map((image) => [image, findLastEnd(readable, image)] as const);
  const unserved = ends.filter(([, end]) => end <= now).map(([image]) => image);
  const left = unserved.filter(({ reference }) => !isSurelyPublic(policy, reference));
  return {
    images,
    secrets,
    unserved,
    left,
    withoutEntry: left.filter(({ reference }) => !readable.some((secret) => hasEntry(secret, reference, 'any'))),
    endingSoon: new Map(ends.filter(([, end]) => now < end && end <= now + soonMs)),
    now,
  };
}

/** As with nearly every pod that comes: worth to be seen at once. */
function isAllWell(secrets: readonly UsedSecret[], images: readonly PulledImage[], policy: PolicySections): boolean {
  return (
    secrets.every((secret) => isReadable(secret)) &&
    images.every(({ reference }) => secrets.some((secret) => servesForGood(secret, reference, policy)))
  );
}

function findLastEnd(secrets: readonly UsedSecret[], { reference }: PulledImage): number {
  return secrets.reduce((last, secret) => Math.max(last, servesUntil(secret, reference)), -Infinity);
}
