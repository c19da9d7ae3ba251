import { matchGlob } from '../text/glob.ts';
import { quote } from '../text/quote.ts';
import { LONGEST_SKIP } from '../text/bounds.ts';
import { SKIP_ANNOTATION, type Workload } from '../workload/workload.ts';
import type { PolicySections, SkipPolicy } from '../policy/policy.ts';
import type { Problem } from './rule.ts';

/** The rules that a workload skips, and problems of its other requests to skip rules. */
export type Skips = Readonly<{ waived: ReadonlySet<string>; problems: readonly Problem[] }>;

export const NO_SKIPS: Skips = { waived: new Set(), problems: [] };

/** Evaluates a workload's annotation `pullguard.dev/skip: mirror-used,tag-explicit`. */
export function resolveSkips(
  { skips, namespace }: Pick<Workload, 'skips' | 'namespace'>,
  { skip }: Pick<PolicySections, 'skip'>,
): Skips {
  const allowedHere = skip.namespaces.some((glob) => matchGlob(glob, namespace));
  const waived = new Set<string>();
  const problems: Problem[] = [];
  for (const { at, rules } of skips) {
    if (rules === 'too-long') {
      const message = `${SKIP_ANNOTATION} is longer than ${LONGEST_SKIP} characters and is ignored: list each rule once`;
      problems.push({ messageId: 'too-long', message, at, atMost: 'warn' });
      continue;
    }
    for (const rule of rules) {
      if (allowedHere && skip.rules.has(rule)) waived.add(rule);
      else problems.push({ ...explain(rule, skip), at, value: rule, atMost: 'warn' });
    }
  }
  return { waived, problems };
}

function explain(rule: string, skip: SkipPolicy): Pick<Problem, 'messageId' | 'message'> {
  if (!skip.known.includes(rule)) {
    const message = `not a rule, so ${SKIP_ANNOTATION} ignores it: run pullguard rules to list them`;
    return { messageId: 'unknown-rule', message };
  }
  const allowed = [...skip.rules].map((id) => quote(id)).join(', ');
  if (allowed === '') {
    return {
      messageId: 'no-skipping',
      message: 'rule cannot be skipped, as the policy allows no skipping: see skip in the policy',
    };
  }
  if (!skip.rules.has(rule)) {
    return {
      messageId: 'not-this-rule',
      message: `rule cannot be skipped, as the policy allows only ${allowed}: see skip in the policy`,
    };
  }
  return {
    messageId: 'not-here',
    message: 'rule cannot be skipped in this namespace: see skip.namespaces in the policy',
  };
}
