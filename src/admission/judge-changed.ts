import type { EvaluateInput } from '../engine/evaluate.ts';
import type { WorkloadKind } from '../workload/kinds.ts';
import type { Pointer } from '../text/json.ts';
import { readWorkloads, type ImageUse, type Workload } from '../workload/workload.ts';
import type { AdmissionRequest } from './review.ts';

/**
 * What an update is judged by: images that were not there before, in a container of the same name, as labelling a bad
 * object is fine; and for rules on pull secrets all images of a pod whose pull secrets or service account changed.
 */
export function judgeChanged(
  { object, oldObject, namespace }: AdmissionRequest,
  kind: WorkloadKind,
): NonNullable<EvaluateInput['judges']> {
  const old = readWorkloads(oldObject, kind, namespace);
  const before = new Set(old.flatMap(({ images }) => images).map((image) => identify(image)));
  const access = new Map(old.map((workload) => [workload.podSpec, describeAccess(workload)]));
  const changed = readWorkloads(object, kind, namespace)
    .filter((workload) => access.get(workload.podSpec) !== describeAccess(workload))
    .map(({ podSpec }) => podSpec);
  return (image, subject) =>
    !before.has(identify(image)) || (subject === 'pull-secrets' && isWithin(image.pointer, changed));
}

function identify({ key, written }: ImageUse): string {
  return JSON.stringify([key, written]);
}

function describeAccess({ pullSecrets, serviceAccount }: Workload): string {
  return JSON.stringify([serviceAccount, ...pullSecrets]);
}

function isWithin(pointer: Pointer, podSpecs: readonly Pointer[]): boolean {
  return podSpecs.some((podSpec) => pointer.startsWith(`${podSpec}/`));
}
