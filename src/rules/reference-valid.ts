import { defineRule, type Report } from '../engine/rule.ts';
import { findSuspicion } from '../image/parse-reference.ts';
import { quote } from '../text/quote.ts';
import { placeOf } from '../workload/workload.ts';

const MESSAGES = {
  malformed: ({ problem }: Readonly<{ problem: string }>) => problem,
  'malformed-with-suggestion': ({ problem, suggestion }: Readonly<{ problem: string; suggestion: string }>) =>
    `${problem}; did you mean ${quote(suggestion, suggestion.length)}?`,
  suspicious: ({ suspicion }: Readonly<{ suspicion: string }>) => suspicion,
};

export const referenceValid = defineRule({
  id: 'reference-valid',
  description: 'Finds image addresses that no container runtime can parse, and says what was probably meant.',
  remedy: 'Write the address as registry/repository:tag, or as repository:tag for Docker Hub.',
  faqItems: [2],
  defaultAction: 'deny',
  scope: 'images',
  fixable: false,
  options: {},
  needs: [],
  messages: MESSAGES,
  check: ({ workload }) =>
    workload.images.flatMap((use): readonly Report<typeof MESSAGES>[] => {
      const place = placeOf(use);
      const { parsed, written } = use;
      if (parsed.ok) {
        const suspicion = findSuspicion(written);
        if (suspicion === undefined) return [];
        return [{ ...place, messageId: 'suspicious', params: { suspicion }, atMost: 'warn' }];
      }
      const { message: problem, suggestion } = parsed.problem;
      if (suggestion === undefined) return [{ ...place, messageId: 'malformed', params: { problem } }];
      return [{ ...place, messageId: 'malformed-with-suggestion', params: { problem, suggestion }, suggestion }];
    }),
});
