import type { ClusterNode } from '../../pull/facts.ts';
import { formatReference, readReference } from '../../image/reference.ts';
import { memoize } from '../../text/memoize.ts';
import { isRecord, readPath, readString } from '../../text/json.ts';
import type { KubernetesObject } from '../connection/api-server.ts';
import { readQuantity } from './read-quantity.ts';

/** What is known of a Node. Never throws: what has not the shape it should have is passed over. */
export function readNode(object: KubernetesObject): ClusterNode {
  const labels = readLabels(object);
  return {
    name: readString(object, 'metadata', 'name'),
    labels,
    platform: readPlatform(object, labels),
    isUnschedulable: readPath(object, 'spec', 'unschedulable') === true,
    hasDiskPressure: listOf(object, 'conditions').some(
      (condition) => readString(condition, 'type') === 'DiskPressure' && readString(condition, 'status') === 'True',
    ),
    ephemeralStorageBytes: readQuantity(readString(object, 'status', 'allocatable', 'ephemeral-storage')),
    images: new Set(listOf(object, 'images').flatMap((image) => readNames(image))),
  };
}

function readLabels(object: KubernetesObject): ClusterNode['labels'] {
  const labels = readPath(object, 'metadata', 'labels');
  return Object.fromEntries(
    Object.entries(isRecord(labels) ? labels : {}).filter(
      (label): label is [string, string] => typeof label[1] === 'string',
    ),
  );
}

/** As kubelet says it, or failing that as it labels the node; empty where neither is there. Who is no kubelet may write `Linux`. */
function readPlatform(object: KubernetesObject, labels: ClusterNode['labels']): string {
  const system = readString(object, 'status', 'nodeInfo', 'operatingSystem') || labels['kubernetes.io/os'];
  const architecture = readString(object, 'status', 'nodeInfo', 'architecture') || labels['kubernetes.io/arch'];
  return system === undefined || architecture === undefined ? '' : share(`${system}/${architecture}`.toLowerCase());
}

/** An image has its tags and its digests for names, and `<none>@<none>` where it has lost them. */
function readNames(image: unknown): readonly string[] {
  const names = readPath(image, 'names');
  return (Array.isArray(names) ? (names as readonly unknown[]) : []).flatMap((name) =>
    typeof name === 'string' ? (normalizeOnce(name) ?? []) : [],
  );
}

/** One string for all nodes, as a thousand of them have the same images. */
const normalizeOnce = memoize((name) => {
  const reference = readReference(name);
  return reference === undefined ? undefined : formatReference(reference);
});

const share = memoize((text) => text);

function listOf(object: KubernetesObject, member: 'conditions' | 'images'): readonly unknown[] {
  const list = readPath(object, 'status', member);
  return Array.isArray(list) ? (list as readonly unknown[]) : [];
}
