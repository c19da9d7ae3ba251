import { defineRule, type Report } from '../engine/rule.ts';
import { formatReference, splitReference } from '../image/reference.ts';
import { quote } from '../text/quote.ts';
import { placeOf } from '../workload/workload.ts';

const MESSAGES = {
  'no-registry': ({ address }: Readonly<{ address: string }>) =>
    `image has no registry, so CRI-O may reject it as a short name (ImageInspectError): write ${quote(address, 120)} if you mean Docker Hub`,
};

export const registryExplicit = defineRule({
  id: 'registry-explicit',
  description: 'Finds images without a registry, which CRI-O may reject or pull from a registry other than Docker Hub.',
  remedy: 'Write out the registry: docker.io/library/nginx for nginx, docker.io/org/app for org/app.',
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
