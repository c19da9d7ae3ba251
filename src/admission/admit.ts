import { NOTHING_FOUND, type Decision } from '../engine/evaluate.ts';
import type { Mode } from '../engine/namespace-mode.ts';
import type { Policy } from '../engine/rule.ts';
import type { Facts } from '../pull/facts.ts';
import { memoizeByObject } from '../text/memoize.ts';
import { findKind, isPod, type WorkloadKind } from '../workload/kinds.ts';
import { checkObject, type CheckInput, type ExemptReason } from './check-object.ts';
import { checkNamespaceLabels } from './namespace-labels.ts';
import { isNamespace, type AdmissionRequest } from './review.ts';

/** `/mutate` makes fixes and says so; `/validate`, which the API server calls afterwards, checks what is left. */
export const ENDPOINTS = ['mutate', 'validate'] as const;
export type Endpoint = (typeof ENDPOINTS)[number];

/** What came of a request: exempt with a reason, or checked, in a namespace that limits what comes of it. */
export type Admission = Decision & Readonly<{ exempt?: ExemptReason; mode?: Mode }>;

/**
 * Decides an admission request. Knows nothing of HTTP; a policy, the known facts, the time, in milliseconds since 1970, and how
 * much of that for this review is left are all it looks at besides.
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

/** Templates are never changed, and pods only as they are created: nothing else comes of `/mutate`. */
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

/** The policy without the rules that fix nothing: what they find is said by `/validate`. */
const fixesOf = memoizeByObject((policy: Policy): Policy => ({
  ...policy,
  rules: policy.rules.filter(({ rule, fix }) => rule.fixable && fix),
}));

/** For what is not fixed here, only whether it is exempt counts. */
const withoutRules = memoizeByObject((policy: Policy): Policy => ({ ...policy, rules: [] }));

/** Either the reason to admit a request unchecked, or the kind of workload that it is about. */
type Classified = Readonly<{ exempt: ExemptReason }> | Readonly<{ kind: WorkloadKind; exempt?: undefined }>;

/** Sorts out the requests that bring no workload in, cheapest test first. */
export function classifyRequest(request: AdmissionRequest, policy: Policy): Classified {
  if (request.operation !== 'CREATE' && request.operation !== 'UPDATE') return { exempt: 'operation' };
  const kind = findKind(policy.kinds, request.kind.group, request.kind.kind);
  // Eviction, Binding, Scale and PodExecOptions arrive on workloads' subresources and are kinds of their own.
  if (kind === undefined) return { exempt: 'not-a-workload' };
  return bringsImages(request.subResource, kind) ? { kind } : { exempt: 'subresource' };
}

/** Of all subresources only one can bring in an image: `kubectl debug` adds containers through it. */
function bringsImages(subResource: string, kind: WorkloadKind): boolean {
  return subResource === '' || (subResource === 'ephemeralcontainers' && isPod(kind));
}
