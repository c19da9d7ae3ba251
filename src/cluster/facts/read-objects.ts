import { formatReference, readReference } from '../../image/reference.ts';
import type { ClusterNode, ServiceAccount } from '../../pull/facts.ts';
import { isRecord, readPath, readString } from '../../text/json.ts';
import { memoize } from '../../text/memoize.ts';
import type { KubernetesObject } from '../connection/api-server.ts';

// What is kept of objects that everybody may read. None of these ever throws: what has not the shape it should have is passed over.

/** The labels of a Namespace that are for pullguard. */
export type NamespaceLabels = Readonly<Record<string, string>>;

export function readNamespace(object: KubernetesObject): NamespaceLabels {
  const ours = Object.entries(readLabels(object)).filter(([label]) => label.startsWith('pullguard.dev/'));
  return shareLabels(JSON.stringify(Object.fromEntries(ours)));
}

/** One object for all namespaces with the same labels, as most have none. */
const shareLabels = memoize((written) => JSON.parse(written) as NamespaceLabels);

export function readServiceAccount(object: KubernetesObject): ServiceAccount {
  const pullSecrets = listAt(object, 'imagePullSecrets').flatMap((reference) =>
    isRecord(reference) && typeof reference['name'] === 'string' ? [reference['name']] : [],
  );
  const enforces = readString(object, 'metadata', 'annotations', 'kubernetes.io/enforce-mountable-secrets');
  const account: ServiceAccount = { pullSecrets, enforcesMountableSecrets: TRUE.test(enforces) };
  return shareAccount(JSON.stringify(account));
}

/** What Go's `strconv.ParseBool` takes for true; to the API server anything else is false. */
const TRUE = /^(?:1|t|T|true|TRUE|True)$/;

/** One object for all service accounts that say the same, as most say nothing at all. */
const shareAccount = memoize((written) => JSON.parse(written) as ServiceAccount);

export function readNode(object: KubernetesObject): ClusterNode {
  const labels = readLabels(object);
  return {
    name: readString(object, 'metadata', 'name'),
    labels,
    platform: readPlatform(object, labels),
    isUnschedulable: readPath(object, 'spec', 'unschedulable') === true,
    hasDiskPressure: listAt(object, 'status', 'conditions').some(
      (condition) => readString(condition, 'type') === 'DiskPressure' && readString(condition, 'status') === 'True',
    ),
    ephemeralStorageBytes: readQuantity(readString(object, 'status', 'allocatable', 'ephemeral-storage')),
    images: new Set(
      // An image has its tags and its digests for names, and `<none>@<none>` where it has lost them.
      listAt(object, 'status', 'images').flatMap((image) =>
        listAt(image, 'names').flatMap((name) => (typeof name === 'string' ? (normalizeOnce(name) ?? []) : [])),
      ),
    ),
  };
}

/** As kubelet says it, or failing that as it labels the node; empty where neither is there. What is no kubelet may write `Linux`. */
function readPlatform(object: KubernetesObject, labels: ClusterNode['labels']): string {
  const system = readString(object, 'status', 'nodeInfo', 'operatingSystem') || labels['kubernetes.io/os'];
  const architecture = readString(object, 'status', 'nodeInfo', 'architecture') || labels['kubernetes.io/arch'];
  return system === undefined || architecture === undefined ? '' : share(`${system}/${architecture}`.toLowerCase());
}

/** One string for all nodes, as a thousand of them have the same images. */
const normalizeOnce = memoize((name) => {
  const reference = readReference(name);
  return reference === undefined ? undefined : formatReference(reference);
});

const share = memoize((text) => text);

/** Digits as Kubernetes takes them, and what they are multiplied with; no sign, as nothing here can be less than nothing. */
const QUANTITY = /^\+?(\d+(?:\.\d*)?|\.\d+)(?:([KMGTPE])i|([numkMGTPE]?)|[eE]([+-]?\d{1,3}))$/;

/** In powers of 1024. */
const BINARY = 'KMGTPE';

/** In powers of ten. */
const DECIMAL: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };

/**
 * The whole number that a quantity of Kubernetes stands for, such as bytes, rounded up as Kubernetes does
 * (`apimachinery/pkg/api/resource/quantity.go`): `1536Mi`, `1.5Gi`, `100G`, `1e3`, `129e6`, `2500m`. Undefined when it is none, is
 * negative, or is beyond all measure.
 */
export function readQuantity(text: string): number | undefined {
  const [whole, digits = '', binary, decimal = '', exponent] = QUANTITY.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const value =
    binary === undefined
      ? Number(`${digits}e${exponent ?? String(DECIMAL[decimal])}`)
      : Number(digits) * 1024 ** (BINARY.indexOf(binary) + 1);
  return Number.isFinite(value) ? Math.ceil(value) : undefined;
}

function readLabels(object: KubernetesObject): Readonly<Record<string, string>> {
  const labels = readPath(object, 'metadata', 'labels');
  return Object.fromEntries(
    Object.entries(isRecord(labels) ? labels : {}).filter(
      (label): label is [string, string] => typeof label[1] === 'string',
    ),
  );
}

function listAt(object: unknown, ...path: readonly string[]): readonly unknown[] {
  const list = readPath(object, ...path);
  return Array.isArray(list) ? list : [];
}
