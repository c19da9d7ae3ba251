import { findController, type Controller } from '../workload/controller.ts';
import type { WorkloadKind } from '../workload/kinds.ts';
import { readString } from '../text/json.ts';

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
