import { quote } from '../text/quote.ts';
import type { CandidateNodes } from '../pull/candidate-nodes.ts';
import type { ClusterNode } from '../pull/facts.ts';

/**
 * Some of the nodes that a workload may run on, and the verb that follows, for one or for many of them:
 * `all 3 nodes it may run on have`, `1 of 5 nodes it may run on has`.
 */
export function nameNodes(
  some: readonly ClusterNode[],
  { nodes, isExact }: CandidateNodes,
  [one, many]: readonly [one: string, many: string],
): string {
  const [first] = some;
  if (some.length === nodes.length) {
    if (!isExact) return `all nodes it may run on ${many}`;
    return nodes.length === 1
      ? `the only node it may run on, ${quote(first?.name ?? '', MAX_NAME)}, ${one}`
      : `all ${nodes.length} nodes it may run on ${many}`;
  }
  const who = isExact ? 'it may run on' : '(which it may run on is not known)';
  return `${some.length} of ${nodes.length} nodes ${who} ${some.length === 1 ? one : many}`;
}

/** They are host names in most places. */
const MAX_NAME = 40;
