import { evaluate, type Decision, type FixMode } from '../../src/engine/evaluate.ts';
import type { Policy } from '../../src/engine/rule.ts';
import { findKind, groupOf } from '../../src/workload/kinds.ts';
import type { Json } from './objects.ts';

/** Judges one object as `check` does, or with another way to deal with fixes. */
export function judge(object: Json, policy: Policy, fixMode: FixMode = 'announce'): Decision {
  const kind = findKind(policy.kinds, groupOf(String(object['apiVersion'])), String(object['kind']));
  if (kind === undefined) throw new Error(`${String(object['kind'])} is no workload`);
  return evaluate({ object, kind, namespace: '', policy, fixMode });
}
