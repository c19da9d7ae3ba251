import { FIX_LABEL, MODE_LABEL } from '../../engine/namespace-mode.ts';
import { formatReference, readReference } from '../../image/reference.ts';
import type { ClusterNode, ServiceAccount } from '../../pull/facts.ts';
import { MOST_NAMESPACE_LABELS, MOST_NODE_IMAGES, MOST_PULL_SECRETS } from '../../text/bounds.ts';
import { isRecord, readPath, readString } from '../../text/json.ts';
import { MAX_SUBDOMAIN } from '../../text/kubernetes-name.ts';
import { memoize } from '../../text/memoize.ts';
import type { KubernetesObject } from '../connection/api-server.ts';

// What is kept of objects. Malformed parts are ignored; the functions only throw for
// what is beyond a bound, so that nothing is known of the object.

/** The labels of a Namespace for pullguard. */
export type NamespaceLabels = Readonly<Record<string, string>>;

export function readNamespace(object: KubernetesObject): NamespaceLabels {
  const ours = Object.entries(readLabels(object)).filter(([label]) => label.startsWith('pullguard.dev/'));
  // Labels with a meaning come first, so that they are always kept.
  ours.sort(([left], [right]) => Number(isKnownLabel(right)) - Number(isKnownLabel(left)));
  ours.length = Math.min(ours.length, MOST_NAMESPACE_LABELS);
  return shareLabels(JSON.stringify(Object.fromEntries(ours)));
}

function isKnownLabel(label: string): boolean {
  return label === MODE_LABEL || label === FIX_LABEL;
}

/** Namespaces with equal labels share one object, as most have none. */
const shareLabels = memoize((written) => JSON.parse(written) as NamespaceLabels);

export function readServiceAccount(object: KubernetesObject): ServiceAccount {
  const references = listAt(object, 'imagePullSecrets');
  if (references.length > MOST_PULL_SECRETS)
    throw new Error(`it names more than ${MOST_PULL_SECRETS} imagePullSecrets`);
  const pullSecrets = references.flatMap((reference) =>
    isRecord(reference) && typeof reference['name'] === 'string' ? [reference['name']] : [],
  );
  if (pullSecrets.some(({ length }) => length > MAX_SUBDOMAIN))
    throw new Error(`it names an imagePullSecret longer than ${MAX_SUBDOMAIN} characters`);
  const enforces = readString(object, 'metadata', 'annotations', 'kubernetes.io/enforce-mountable-secrets');
  const account: ServiceAccount = { pullSecrets, enforcesMountableSecrets: TRUE.test(enforces) };
  return shareAccount(JSON.stringify(account));
}

/** The values that Go's `strconv.ParseBool` reads as true; for the API server others are false. */
const TRUE = /^(?:1|t|T|true|TRUE|True)$/;

/** Equal ServiceAccounts share one object, as most are empty. */
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
    ...readImages(object),
  };
}

/** The names of an image are its tags and digests, or `<none>@<none>` if it has lost them. kubelet also leaves some out. */
function readImages(object: KubernetesObject): Pick<ClusterNode, 'images' | 'listsAllImages'> {
  const listed = listAt(object, 'status', 'images');
  const names = new Set<string>();
  // A node without any image is not run by kubelet, which has at least the image of the Pods' sandbox.
  let listsAllImages = listed.length > 0 && listed.length < MOST_LISTED_BY_KUBELET;
  for (const image of listed) {
    const its = listAt(image, 'names');
    if (its.length >= MOST_NAMED_BY_KUBELET) listsAllImages = false;
    for (const name of its) {
      if (names.size >= MOST_NODE_IMAGES) return { images: names, listsAllImages: false };
      const read = typeof name === 'string' ? normalizeOnce(name) : undefined;
      if (read !== undefined) names.add(read);
    }
  }
  return { images: names, listsAllImages };
}

/** kubelet lists the largest images, this many by default (`nodeStatusMaxImages`), and this many names of each. */
const MOST_LISTED_BY_KUBELET = 50;
const MOST_NAMED_BY_KUBELET = 5;

/** As reported by kubelet, otherwise by the labels of the node; empty without both. Other node agents may write `Linux`. */
function readPlatform(object: KubernetesObject, labels: ClusterNode['labels']): string {
  const system = readString(object, 'status', 'nodeInfo', 'operatingSystem') || labels['kubernetes.io/os'];
  const architecture = readString(object, 'status', 'nodeInfo', 'architecture') || labels['kubernetes.io/arch'];
  return system === undefined || architecture === undefined ? '' : share(`${system}/${architecture}`.toLowerCase());
}

/** Equal names share one string, as a thousand nodes have the same images. */
const normalizeOnce = memoize((name) => {
  const reference = readReference(name);
  return reference === undefined ? undefined : formatReference(reference);
});

const share = memoize((text) => text);

/** Numbers in the notation of Kubernetes, with their factor; without a minus sign, as no value here is negative. */
const QUANTITY = /^\+?(\d+(?:\.\d*)?|\.\d+)(?:([KMGTPE])i|([numkMGTPE]?)|[eE]([+-]?\d{1,3}))$/;

/** Powers of 1024. */
const BINARY = 'KMGTPE';

/** Powers of ten. */
const DECIMAL: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };

/**
 * The whole number of a Kubernetes quantity, such as bytes, rounded up as Kubernetes does
 * (`apimachinery/pkg/api/resource/quantity.go`): `1536Mi`, `1.5Gi`, `100G`, `1e3`, `129e6`, `2500m`. Undefined if it is invalid,
 * negative or infinite.
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
