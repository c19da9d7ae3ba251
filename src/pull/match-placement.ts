import { parseInteger, type NodeTerm, type Placement, type Requirement } from '../workload/placement.ts';
import type { ClusterNode } from './facts.ts';

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
