import type { PullableImage } from '../cause/answer.ts';
import { listRunnable } from '../image/platform.ts';
import { formatReference, type ImageReference } from '../image/reference.ts';
import { memoize, memoizeByObject } from '../text/memoize.ts';
import { parseInteger, readPlacement, type NodeTerm, type Placement, type Requirement } from '../workload/placement.ts';
import type { Workload } from '../workload/workload.ts';
import type { ClusterNode, Facts } from './facts.ts';

/** The nodes that a workload may run on, of which there is one at least, and what is asked of them most. */
export type CandidateNodes = Readonly<{
  nodes: readonly ClusterNode[];
  /** False when something keeps it from some of them, and it is not known from which. */
  isExact: boolean;
  platforms: ReadonlySet<string>;
  hasDiskPressure: boolean;
  /** Of the node with the least; Infinity when none says. */
  leastStorageBytes: number;
}>;

/**
 * Finds the nodes that the pods of a workload may run on by what it says of nodes' names and labels, and by whether they are
 * closed to new pods. Taints, and what else a scheduler looks at, are not looked at. Undefined when the nodes are not known,
 * and when there is none for it.
 */
export function findCandidateNodes({ placement, kind }: Workload, { nodes }: Facts): CandidateNodes | undefined {
  const list = nodes?.list() ?? [];
  if (list.length === 0) return undefined;
  const read = readPlacement(placement);
  // The controller of DaemonSets has their pods tolerate that a node is closed.
  const key = JSON.stringify(kind === 'DaemonSet' ? { ...read, entersClosed: true } : read);
  const found = selectionsOf(list)(key);
  return found.nodes.length === 0 ? undefined : found;
}

/**
 * Whether an image has what a node of this platform would fetch, by what containerd chooses of its index: `missing` when the index
 * names it and the registry has not. `unknown` of a node that has not said what it is, or an image that does not say it either.
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

/** The name that kubelet gives to an image on its node: by digest if it has one, and else by its tag. */
export function nameOnNode({ tag = 'latest', digest, ...name }: ImageReference): string {
  return formatReference(digest === undefined ? { ...name, tag } : { ...name, digest });
}

/** Most pods say the same few things of nodes, or nothing, and to go through a thousand nodes for each would be slow. */
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

/** Whether pods may run on a node, as Kubernetes' own `nodeaffinity` decides it. */
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

/** Labels may be called as what every object has, `constructor`. */
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

/** Above 0 when the left one is greater; NaN when one of them is no integer. */
function compareIntegers(left = '', right = ''): number {
  const [a, b] = [parseInteger(left), parseInteger(right)];
  return a === undefined || b === undefined ? NaN : a === b ? 0 : a > b ? 1 : -1;
}
