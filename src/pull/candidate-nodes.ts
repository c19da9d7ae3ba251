import { formatReference, type ImageReference } from '../image/reference.ts';
import { memoize, memoizeByObject } from '../text/memoize.ts';
import { readPlacement, type Placement } from '../workload/placement.ts';
import type { Workload } from '../workload/workload.ts';
import type { ClusterNode, Facts } from './facts.ts';
import { matchPlacement } from './match-placement.ts';

/** The nodes that a workload may run on, of which there is one at least, and what is asked of them most. */
export type CandidateNodes = Readonly<{
  nodes: readonly ClusterNode[];
  /** False when something keeps it from some of them and nobody knows from which. */
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
