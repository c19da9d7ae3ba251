import type { Policy } from '../engine/rule.ts';
import { isExemptNamespace } from '../policy/policy.ts';
import { findController } from '../workload/controller.ts';
import { findKind, isPod, type WorkloadKind } from '../workload/kinds.ts';
import { isRecord, readPath, readString } from '../text/json.ts';
import type { AdmissionRequest } from './review.ts';

/** Why a request is let through without a judgement. */
export type PassReason =
  | 'operation'
  | 'not-a-workload'
  | 'subresource'
  | 'no-object'
  | 'exempt-namespace'
  | 'namespace-off'
  | 'being-deleted'
  | 'static-pod'
  | 'owned';

/** Either the reason to let a request pass, or the kind of workload that it is about. */
export type Sorted = Readonly<{ pass: PassReason }> | Readonly<{ kind: WorkloadKind }>;

/** Kubelet marks the pods that stand for its static ones so; they may not name secrets and run whatever we say. */
const MIRROR_POD_ANNOTATION = ['metadata', 'annotations', 'kubernetes.io/config.mirror'];

/** Sorts out the requests that are none of our business, cheapest test first. */
export function sortRequest(request: AdmissionRequest, policy: Policy): Sorted {
  if (request.operation !== 'CREATE' && request.operation !== 'UPDATE') return { pass: 'operation' };
  const kind = findKind(policy.kinds, request.kind.group, request.kind.kind);
  // Eviction, Binding, Scale and PodExecOptions arrive on workloads' subresources and are kinds of their own.
  if (kind === undefined) return { pass: 'not-a-workload' };
  if (!isJudgedSubresource(request.subResource, kind)) return { pass: 'subresource' };
  const pass = passObject(request, kind, policy);
  return pass === undefined ? { kind } : { pass };
}

/** Of all subresources only one can bring in an image: `kubectl debug` adds containers through it. */
function isJudgedSubresource(subResource: string, kind: WorkloadKind): boolean {
  return subResource === '' || (subResource === 'ephemeralcontainers' && isPod(kind));
}

/** The namespace that a request is about; some objects leave it to the request, and some requests to the object. */
export function namespaceOf({ object, namespace }: Pick<AdmissionRequest, 'object' | 'namespace'>): string {
  return namespace || readString(object, 'metadata', 'namespace');
}

/** Why an object of a kind is not judged, whatever is done with it. */
export function passObject(
  { object, namespace }: Pick<AdmissionRequest, 'object' | 'namespace'>,
  kind: WorkloadKind,
  policy: Policy,
): PassReason | undefined {
  if (!isRecord(object)) return 'no-object';
  if (isExemptNamespace(policy, namespaceOf({ object, namespace }))) return 'exempt-namespace';
  if (readString(object, 'metadata', 'deletionTimestamp') !== '') return 'being-deleted';
  if (isPod(kind)) return readPath(object, ...MIRROR_POD_ANNOTATION) === undefined ? undefined : 'static-pod';
  return isOwnedByJudged(object, policy) ? 'owned' : undefined;
}

/** A ReplicaSet of a Deployment, a Job of a CronJob: the template was judged where its author could read the answer. */
export function isOwnedByJudged(object: unknown, { kinds }: Policy): boolean {
  const controller = findController(object);
  return controller !== undefined && findKind(kinds, controller.group, controller.kind) !== undefined;
}
