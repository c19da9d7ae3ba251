import { defineRule, type Problem } from '../engine/rule.ts';
import { quote } from '../text/quote.ts';
import { findSuspicion } from '../image/parse-reference.ts';
import type { ImageUse } from '../workload/workload.ts';

export const referenceValid = defineRule({
  id: 'reference-valid',
  description: 'Finds image addresses that no container runtime can parse, and says what was probably meant.',
  remedy: 'Write the address as registry/repository:tag, or as repository:tag for Docker Hub.',
  faqItems: [2],
  defaultAction: 'deny',
  judges: 'images',
  fixable: false,
  options: {},
  needs: [],
  check: ({ workload }) => workload.images.flatMap((image) => checkImage(image)),
});

function checkImage({ label, pointer, written, parsed }: ImageUse): readonly Problem[] {
  const place = { label, at: pointer, value: written };
  if (parsed.ok) {
    const suspicion = findSuspicion(written);
    return suspicion === undefined ? [] : [{ ...place, message: suspicion, atMost: 'warn' }];
  }
  const { message, suggestion } = parsed.problem;
  return [
    {
      ...place,
      message: suggestion === undefined ? message : `${message}; did you mean ${quote(suggestion, suggestion.length)}?`,
    },
  ];
}
