import { defineRule, type ConfiguredRule, type Found, type Rule, type RuleContext } from '../../src/engine/rule.ts';

/** What a made-up rule reports: its words, and the rest of a report. */
export type MadeUp = Found & Readonly<{ says: string }>;

/** A rule as a test wants it, set to `deny` and to fix. */
export function madeUpRule(
  id: string,
  check: (context: RuleContext<unknown>) => readonly MadeUp[],
  special: Partial<Pick<Rule, 'scope' | 'needs'>> = {},
): ConfiguredRule {
  const rule = defineRule({
    id,
    description: 'Finds what a test wants found.',
    remedy: 'Do as the test says.',
    faqItems: [1],
    defaultAction: 'warn',
    scope: 'images',
    fixable: true,
    options: {},
    needs: [],
    messages: { said: ({ text }: Readonly<{ text: string }>) => text },
    check: (context) =>
      check(context).map(({ says, ...found }) => ({ ...found, messageId: 'said', params: { text: says } })),
  });
  return { rule: { ...rule, ...special }, action: 'deny', fix: true, options: {} };
}
