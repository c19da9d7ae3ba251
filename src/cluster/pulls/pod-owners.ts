import type { InvolvedObject } from '../../admission/notices.ts';
import { readString } from '../../text/json.ts';
import { findController, type Controller } from '../../workload/kinds.ts';
import type { ApiServer } from '../connection/api-server.ts';

/** The object that a user wrote for a waiting Pod: a Deployment for the Pod of its ReplicaSet, or the Pod itself. */
export type PodOwner = Readonly<{
  involved: InvolvedObject;
  /** When the Pod was created, in milliseconds since 1970. */
  createdAt: number;
}>;

/** Kinds between a Pod and what people write, and where they are served. */
const BETWEEN: Readonly<Record<string, (namespace: string) => string>> = {
  'apps/ReplicaSet': (namespace) => `/apis/apps/v1/namespaces/${namespace}/replicasets`,
  'batch/Job': (namespace) => `/apis/batch/v1/namespaces/${namespace}/jobs`,
};

/** The access to workloads that pullguard needs. */
export const OWNER_ACCESS = [
  { apiGroup: '', resource: 'pods', verbs: ['get'] },
  { apiGroup: 'apps', resource: 'replicasets', verbs: ['get'] },
  { apiGroup: 'batch', resource: 'jobs', verbs: ['get'] },
] as const;

/** Finds the owner of a Pod in two requests at most. @throws ApiError */
export async function findPodOwner(
  call: ApiServer['call'],
  { namespace, name }: Readonly<{ namespace: string; name: string }>,
): Promise<PodOwner> {
  const scope = encodeURIComponent(namespace);
  const pod = await call('GET', `/api/v1/namespaces/${scope}/pods/${encodeURIComponent(name)}`);
  const createdAt = Date.parse(readString(pod, 'metadata', 'creationTimestamp'));
  const controller = findController(pod);
  if (controller === undefined) {
    const uid = readString(pod, 'metadata', 'uid');
    return { involved: { apiVersion: 'v1', kind: 'Pod', namespace, name, ...(uid !== '' && { uid }) }, createdAt };
  }
  const between = BETWEEN[`${controller.group}/${controller.kind}`];
  const top =
    between === undefined
      ? undefined
      : findController(await call('GET', `${between(scope)}/${encodeURIComponent(controller.name)}`));
  return { involved: toInvolved(top ?? controller, namespace), createdAt };
}

function toInvolved({ apiVersion, kind, name, uid }: Controller, namespace: string): InvolvedObject {
  return { apiVersion, kind, namespace, name, ...(uid !== '' && { uid }) };
}
