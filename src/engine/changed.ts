import type { ImageUse, Workload } from '../workload/workload.ts';
import type { Scope } from './rule.ts';

/** Whether rules of a scope check an image. */
export type IsInScope = (image: ImageUse, workload: Workload, scope: Scope) => boolean;

/**
 * What to check in an update: images that are new in a container of this name, or were not pulled before, so that a label can be
 * added to an invalid object. Rules on pull secrets also check all images of a Pod whose pull secrets or ServiceAccount changed.
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
