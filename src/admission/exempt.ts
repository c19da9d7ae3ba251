import type { Policy } from '../engine/rule.ts';
import { isExemptNamespace } from '../policy/policy.ts';
import { isRecord, readPath, readString } from '../text/json.ts';
import { findController, findKind, isPod, type WorkloadKind } from '../workload/kinds.ts';
import type { AdmissionRequest } from './review.ts';

/** Why a request is admitted unchecked, or an object left alone. `over`: it will never pull an image again. */
export type ExemptReason =
  | 'operation'
  | 'not-a-workload'
  | 'subresource'
  | 'no-object'
  | 'exempt-namespace'
  | 'namespace-off'
  | 'being-deleted'
  | 'static-pod'
  | 'owned'
  | 'over';

/** Either the reason to admit a request unchecked, or the kind of workload that it is about. */
export type Classified = Readonly<{ exempt: ExemptReason }> | Readonly<{ kind: WorkloadKind; exempt?: undefined }>;

/** Kubelet marks the pods that stand for its static ones so; they may not name secrets and run whatever we say. */
const MIRROR_POD_ANNOTATION = ['metadata', 'annotations', 'kubernetes.io/config.mirror'];

/** Sorts out the requests that bring no workload in, cheapest test first. */
export function classifyRequest(request: AdmissionRequest, policy: Policy): Classified {
  if (request.operation !== 'CREATE' && request.operation !== 'UPDATE') return { exempt: 'operation' };
  const kind = findKind(policy.kinds, request.kind.group, request.kind.kind);
  // Eviction, Binding, Scale and PodExecOptions arrive on workloads' subresources and are kinds of their own.
  if (kind === undefined) return { exempt: 'not-a-workload' };
  return bringsImages(request.subResource, kind) ? { kind } : { exempt: 'subresource' };
}

/** Of all subresources only one can bring in an image: `kubectl debug` adds containers through it. */
function bringsImages(subResource: string, kind: WorkloadKind): boolean {
  return subResource === '' || (subResource === 'ephemeralcontainers' && isPod(kind));
}

/** Why an object of a kind is not checked, whatever is done with it. */
export function findExemption(
  object: unknown,
  namespace: string,
  kind: WorkloadKind,
  policy: Policy,
): ExemptReason | undefined {
  if (!isRecord(object)) return 'no-object';
  if (isExemptNamespace(policy, namespace)) return 'exempt-namespace';
  if (readString(object, 'metadata', 'deletionTimestamp') !== '') return 'being-deleted';
  if (isPod(kind)) return readPath(object, ...MIRROR_POD_ANNOTATION) === undefined ? undefined : 'static-pod';
  return isOwnedByChecked(object, policy) ? 'owned' : undefined;
}

/** A ReplicaSet of a Deployment, a Job of a CronJob: the template was checked where its author could read the answer. */
export function isOwnedByChecked(object: unknown, { kinds }: Policy): boolean {
  const controller = findController(object);
  return controller !== undefined && findKind(kinds, controller.group, controller.kind) !== undefined;
}

/** A pod or Job that has ended, and the ReplicaSet that a controller keeps only to be able to go back to it. */
export function isOver(object: unknown, { group, kind }: WorkloadKind): boolean {
  switch (`${group}/${kind}`) {
    case '/Pod':
      return ['Succeeded', 'Failed'].includes(readString(object, 'status', 'phase'));
    case 'batch/Job':
      return hasEnded(readPath(object, 'status', 'conditions'));
    case 'apps/ReplicaSet':
      return readPath(object, 'spec', 'replicas') === 0 && findController(object) !== undefined;
    default:
      return false;
  }
}

function hasEnded(conditions: unknown): boolean {
  return (
    Array.isArray(conditions) &&
    conditions.some(
      (condition) =>
        ['Complete', 'Failed'].includes(readString(condition, 'type')) && readString(condition, 'status') === 'True',
    )
  );
}
