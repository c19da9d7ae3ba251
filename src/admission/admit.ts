import { NOTHING_FOUND, type Decision } from '../engine/evaluate.ts';
import type { Mode } from '../engine/namespace-mode.ts';
import type { Policy } from '../engine/rule.ts';
import type { Facts } from '../pull/facts.ts';
import { memoizeByObject } from '../text/memoize.ts';
import { findKind, isPod, type WorkloadKind } from '../workload/kinds.ts';
import { checkObject, type CheckInput, type ExemptReason } from './check-object.ts';
import { checkNamespaceLabels } from './namespace-labels.ts';
import { isNamespace, type AdmissionRequest } from './review.ts';

/** `/mutate` fixes Pods and reports that; `/validate`, which the API server calls afterwards, checks the result. */
export const ENDPOINTS = ['mutate', 'validate'] as const;
export type Endpoint = (typeof ENDPOINTS)[number];

/** The result of a request: exempt with a reason, or checked, with the mode of the namespace if it is not `deny`. */
export type Admission = Decision & Readonly<{ exempt?: ExemptReason; mode?: Mode }>;

/**
 * Decides an admission request, independent of HTTP. Its other inputs are the policy, the known facts, the time in milliseconds
 * since 1970, and the share of the time for this review that is left.
 */
export function admit(
  request: AdmissionRequest,
  endpoint: Endpoint,
  policy: Policy,
  { facts, now, timeLeft }: Readonly<{ facts: Facts; now: number; timeLeft?: () => number }>,
): Admission {
  if (isNamespace(request) && endpoint === 'validate') {
    return { ...NOTHING_FOUND, findings: checkNamespaceLabels(request) };
  }
  const classified = classifyRequest(request, policy);
  if (classified.exempt !== undefined) return { ...NOTHING_FOUND, exempt: classified.exempt };
  const { kind } = classified;
  const { object, oldObject, namespace } = request;
  const isNew = request.operation === 'CREATE';
  const input = { object, oldObject, kind, namespace, facts, now, timeLeft };
  if (endpoint === 'mutate') return fix({ ...input, policy }, isNew && isPod(kind));
  const checked = checkObject(isNew ? 'validate' : 'update', { ...input, policy });
  if (checked.exempt !== undefined) return { ...NOTHING_FOUND, exempt: checked.exempt };
  return { ...checked.decision, ...(checked.mode !== 'deny' && { mode: checked.mode }) };
}

/** Templates are never changed, and Pods only when they are created: `/mutate` does nothing else. */
function fix(input: CheckInput, isFixable: boolean): Admission {
  const policy = isFixable ? fixesOf(input.policy) : withoutRules(input.policy);
  const checked = checkObject('mutate', { ...input, policy });
  if (checked.exempt !== undefined) return { ...NOTHING_FOUND, exempt: checked.exempt };
  const { decision, mode } = checked;
  return {
    ...decision,
    findings: decision.findings.filter(({ fixed }) => fixed === 'now'),
    ...(mode !== 'deny' && isFixable && { mode }),
  };
}

/** The policy with only the rules that fix; the findings of others are reported by `/validate`. */
const fixesOf = memoizeByObject((policy: Policy): Policy => ({
  ...policy,
  rules: policy.rules.filter(({ rule, fix }) => rule.fixable && fix),
}));

/** For objects that are not fixed here, only exemptions matter. */
const withoutRules = memoizeByObject((policy: Policy): Policy => ({ ...policy, rules: [] }));

/** Either the reason to admit a request unchecked, or the kind of its workload. */
type Classified = Readonly<{ exempt: ExemptReason }> | Readonly<{ kind: WorkloadKind; exempt?: undefined }>;

/** Filters requests without a workload, the cheapest test first. */
export function classifyRequest(request: AdmissionRequest, policy: Policy): Classified {
  if (request.operation !== 'CREATE' && request.operation !== 'UPDATE') return { exempt: 'operation' };
  const kind = findKind(policy.kinds, request.kind.group, request.kind.kind);
  // Eviction, Binding, Scale and PodExecOptions are requests for subresources of workloads, with their own kinds.
  if (kind === undefined) return { exempt: 'not-a-workload' };
  return bringsImages(request.subResource, kind) ? { kind } : { exempt: 'subresource' };
}

/** Only one subresource can add images: `kubectl debug` adds containers through it. */
function bringsImages(subResource: string, kind: WorkloadKind): boolean {
  return subResource === '' || (subResource === 'ephemeralcontainers' && isPod(kind));
}
