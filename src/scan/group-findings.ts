import type { Finding } from '../engine/evaluate.ts';
import type { Owner } from './owners.ts';

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
