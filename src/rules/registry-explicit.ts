import { defineRule, type Report } from '../engine/rule.ts';
import { formatReference, splitReference } from '../image/reference.ts';
import { quote } from '../text/quote.ts';
import { placeOf } from '../workload/workload.ts';

const MESSAGES = {
  'no-registry': ({ address }: Readonly<{ address: string }>) =>
    `names no registry: containerd takes it from Docker Hub, CRI-O from wherever it is told to search, or not at all (ImageInspectError); write ${quote(address, 120)} if that is meant`,
};

export const registryExplicit = defineRule({
  id: 'registry-explicit',
  description: 'Finds images without a registry, which not every container runtime takes from Docker Hub.',
  remedy: 'Write the registry out: docker.io/library/nginx for nginx, docker.io/org/app for org/app.',
  faqItems: [2],
  defaultAction: 'off',
  scope: 'images',
  fixable: false,
  options: {},
  needs: [],
  messages: MESSAGES,
  check: ({ workload, flatMap }) =>
    flatMap(workload.images, (use): readonly Report<typeof MESSAGES>[] => {
      const { parsed, written } = use;
      if (!parsed.ok || splitReference(written).domain !== undefined) return [];
      const address = formatReference(parsed.reference);
      return [{ ...placeOf(use), messageId: 'no-registry', params: { address }, suggestion: address }];
    }),
});
