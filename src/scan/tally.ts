import { checkObject } from '../admission/check-object.ts';
import type { ExemptReason } from '../admission/check-object.ts';
import type { Finding, Lack } from '../engine/evaluate.ts';
import type { Policy } from '../engine/rule.ts';
import type { Facts } from '../pull/facts.ts';
import { readString } from '../text/json.ts';
import { findController, isPod, type Controller, type WorkloadKind } from '../workload/kinds.ts';

/** What there is to say of the objects seen. */
export type Findings = Readonly<{
  groups: readonly FindingGroup[];
  /** Rules that were not asked, and the facts they missed. */
  skipped: readonly Readonly<{ rule: string; missing: readonly Lack[] }>[];
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
  const skipped = new Map<string, readonly Lack[]>();
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
    const { findings } = checked.decision;
    counts[isPod(kind) ? 'pods' : 'workloads']++;
    if (findings.some(({ fixed }) => fixed === 'now')) counts.unfixedPods++;
    groups.add({ namespace, owner: owners.findTop(object, kind), isPod: isPod(kind) }, findings);
    for (const { rule, missing } of checked.decision.skipped) skipped.set(rule, missing);
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

/**
 * What would come of an object if it were applied today. `fixed`: its pods get what they lack. `unfixed`: a pod that was
 * let in without the fix it would get today.
 */
export const RESULTS = ['denied', 'unfixed', 'warned', 'fixed', 'audited'] as const;
export type Result = (typeof RESULTS)[number];

/** The object that was judged: `owner` is what it is shown under, itself or what made it. */
export type Subject = Readonly<{ namespace: string; owner: Owner; isPod: boolean }>;

/** The same finding in all the pods of one owner, or in the owner itself. */
export type FindingGroup = Readonly<{
  namespace: string;
  owner: Owner;
  result: Result;
  /** One of them; the others differ in nothing that is said of them. */
  finding: Finding;
  /** How many pods have it; absent when it is in a template. */
  pods?: number;
}>;

export type FindingGroups = Readonly<{
  add: (subject: Subject, findings: readonly Finding[]) => void;
  /** By namespace and owner, the worst of each first. */
  list: () => readonly FindingGroup[];
}>;

/** Gathers findings under the owners of the pods that have them, so that a hundred replicas are told of once. */
export function groupFindings(): FindingGroups {
  const groups = new Map<string, FindingGroup & { pods?: number }>();
  return {
    add: (subject, findings) => {
      const keys = new Set<string>();
      for (const finding of findings) {
        const key = identify(subject, finding);
        if (keys.has(key)) continue;
        keys.add(key);
        const group = groups.get(key);
        if (group?.pods !== undefined) group.pods++;
        else if (group === undefined) groups.set(key, createGroup(subject, finding));
      }
    },
    list: () =>
      [...groups.values()]
        .map((group) => ({ group, key: sortKey(group) }))
        .sort((left, right) => (left.key < right.key ? -1 : left.key > right.key ? 1 : 0))
        .map(({ group }) => group),
  };
}

function createGroup({ namespace, owner, isPod }: Subject, finding: Finding): FindingGroup & { pods?: number } {
  return { namespace, owner, result: judgeResult(finding), finding, ...(isPod && { pods: 1 }) };
}

function judgeResult({ fixed, action }: Finding): Result {
  if (fixed === 'no') return action === 'deny' ? 'denied' : action === 'warn' ? 'warned' : 'audited';
  // A fix that could be made now, in a pod that is there already, is one that was not made.
  return fixed === 'now' ? 'unfixed' : 'fixed';
}

/** Containers that others inject stand in a different place from pod to pod, so there the field does not count. */
function identify({ namespace, owner, isPod }: Subject, finding: Finding): string {
  const { rule, action, fixed, label, value, message, fix, at } = finding;
  const place = [namespace, owner.group, owner.kind, owner.name, isPod ? 'pod' : at];
  return JSON.stringify([...place, rule, action, fixed, label, value, message, fix?.gives]);
}

function sortKey({ namespace, owner, result, finding }: FindingGroup): string {
  const { rule, label = '', at } = finding;
  return [namespace, owner.kind, owner.name, RESULTS.indexOf(result), rule, label, at].join('\0');
}

/** An object that the pods it makes are shown under. */
export type Owner = Readonly<{ group: string; kind: string; name: string }>;

export type Owners = Readonly<{
  /** Keeps who controls an object, so that the pods it makes are found to be its controller's. */
  remember: (object: unknown, kind: WorkloadKind) => void;
  /** The top-most controller that is known, or the object itself: of a pod its ReplicaSet's Deployment. */
  findTop: (object: unknown, kind: WorkloadKind) => Owner;
}>;

/**
 * These stand between pods and what people write. Other objects with a controller are where people look and what they can
 * restart: of a StatefulSet that an operator keeps, not the operator's own object.
 */
const BETWEEN: ReadonlySet<string> = new Set(['apps/ReplicaSet', 'batch/Job']);

/** Who owns whom, learned from objects as they are listed; ReplicaSets and Jobs have to come before pods. */
export function createOwners(): Owners {
  const controllers = new Map<string, Controller>();
  return {
    remember: (object, { group, kind }) => {
      const controller = BETWEEN.has(`${group}/${kind}`) ? findController(object) : undefined;
      if (controller !== undefined) controllers.set(readString(object, 'metadata', 'uid'), controller);
    },
    findTop: (object, { group, kind }) => {
      let top: Owner = { group, kind, name: readString(object, 'metadata', 'name') };
      let next = findController(object);
      // Nobody stops two objects from naming each other as their controllers.
      for (const passed = new Set<string>(); next !== undefined && !passed.has(next.uid);) {
        passed.add(next.uid);
        top = { group: next.group, kind: next.kind, name: next.name };
        next = controllers.get(next.uid);
      }
      return top;
    },
  };
}
