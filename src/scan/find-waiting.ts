import { ApiError, type ApiServer } from '../cluster/connection/api-server.ts';
import { readPath, readString } from '../text/json.ts';
import { findController } from '../workload/kinds.ts';
import { MOST_READ_FOR_WAITING } from '../text/bounds.ts';
import { listWorkloads, type Progress } from './resources.ts';
import type { Refused, WaitingBook } from './waiting-pods.ts';

/**
 * Kubelet and controllers write only Warnings about Pods that wait. One list of these costs an API server less than one for each
 * reason.
 */
const WARNINGS = 'type=Warning';

/** Pods that have ended do not wait for an image. */
const NOT_OVER = 'status.phase!=Succeeded,status.phase!=Failed';

type Place = Readonly<{ api: ApiServer; namespace: string | undefined; progress: Progress }>;

/** Reads the Pods of one namespace, or of all, into the book. @throws ApiError */
export async function readPods(book: WaitingBook, place: Place, isWanted: (pod: unknown) => boolean): Promise<void> {
  await readCollection('pods', NOT_OVER, place, (pod) => {
    if (isWanted(pod)) book.addPod(pod);
  });
}

/** Reads Events into the book. If that fails, returns why, without a full stop; the waiting Pods are known without Events. */
export async function readEvents(book: WaitingBook, place: Place): Promise<string | undefined> {
  try {
    await readCollection('events', WARNINGS, place, book.addEvent);
    return undefined;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return nameMissing('events', 'list', error);
  }
}

async function readCollection(
  resource: string,
  fieldSelector: string,
  { api, namespace, progress }: Place,
  take: (object: unknown) => void,
): Promise<void> {
  progress.show(resource);
  let done = 0;
  for await (const { objects, remaining } of listWorkloads(api, pathOf(resource, namespace), fieldSelector)) {
    for (const object of objects) take(object);
    done += objects.length;
    progress.show(resource, done, remaining);
  }
}

function pathOf(resource: string, namespace: string | undefined): string {
  return namespace === undefined ? `/api/v1/${resource}` : `/api/v1/namespaces/${namespace}/${resource}`;
}

/** Describes what cannot be read, and which verb the user needs for it. */
export function nameMissing(resource: string, verb: 'get' | 'list', error: ApiError): string {
  const message = `${resource} cannot be read: ${error.message}`;
  return error.status === 403 ? `${message}: ask the cluster admin for the verb "${verb}" on ${resource}` : message;
}

/**
 * Keeps the workloads that still lack Pods, as Events are kept for an hour. Each is shown as the object that people wrote: a
 * ReplicaSet as its Deployment. A workload that cannot be read is kept.
 */
export async function keepRefused(api: ApiServer, refused: readonly Refused[]): Promise<readonly Refused[]> {
  const kept: Refused[] = [];
  for (const each of refused.slice(0, MOST_READ_FOR_WAITING)) {
    const { kind, namespace, name } = each.involved;
    try {
      const object = await api.call('GET', `${COLLECTIONS[kind]?.(namespace) ?? ''}/${encodeURIComponent(name)}`);
      if (!isShort(object)) continue;
      const owner = findController(object);
      kept.push(
        owner === undefined ? each : { ...each, report: { ...each.report, owner: `${owner.kind}/${owner.name}` } },
      );
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status !== 404) kept.push(each);
    }
  }
  return kept;
}

const inNamespace =
  (base: string, plural: string) =>
  (namespace: string): string =>
    `${base}/namespaces/${encodeURIComponent(namespace)}/${plural}`;

const COLLECTIONS: Readonly<Record<string, (namespace: string) => string>> = {
  ReplicationController: inNamespace('/api/v1', 'replicationcontrollers'),
  ReplicaSet: inNamespace('/apis/apps/v1', 'replicasets'),
  StatefulSet: inNamespace('/apis/apps/v1', 'statefulsets'),
  DaemonSet: inNamespace('/apis/apps/v1', 'daemonsets'),
  Job: inNamespace('/apis/batch/v1', 'jobs'),
};

/** Whether a workload has fewer Pods than it should have. */
function isShort(object: unknown): boolean {
  const read = (...path: readonly string[]): number => {
    const value = readPath(object, ...path);
    return typeof value === 'number' ? value : 0;
  };
  const daemons = readPath(object, 'status', 'desiredNumberScheduled');
  if (typeof daemons === 'number') return read('status', 'currentNumberScheduled') < daemons;
  if (readPath(object, 'spec', 'completions') !== undefined || readPath(object, 'spec', 'parallelism') !== undefined)
    return readString(object, 'status', 'completionTime') === '' && read('status', 'active') === 0;
  return read('status', 'replicas') < read('spec', 'replicas');
}
