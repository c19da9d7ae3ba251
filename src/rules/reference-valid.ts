import { defineRule, type Report } from '../engine/rule.ts';
import type { ReferenceProblem } from '../image/diagnose.ts';
import { findSuspicions } from '../image/parse-reference.ts';
import { findMirror } from '../policy/policy.ts';
import { quote } from '../text/quote.ts';
import { placeOf } from '../workload/workload.ts';

const MESSAGES = {
  malformed: ({ problem: { message, suggestion } }: Readonly<{ problem: ReferenceProblem }>) =>
    `InvalidImageName: ${message}${suggestion === undefined ? '' : `; did you mean ${quote(suggestion, suggestion.length)}?`}`,
  suspicious: ({ suspicion }: Readonly<{ suspicion: string }>) => suspicion,
};

export const referenceValid = defineRule({
  id: 'reference-valid',
  description: 'Finds image references that no container runtime can parse, and suggests what was meant.',
  remedy: 'Write the image as registry/repository:tag, or as repository:tag for Docker Hub.',
  faqItems: [2],
  defaultAction: 'deny',
  scope: 'images',
  fixable: false,
  options: {},
  needs: [],
  messages: MESSAGES,
  check: ({ workload, policy, flatMap }) =>
    flatMap(workload.images, (use): readonly Report<typeof MESSAGES>[] => {
      const place = placeOf(use);
      const { parsed, written } = use;
      if (parsed.ok) {
        const { suspicion: other, move } = findSuspicions(written);
        const isMoved = move !== undefined && findMirror(policy, parsed.reference) === undefined;
        const suspicion = other ?? (isMoved ? move : undefined);
        return suspicion === undefined
          ? []
          : [{ ...place, messageId: 'suspicious', params: { suspicion }, atMost: 'warn' }];
      }
      // Created on access: of thousands of invalid references only some are reported, and suggestions take the most time.
      return [
        {
          ...place,
          messageId: 'malformed',
          params: parsed,
          get suggestion() {
            return parsed.problem.suggestion;
          },
        },
      ];
    }),
});
