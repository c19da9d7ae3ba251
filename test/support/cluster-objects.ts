import { deployment, pod, type Json } from './objects.ts';
import type { StandInApiServer } from './stand-in-api-server.ts';

export const DEPLOYMENTS = '/apis/apps/v1/deployments';
export const REPLICA_SETS = '/apis/apps/v1/replicasets';
export const PODS = '/api/v1/pods';
export const NAMESPACES = '/api/v1/namespaces';

export function namespaceOf(name: string, labels: Json = {}): Json {
  return { metadata: { name, labels } };
}

export function deploymentOf(namespace: string, name: string, image: string): Json {
  return { ...deployment(image), metadata: { name, namespace } };
}

export function podOf(namespace: string, name: string, image: string, metadata: Json = {}): Json {
  return { ...pod(image), metadata: { name, namespace, ...metadata } };
}

export function controllerOf(apiVersion: string, kind: string, name: string, uid = ''): Json {
  return { ownerReferences: [{ apiVersion, kind, name, uid, controller: true }] };
}

/** A Deployment as it runs: with its ReplicaSet, and pods of it that were made of the same image. */
export function seedDeployment(
  server: StandInApiServer,
  { namespace, name, image, pods }: { namespace: string; name: string; image: string; pods: number },
): void {
  server.seed(DEPLOYMENTS, [deploymentOf(namespace, name, image)]);
  const hash = `${name}-5d9`;
  const owned = controllerOf('apps/v1', 'Deployment', name);
  server.seed(REPLICA_SETS, [
    { ...deployment(image), kind: 'ReplicaSet', metadata: { name: hash, namespace, ...owned } },
  ]);
  const path = REPLICA_SETS.replace('/replicasets', `/namespaces/${namespace}/replicasets/${hash}`);
  const uid = String(server.get(path)?.metadata['uid']);
  server.seed(
    PODS,
    Array.from({ length: pods }, (_, at) =>
      podOf(namespace, `${hash}-${at}`, image, controllerOf('apps/v1', 'ReplicaSet', hash, uid)),
    ),
  );
}
