import { defineRule, type Report } from '../engine/rule.ts';
import { placeOf } from '../workload/workload.ts';

const MESSAGES = {
  'no-tag': () => 'image has no tag and no digest, so "latest" is pulled: add a tag or a digest',
  latest: () => 'tag "latest" may change at any time: use a version tag or a digest',
};

export const tagExplicit = defineRule({
  id: 'tag-explicit',
  description: 'Finds images without a tag or digest, for which the tag latest is pulled.',
  remedy: 'Add the tag or the digest of the version to run.',
  faqItems: [2],
  defaultAction: 'off',
  scope: 'images',
  fixable: false,
  options: {
    forbidLatest: {
      type: 'boolean',
      default: false,
      description: 'Also find images with the tag `latest`.',
    },
  },
  needs: [],
  messages: MESSAGES,
  check: ({ workload, options, flatMap }) =>
    flatMap(workload.images, (use): readonly Report<typeof MESSAGES>[] => {
      const { parsed } = use;
      if (!parsed.ok || parsed.reference.digest !== undefined) return [];
      const { tag } = parsed.reference;
      if (tag === undefined) return [{ ...placeOf(use), messageId: 'no-tag' }];
      return options.forbidLatest && tag === 'latest' ? [{ ...placeOf(use), messageId: 'latest' }] : [];
    }),
});
