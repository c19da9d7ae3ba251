import { defineRule, type Report } from '../engine/rule.ts';
import { placeOf } from '../workload/workload.ts';

const MESSAGES = {
  'no-tag': () => 'names no tag and no digest, so latest is pulled',
  latest: () => 'has the tag latest, which moves',
};

export const tagExplicit = defineRule({
  id: 'tag-explicit',
  description: 'Finds images with neither tag nor digest, which are pulled as latest, whatever that is on the day.',
  remedy: 'Name the version to run: a tag, a digest, or both.',
  faqItems: [2],
  defaultAction: 'off',
  scope: 'images',
  fixable: false,
  options: {
    forbidLatest: {
      type: 'boolean',
      default: false,
      description: 'Also find the tag `latest` where it is written out.',
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
