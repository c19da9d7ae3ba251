import type { PullableImage } from '../cause/answer.ts';
import { listRunnable } from '../image/platform.ts';
import { formatReference, type ImageReference } from '../image/reference.ts';
import { memoize, memoizeByObject } from '../text/memoize.ts';
import { parseInteger, readPlacement, type NodeTerm, type Placement, type Requirement } from '../workload/placement.ts';
import type { Workload } from '../workload/workload.ts';
import type { ClusterNode, Facts } from './facts.ts';

/** The nodes that a workload may run on, at least one, and values that are needed often. */
export type CandidateNodes = Readonly<{
  nodes: readonly ClusterNode[];
  /** False if something excludes some of them, but it is unknown which. */
  isExact: boolean;
  platforms: ReadonlySet<string>;
  hasDiskPressure: boolean;
  /** Of the node with the least; Infinity if no node reports it. */
  leastStorageBytes: number;
}>;

/**
 * Finds the nodes that the Pods of a workload may run on, by node names, labels and cordoning. Taints and other criteria of
 * schedulers are ignored. Undefined if the nodes are unknown, or if none matches.
 */
export function findCandidateNodes({ placement, kind }: Workload, { nodes }: Facts): CandidateNodes | undefined {
  const list = nodes?.list() ?? [];
  if (list.length === 0) return undefined;
  const read = readPlacement(placement);
  // The DaemonSet controller adds a toleration for cordoned nodes.
  const key = JSON.stringify(kind === 'DaemonSet' ? { ...read, entersClosed: true } : read);
  const found = selectionsOf(list)(key);
  return found.nodes.length === 0 ? undefined : found;
}

/**
 * Whether an image has what a node of this platform would pull, by the entry that containerd chooses from the index: `missing` if
 * the index lists it but the registry does not have it. `unknown` if the platform of the node or of the image is unknown.
 */
export function findForNode(
  node: string,
  { platforms, missing = [] }: Pick<PullableImage, 'platforms' | 'missing'>,
): 'there' | 'missing' | 'none' | 'unknown' {
  const runnable = listRunnable(node);
  if (runnable.length === 0 || platforms === undefined) return 'unknown';
  const chosen = runnable.find((platform) => platforms.includes(platform) || missing.includes(platform));
  if (chosen === undefined) return 'none';
  return platforms.includes(chosen) ? 'there' : 'missing';
}

/** The name of an image in kubelet's list: by digest if it has one, otherwise by tag. */
export function nameOnNode({ tag = 'latest', digest, ...name }: ImageReference): string {
  return formatReference(digest === undefined ? { ...name, tag } : { ...name, digest });
}

/**
 * Cached by placement: most Pods have the same few placements or none, and going through a thousand nodes for each would be slow.
 */
const selectionsOf = memoizeByObject((list: readonly ClusterNode[]) =>
  memoize((placement) => selectNodes(list, JSON.parse(placement) as Placement)),
);

function selectNodes(list: readonly ClusterNode[], placement: Placement): CandidateNodes {
  const nodes = list.filter((node) => matchPlacement(placement, node));
  return {
    nodes,
    isExact: placement.isComplete,
    platforms: new Set(nodes.map(({ platform }) => platform)),
    hasDiskPressure: nodes.some(({ hasDiskPressure }) => hasDiskPressure),
    leastStorageBytes: nodes.reduce(
      (least, { ephemeralStorageBytes = Infinity }) => Math.min(least, ephemeralStorageBytes),
      Infinity,
    ),
  };
}

type Node = Pick<ClusterNode, 'name' | 'labels' | 'isUnschedulable'>;

/** Whether Pods may run on a node, as in Kubernetes' `nodeaffinity` package. */
export function matchPlacement({ nodeName, nodeSelector, terms, entersClosed }: Placement, node: Node): boolean {
  if (nodeName !== '' && nodeName !== node.name) return false;
  if (node.isUnschedulable && !entersClosed) return false;
  for (const key of Object.keys(nodeSelector)) {
    if (labelOf(node, key) !== nodeSelector[key]) return false;
  }
  return terms === undefined || terms.some((term) => matchTerm(term, node));
}

function matchTerm({ labels, names }: NodeTerm, node: Node): boolean {
  return (
    labels.length + names.length > 0 &&
    labels.every((requirement) => matchValue(requirement, labelOf(node, requirement.key))) &&
    names.every((requirement) => matchValue(requirement, node.name))
  );
}

/** A label may have the name of an object's own property, such as `constructor`. */
function labelOf({ labels }: Node, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

function matchValue({ operator, values }: Requirement, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return compareIntegers(value, values[0]) > 0;
    case 'Lt':
      return compareIntegers(value, values[0]) < 0;
  }
}

/** Positive if the left one is greater; NaN if one of them is not an integer. */
function compareIntegers(left = '', right = ''): number {
  const [a, b] = [parseInteger(left), parseInteger(right)];
  return a === undefined || b === undefined ? NaN : a === b ? 0 : a > b ? 1 : -1;
}
