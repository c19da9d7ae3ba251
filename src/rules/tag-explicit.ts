import { defineRule, type Problem } from '../engine/rule.ts';
import type { ImageUse } from '../workload/workload.ts';

export const tagExplicit = defineRule({
  id: 'tag-explicit',
  description: 'Finds images with neither tag nor digest, which are pulled as latest, whatever that is on the day.',
  remedy: 'Name the version to run: a tag, a digest, or both.',
  faqItems: [2],
  defaultAction: 'off',
  judges: 'images',
  fixable: false,
  options: {
    forbidLatest: {
      type: 'boolean',
      default: false,
      description: 'Also find the tag `latest` where it is written out.',
    },
  },
  needs: [],
  check: ({ workload, options }) => workload.images.flatMap((image) => checkImage(image, options.forbidLatest)),
});

function checkImage({ label, pointer, written, parsed }: ImageUse, forbidLatest: boolean): readonly Problem[] {
  if (!parsed.ok || parsed.reference.digest !== undefined) return [];
  const { tag } = parsed.reference;
  if (tag !== undefined && !(forbidLatest && tag === 'latest')) return [];
  const message =
    tag === undefined ? 'names no tag and no digest, so latest is pulled' : 'has the tag latest, which moves';
  return [{ label, at: pointer, value: written, message }];
}
