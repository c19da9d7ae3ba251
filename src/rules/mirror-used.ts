import { findMirror } from '../policy/policy.ts';
import { defineRule, type Problem, type RuleContext } from '../engine/rule.ts';
import { findMirrorTrouble } from './verify-mirror.ts';
import { quote } from '../text/quote.ts';
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
  options: {
    verify: {
      type: 'boolean',
      default: false,
      description: 'Ask the mirror whether it has the image, and take it from there only if it says so.',
    },
  },
  needs: [],
  check: (context) => context.workload.images.flatMap((image) => checkImage(image, context)),
});

function checkImage(
  { label, pointer, written, parsed, pullPolicy }: ImageUse,
  context: RuleContext<Readonly<{ verify: boolean }>>,
): readonly Problem[] {
  // An image that is never pulled comes from no registry at all; its name is what it was loaded under.
  if (!parsed.ok || pullPolicy === 'Never') return [];
  const { reference } = parsed;
  const mirrored = findMirror(context.policy, reference);
  if (mirrored === undefined) return [];
  const place = { label, at: pointer, value: written };
  const message = `comes from ${reference.registry}`;
  const address = formatReference(mirrored);
  if (!fitsLength(mirrored)) {
    return [{ ...place, message: `${message}; its address on the mirror would be too long`, atMost: 'warn' }];
  }
  const trouble = context.options.verify ? findMirrorTrouble(reference, mirrored, context) : undefined;
  if (trouble !== undefined) return [{ ...place, ...trouble, atMost: 'warn' }];
  const fix = {
    edits: [{ op: 'replace', path: pointer, value: address } as const],
    gives: quote(address, address.length),
  };
  return [{ ...place, message, fix }];
}
