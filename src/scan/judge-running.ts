import { isOwnedByJudged, passObject, type PassReason } from '../admission/pass.ts';
import { evaluate, type Decision } from '../engine/evaluate.ts';
import type { Facts } from '../pull/facts.ts';
import { findLimits } from '../engine/namespace-mode.ts';
import type { Policy } from '../engine/rule.ts';
import { findController } from '../workload/controller.ts';
import { isPod, type WorkloadKind } from '../workload/kinds.ts';
import { isRecord, readPath, readString } from '../text/json.ts';

/** Why an object in the cluster is not judged. `over`: it will never pull an image again. */
export type LeaveReason = PassReason | 'over';

/** Either the reason to leave an object alone, or what would come of it if it were applied today. */
export type Judgement =
  Readonly<{ left: LeaveReason }> | Readonly<{ left?: undefined } & Pick<Decision, 'findings' | 'skipped'>>;

/**
 * Judges an object that is in the cluster already as the webhook would if it came today. A pod is judged with its fixes: a
 * finding that could be fixed `now` is one that was not fixed when the pod was let in. Of pods whose template is judged
 * nothing else is told, as it is told of the template.
 */
export function judgeRunning(object: unknown, kind: WorkloadKind, policy: Policy, facts: Facts): Judgement {
  const namespace = readString(object, 'metadata', 'namespace');
  const limits = findLimits(facts, namespace);
  const left = limits.mode === 'off' ? 'namespace-off' : passObject({ object, namespace }, kind, policy);
  if (left !== undefined) return { left };
  if (isOver(object, kind)) return { left: 'over' };
  const input = { kind, namespace, policy, facts, limits };
  if (!isPod(kind)) return evaluate({ ...input, object, fixMode: 'announce' });
  const { findings, skipped } = evaluate({ ...input, object: asCreated(object), fixMode: 'apply' });
  const isToldElsewhere = isOwnedByJudged(object, policy);
  return { findings: isToldElsewhere ? findings.filter(({ fixed }) => fixed === 'now') : findings, skipped };
}

/** A pod or Job that has ended, and the ReplicaSet that a controller keeps only to be able to go back to it. */
function isOver(object: unknown, { group, kind }: WorkloadKind): boolean {
  switch (`${group}/${kind}`) {
    case '/Pod':
      return ['Succeeded', 'Failed'].includes(readString(object, 'status', 'phase'));
    case 'batch/Job':
      return hasEnded(readPath(object, 'status', 'conditions'));
    case 'apps/ReplicaSet':
      return readPath(object, 'spec', 'replicas') === 0 && findController(object) !== undefined;
    default:
      return false;
  }
}

function hasEnded(conditions: unknown): boolean {
  return (
    Array.isArray(conditions) &&
    conditions.some(
      (condition) =>
        ['Complete', 'Failed'].includes(readString(condition, 'type')) && readString(condition, 'status') === 'True',
    )
  );
}

/** Without what `kubectl debug` added later: it was never fixed and never can be, and is gone with the pod. */
function asCreated(pod: unknown): unknown {
  if (!isRecord(pod) || !isRecord(pod['spec'])) return pod;
  const { ephemeralContainers, ...spec } = pod['spec'];
  return ephemeralContainers === undefined ? pod : { ...pod, spec };
}
