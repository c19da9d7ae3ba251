import { checkObject, type ExemptReason } from '../admission/admit.ts';
import type { Finding, Lack } from '../engine/evaluate.ts';
import type { Policy } from '../engine/rule.ts';
import type { Facts } from '../pull/facts.ts';
import { readString } from '../text/json.ts';
import { findController, isPod, type Controller, type WorkloadKind } from '../workload/kinds.ts';

/** What was found in the objects of a cluster. */
export type Findings = Readonly<{
  groups: readonly FindingGroup[];
  /** Rules that did not run, and the facts that they lacked. */
  skipped: readonly Readonly<{ rule: string; missing: readonly Lack[] }>[];
  /** Templates and Pods checked; Pods that lack a fix; objects in namespaces that the policy or a label exempts. */
  counts: Readonly<{ workloads: number; pods: number; unfixedPods: number; leftOut: number }>;
  /** The number of templates and Pods without problems, by namespace: without findings, or only with notices. */
  well: ReadonlyMap<string, number>;
}>;

export type Tally = Readonly<{
  /** Checks an object and keeps only the findings. ReplicaSets and Jobs have to come before Pods. */
  add: (object: unknown, kind: WorkloadKind) => void;
  /** Whether anything was seen in a namespace. */
  hasSeen: (namespace: string) => boolean;
  finish: () => Findings;
}>;

const LEFT_OUT: readonly ExemptReason[] = ['exempt-namespace', 'namespace-off'];

/** Collects the findings of the objects of a cluster, without the objects. `now` in milliseconds since 1970. */
export function createTally(policy: Policy, facts: Facts, now: number): Tally {
  const owners = createOwners();
  const groups = groupFindings();
  const skipped = new Map<string, readonly Lack[]>();
  const namespaces = new Set<string>();
  const well = new Map<string, number>();
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
    const isWell = findings.every(({ severity, fixed }) => severity === 'notice' && fixed !== 'now');
    well.set(namespace, (well.get(namespace) ?? 0) + Number(isWell));
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
      well,
    }),
  };
}

/**
 * What would happen if an object were applied today. `fixed`: its Pods get what they lack. `unfixed`: a running Pod that was
 * admitted without the fix that it would get today.
 */
export const RESULTS = ['denied', 'unfixed', 'warned', 'fixed', 'audited'] as const;
export type Result = (typeof RESULTS)[number];

/** The object that was checked. `owner`: what it is shown under, itself or the object that created it. */
export type Subject = Readonly<{ namespace: string; owner: Owner; isPod: boolean }>;

/** The same finding in all Pods of one owner, or in the owner itself. */
export type FindingGroup = Readonly<{
  namespace: string;
  owner: Owner;
  result: Result;
  /** One of them; all have the same message. */
  finding: Finding;
  /** How many Pods have it; absent if it is in a template. */
  pods?: number;
}>;

export type FindingGroups = Readonly<{
  add: (subject: Subject, findings: readonly Finding[]) => void;
  /** By namespace and owner, the worst first. */
  list: () => readonly FindingGroup[];
}>;

/** Groups findings by the owners of the Pods that have them, so that a hundred replicas are reported once. */
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
  return { namespace, owner, result: resultOf(finding), finding, ...(isPod && { pods: 1 }) };
}

function resultOf({ fixed, action }: Finding): Result {
  if (fixed === 'no') return action === 'deny' ? 'denied' : action === 'warn' ? 'warned' : 'audited';
  // In a Pod that already exists, a fix that could be made now is one that was not made.
  return fixed === 'now' ? 'unfixed' : 'fixed';
}

/** Injected containers can have a different index in each Pod, so the field of a Pod does not count. */
function identify({ namespace, owner, isPod }: Subject, finding: Finding): string {
  const { rule, action, fixed, label, value, message, fix, at } = finding;
  const place = [namespace, owner.group, owner.kind, owner.name, isPod ? 'pod' : at];
  return JSON.stringify([...place, rule, action, fixed, label, value, message, fix?.gives]);
}

function sortKey({ namespace, owner, result, finding }: FindingGroup): string {
  const { rule, label = '', at } = finding;
  return [namespace, owner.kind, owner.name, RESULTS.indexOf(result), rule, label, at].join('\0');
}

/** The object that Pods are shown under. */
export type Owner = Readonly<{ group: string; kind: string; name: string }>;

export type Owners = Readonly<{
  /** Keeps the controller of an object, so that Pods created by the object are attributed to that controller. */
  remember: (object: unknown, kind: WorkloadKind) => void;
  /** The topmost known controller, or the object itself: for a Pod the Deployment of its ReplicaSet. */
  findTop: (object: unknown, kind: WorkloadKind) => Owner;
}>;

/**
 * Kinds between Pods and the objects that people write. Any other object with a controller is shown itself, as people can restart
 * it: a StatefulSet created by an operator, not the custom resource of the operator.
 */
const BETWEEN: ReadonlySet<string> = new Set(['apps/ReplicaSet', 'batch/Job']);

/** Owners, learned from objects as they are listed; ReplicaSets and Jobs have to come before Pods. */
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
      // Two objects may name each other as their controllers.
      for (const passed = new Set<string>(); next !== undefined && !passed.has(next.uid);) {
        passed.add(next.uid);
        top = { group: next.group, kind: next.kind, name: next.name };
        next = controllers.get(next.uid);
      }
      return top;
    },
  };
}
