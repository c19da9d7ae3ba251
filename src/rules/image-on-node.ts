import { defineRule, type Report } from '../engine/rule.ts';
import { nameOnNode } from '../pull/nodes.ts';
import { MOST_LOOKED_UP } from '../text/bounds.ts';
import { placeOf } from '../workload/workload.ts';

const MESSAGES = {
  'on-no-node': () =>
    'image is not known to be on any node that the Pod may run on, and imagePullPolicy is Never (ErrImageNeverPull): load it onto the nodes, or use IfNotPresent',
};

export const imageOnNode = defineRule({
  id: 'image-on-node',
  description: 'Finds images that are never pulled, and are on none of the nodes that the Pod may run on.',
  remedy: 'Load the image onto the nodes, or set imagePullPolicy to IfNotPresent.',
  faqItems: [2],
  defaultAction: 'warn',
  scope: 'images',
  fixable: false,
  options: {},
  // The rule runs without facts: if the nodes are unknown it finds nothing, which needs no report.
  needs: [],
  messages: MESSAGES,
  check: ({ workload, pull, flatMap }) => {
    const unpulled = workload.images.filter(({ pullPolicy }) => pullPolicy === 'Never').slice(0, MOST_LOOKED_UP);
    if (unpulled.length === 0) return [];
    const { nodes = [] } = pull.nodes() ?? {};
    // If a node may have more images than it lists, this one may be among them.
    if (nodes.length === 0 || !nodes.every(({ listsAllImages }) => listsAllImages)) return [];
    return flatMap(unpulled, (use): readonly Report<typeof MESSAGES>[] => {
      if (!use.parsed.ok) return [];
      const name = nameOnNode(use.parsed.reference);
      if (nodes.some(({ images }) => images.has(name))) return [];
      // A recently loaded image is not listed yet, and a new node with the image may join.
      return [{ ...placeOf(use), messageId: 'on-no-node', atMost: 'warn' }];
    });
  },
});
