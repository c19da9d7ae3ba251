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
  // Where the nodes are not known there is nothing to say, and nothing that was left out.
  needs: [],
  messages: MESSAGES,
  check: ({ workload, pull, flatMap }) => {
    const unpulled = workload.images.filter(({ pullPolicy }) => pullPolicy === 'Never').slice(0, MOST_LOOKED_UP);
    if (unpulled.length === 0) return [];
    const { nodes = [] } = pull.nodes() ?? {};
    // A node that may have more images than it lists may have this one.
    if (nodes.length === 0 || !nodes.every(({ listsAllImages }) => listsAllImages)) return [];
    return flatMap(unpulled, (use): readonly Report<typeof MESSAGES>[] => {
      if (!use.parsed.ok) return [];
      const name = nameOnNode(use.parsed.reference);
      if (nodes.some(({ images }) => images.has(name))) return [];
      // An image that was loaded a moment ago is not listed yet, and a node may be on its way that has it.
      return [{ ...placeOf(use), messageId: 'on-no-node', atMost: 'warn' }];
    });
  },
});
