import type { ImageUse, Workload } from '../workload/workload.ts';
import type { Scope } from './rule.ts';

/** Whether an image is to be looked at, by rules of a scope. */
export type IsInScope = (image: ImageUse, workload: Workload, scope: Scope) => boolean;

/**
 * What an update is checked for: images that were not there before, in a container of the same name, or were not pulled, as
 * labelling a bad object is fine; and for rules on pull secrets all images of a pod whose pull secrets or service account changed.
 */
export function compareWithOld(old: readonly Workload[], changed: readonly Workload[]): IsInScope {
  const images = old.flatMap((workload) => workload.images);
  const before = new Set(images.map((image) => identify(image)));
  const pulledBefore = new Set(images.filter((image) => isPulled(image)).map((image) => identify(image)));
  const access = new Map(old.map((workload) => [workload.podSpec, describeAccess(workload)]));
  const withOtherAccess = new Set(
    changed
      .filter((workload) => access.get(workload.podSpec) !== describeAccess(workload))
      .map(({ podSpec }) => podSpec),
  );
  return (image, { podSpec }, scope) =>
    !(isPulled(image) ? pulledBefore : before).has(identify(image)) ||
    (scope === 'pull-secrets' && withOtherAccess.has(podSpec));
}

function identify({ key, written }: ImageUse): string {
  return JSON.stringify([key, written]);
}

function isPulled({ pullPolicy }: ImageUse): boolean {
  return pullPolicy !== 'Never';
}

function describeAccess({ pullSecrets, serviceAccount }: Workload): string {
  return JSON.stringify([serviceAccount, ...pullSecrets]);
}
