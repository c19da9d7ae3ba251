import { evaluate, type Decision, type FixMode } from '../engine/evaluate.ts';
import type { Policy } from '../engine/rule.ts';
import type { Facts } from '../pull/facts.ts';
import { findLimits, type Mode } from '../engine/namespace-mode.ts';
import { isPod, type WorkloadKind } from '../workload/kinds.ts';
import { judgeChanged } from './judge-changed.ts';
import { isNamespace, judgeNamespace } from './judge-namespace.ts';
import { namespaceOf, sortRequest, type PassReason } from './pass.ts';
import type { AdmissionRequest } from './review.ts';

/** `/mutate` makes fixes and says so; `/validate`, which the API server calls afterwards, judges what is left. */
export const ENDPOINTS = ['mutate', 'validate'] as const;
export type Endpoint = (typeof ENDPOINTS)[number];

/** What came of a request: let through with a reason, or judged, in a namespace that limits what comes of it. */
export type Admission = Decision & Readonly<{ pass?: PassReason; mode?: Mode }>;

const NOTHING: Decision = { findings: [], edits: [], skipped: [], waived: [] };

/** Decides an admission request. Knows nothing of HTTP; a policy and the known facts are all it looks at besides. */
export function admit(request: AdmissionRequest, endpoint: Endpoint, policy: Policy, facts: Facts): Admission {
  if (isNamespace(request) && endpoint === 'validate') return { ...NOTHING, findings: judgeNamespace(request) };
  const sorted = sortRequest(request, policy);
  if ('pass' in sorted) return { ...NOTHING, pass: sorted.pass };
  const limits = findLimits(facts, namespaceOf(request));
  if (limits.mode === 'off') return { ...NOTHING, pass: 'namespace-off' };
  const { kind } = sorted;
  const fixMode = chooseFixMode(request, endpoint, kind);
  // Templates are never mutated, and pods only as they are created: nothing else comes of this endpoint.
  if (endpoint === 'mutate' && fixMode !== 'apply') return NOTHING;
  const decision = evaluate({
    object: request.object,
    kind,
    namespace: request.namespace,
    policy: endpoint === 'mutate' ? keepFixes(policy) : policy,
    facts,
    limits,
    fixMode,
    ...(request.operation === 'UPDATE' && { judges: judgeChanged(request, kind) }),
  });
  return {
    ...decision,
    ...(endpoint === 'mutate' && { findings: decision.findings.filter(({ fixed }) => fixed === 'now') }),
    ...(limits.mode !== 'enforce' && { mode: limits.mode }),
  };
}

/**
 * Only a new pod can be fixed: the pull secrets of an old one cannot change, and an update that brings an ephemeral
 * container loses every other change. Pods that come to `/validate` have been through `/mutate`: what is wrong with them
 * still will stay wrong.
 */
function chooseFixMode({ operation }: AdmissionRequest, endpoint: Endpoint, kind: WorkloadKind): FixMode {
  if (!isPod(kind)) return 'announce';
  return endpoint === 'mutate' && operation === 'CREATE' ? 'apply' : 'never';
}

/** The policy without the rules that fix nothing: what they find is said by `/validate`. */
function keepFixes(policy: Policy): Policy {
  return { ...policy, rules: policy.rules.filter(({ rule, fix }) => rule.fixable && fix) };
}
