import { findMirror } from '../engine/policy.ts';
import { defineRule, type Problem, type RuleContext } from '../engine/rule.ts';
import { quote } from '../image/quote.ts';
import { fitsLength, formatReference } from '../image/reference.ts';
import type { ImageUse } from '../workload/workload.ts';

export const mirrorUsed = defineRule({
  id: 'mirror-used',
  description: 'Finds images that should come from the mirror of their registry, and takes them from there.',
  remedy: 'Write the address of the image on the mirror.',
  faqItems: [7, 8],
  defaultAction: 'warn',
  judges: 'images',
  fixable: true,
  options: {},
  needs: [],
  check: (context) => context.workload.images.flatMap((image) => checkImage(image, context)),
});

function checkImage(
  { label, pointer, written, parsed, pullPolicy }: ImageUse,
  { policy }: Pick<RuleContext<unknown>, 'policy'>,
): readonly Problem[] {
  // An image that is never pulled comes from no registry at all; its name is what it was loaded under.
  if (!parsed.ok || pullPolicy === 'Never') return [];
  const mirrored = findMirror(policy, parsed.reference);
  if (mirrored === undefined) return [];
  const place = { label, at: pointer, value: written };
  const message = `comes from ${parsed.reference.registry}`;
  const address = formatReference(mirrored);
  if (!fitsLength(mirrored)) {
    return [{ ...place, message: `${message}; its address on the mirror would be too long`, atMost: 'warn' }];
  }
  const fix = {
    edits: [{ op: 'replace', path: pointer, value: address } as const],
    gives: quote(address, address.length),
  };
  return [{ ...place, message, fix }];
}
