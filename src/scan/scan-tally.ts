import type { FactName, Facts } from '../pull/facts.ts';
import { createOwners } from './owners.ts';
import type { Policy } from '../engine/rule.ts';
import { groupFindings, type FindingGroup } from './group-findings.ts';
import { isPod, type WorkloadKind } from '../workload/kinds.ts';
import { readString } from '../text/json.ts';
import { checkObject } from '../admission/check-object.ts';
import type { ExemptReason } from '../admission/exempt.ts';

/** What there is to say of the objects seen. */
export type Findings = Readonly<{
  groups: readonly FindingGroup[];
  /** Rules that were not asked, and the facts they missed. */
  skipped: readonly Readonly<{ rule: string; missing: readonly FactName[] }>[];
  /** Templates and pods judged; pods that lack a fix; objects in namespaces that the policy or a label leaves out. */
  counts: Readonly<{ workloads: number; pods: number; unfixedPods: number; leftOut: number }>;
}>;

export type Tally = Readonly<{
  /** Judges an object and lets it go. ReplicaSets and Jobs have to come before pods. */
  add: (object: unknown, kind: WorkloadKind) => void;
  /** Whether anything was seen in a namespace. */
  hasSeen: (namespace: string) => boolean;
  finish: () => Findings;
}>;

const LEFT_OUT: readonly ExemptReason[] = ['exempt-namespace', 'namespace-off'];

/** Keeps of the objects of a cluster what was found in them, and not the objects. `now` in milliseconds since 1970. */
export function createTally(policy: Policy, facts: Facts, now: number): Tally {
  const owners = createOwners();
  const groups = groupFindings();
  const skipped = new Map<string, readonly FactName[]>();
  const namespaces = new Set<string>();
  const counts = { workloads: 0, pods: 0, unfixedPods: 0, leftOut: 0 };
  const add = (object: unknown, kind: WorkloadKind): void => {
    const namespace = readString(object, 'metadata', 'namespace');
    namespaces.add(namespace);
    owners.remember(object, kind);
    const checked = checkObject('running', { object, kind, namespace, policy, facts, now });
    if (checked.exempt !== undefined) {
      if (LEFT_OUT.includes(checked.exempt)) counts.leftOut++;
      return;
    }
    const { findings } = checked;
    counts[isPod(kind) ? 'pods' : 'workloads']++;
    if (findings.some(({ fixed }) => fixed === 'now')) counts.unfixedPods++;
    groups.add({ namespace, owner: owners.findTop(object, kind), isPod: isPod(kind) }, findings);
    for (const { rule, missing } of checked.skipped) skipped.set(rule, missing);
  };
  return {
    add,
    hasSeen: (namespace) => namespaces.has(namespace),
    finish: () => ({
      groups: groups.list(),
      skipped: [...skipped].map(([rule, missing]) => ({ rule, missing })),
      counts,
    }),
  };
}
