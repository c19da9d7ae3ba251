import type { ImageUse, Workload } from '../workload/workload.ts';
import type { Scope } from './rule.ts';

/** Whether an image is to be looked at, by rules of a scope. */
export type IsInScope = (image: ImageUse, workload: Workload, scope: Scope) => boolean;

/**
 * What an update is checked for: images that were not there before, in a container of the same name, as labelling a bad
 * object is fine; and for rules on pull secrets all images of a pod whose pull secrets or service account changed.
 */
export function compareWithOld(old: readonly Workload[], changed: readonly Workload[]): IsInScope {
  const before = new Set(old.flatMap(({ images }) => images).map((image) => identify(image)));
  const access = new Map(old.map((workload) => [workload.podSpec, describeAccess(workload)]));
  const withOtherAccess = new Set(
    changed
      .filter((workload) => access.get(workload.podSpec) !== describeAccess(workload))
      .map(({ podSpec }) => podSpec),
  );
  return (image, { podSpec }, scope) =>
    !before.has(identify(image)) || (scope === 'pull-secrets' && withOtherAccess.has(podSpec));
}

function identify({ key, written }: ImageUse): string {
  return JSON.stringify([key, written]);
}

function describeAccess({ pullSecrets, serviceAccount }: Workload): string {
  return JSON.stringify([serviceAccount, ...pullSecrets]);
}
