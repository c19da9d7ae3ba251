import { findPullSecret, type Policy } from '../engine/policy.ts';
import { defineRule, type Problem } from '../engine/rule.ts';
import { quote } from '../image/quote.ts';
import { joinPointer } from '../workload/pointer.ts';
import { addPullSecrets } from '../workload/pull-secret.ts';
import type { ImageUse, Workload } from '../workload/workload.ts';

export const pullSecretPresent = defineRule({
  id: 'pull-secret-present',
  description:
    'Finds pods that do not name the pull secret which the registry of one of their images needs, and adds it.',
  remedy: 'Name the pull secret of the registry in imagePullSecrets.',
  faqItems: [1],
  defaultAction: 'warn',
  fixable: true,
  options: {},
  needs: [],
  check: ({ workload, policy }) => {
    const missing = listMissing(workload, policy);
    const edits = addPullSecrets(workload, [...missing.keys()]);
    return [...missing].map(([secret, image], at): Problem => {
      const edit = edits[at];
      return {
        message: `${quote(image.written)} needs its registry's pull secret`,
        at: joinPointer(workload.podSpec, 'imagePullSecrets'),
        label: image.label,
        fix: { edits: edit === undefined ? [] : [edit], gives: quote(secret) },
      };
    });
  },
});

/** The pull secrets a pod lacks, each with the first image that needs it. An image that is never pulled needs none. */
function listMissing({ images, pullSecrets }: Workload, policy: Policy): ReadonlyMap<string, ImageUse> {
  const missing = new Map<string, ImageUse>();
  for (const image of images) {
    if (!image.parsed.ok || image.pullPolicy === 'Never') continue;
    const secret = findPullSecret(policy, image.parsed.reference);
    if (secret !== undefined && !pullSecrets.includes(secret) && !missing.has(secret)) missing.set(secret, image);
  }
  return missing;
}
