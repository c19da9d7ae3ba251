import { NOTHING_FOUND, type Decision } from '../engine/evaluate.ts';
import type { Mode } from '../engine/namespace-mode.ts';
import type { Policy } from '../engine/rule.ts';
import type { Facts } from '../pull/facts.ts';
import { memoizeByObject } from '../text/memoize.ts';
import { isPod } from '../workload/kinds.ts';
import { checkObject } from './check-object.ts';
import { classifyRequest, type ExemptReason } from './exempt.ts';
import { checkNamespaceLabels, isNamespace } from './namespace-labels.ts';
import type { AdmissionRequest } from './review.ts';

/** `/mutate` makes fixes and says so; `/validate`, which the API server calls afterwards, checks what is left. */
export const ENDPOINTS = ['mutate', 'validate'] as const;
export type Endpoint = (typeof ENDPOINTS)[number];

/** What came of a request: exempt with a reason, or checked, in a namespace that limits what comes of it. */
export type Admission = Decision & Readonly<{ exempt?: ExemptReason; mode?: Mode }>;

/**
 * Decides an admission request. Knows nothing of HTTP; a policy, the known facts and the time, in milliseconds since 1970, are
 * all it looks at besides.
 */
export function admit(
  request: AdmissionRequest,
  endpoint: Endpoint,
  policy: Policy,
  { facts, now }: Readonly<{ facts: Facts; now: number }>,
): Admission {
  if (isNamespace(request) && endpoint === 'validate') {
    return { ...NOTHING_FOUND, findings: checkNamespaceLabels(request) };
  }
  const classified = classifyRequest(request, policy);
  if (classified.exempt !== undefined) return { ...NOTHING_FOUND, exempt: classified.exempt };
  const { kind } = classified;
  const isNew = request.operation === 'CREATE';
  const isFixable = isNew && isPod(kind);
  const { object, oldObject, namespace } = request;
  const checked = checkObject(isNew ? endpoint : 'update', {
    object,
    oldObject,
    kind,
    namespace,
    policy: endpoint === 'validate' ? policy : isFixable ? fixesOf(policy) : withoutRules(policy),
    facts,
    now,
  });
  if (checked.exempt !== undefined) return { ...NOTHING_FOUND, exempt: checked.exempt };
  const { decision, mode } = checked;
  const admission = mode === 'enforce' ? decision : { ...decision, mode };
  if (endpoint === 'validate') return admission;
  return isFixable ? { ...admission, findings: decision.findings.filter(({ fixed }) => fixed === 'now') } : decision;
}

/** The policy without the rules that fix nothing: what they find is said by `/validate`. */
const fixesOf = memoizeByObject((policy: Policy): Policy => ({
  ...policy,
  rules: policy.rules.filter(({ rule, fix }) => rule.fixable && fix),
}));

/** Templates are never changed, and pods only as they are created: nothing else comes of `/mutate`. */
const withoutRules = memoizeByObject((policy: Policy): Policy => ({ ...policy, rules: [] }));
