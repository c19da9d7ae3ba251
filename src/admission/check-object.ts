import { evaluate, type Decision, type FixMode } from '../engine/evaluate.ts';
import { findLimits, type Mode } from '../engine/namespace-mode.ts';
import type { Policy } from '../engine/rule.ts';
import { isExemptNamespace } from '../policy/policy.ts';
import type { Facts } from '../pull/facts.ts';
import { isRecord, readPath, readString } from '../text/json.ts';
import { findController, findKind, isPod, type WorkloadKind } from '../workload/kinds.ts';

/** Why a request is admitted unchecked, or an object left alone. `over`: it will never pull an image again. */
export type ExemptReason =
  | 'operation'
  | 'not-a-workload'
  | 'subresource'
  | 'no-object'
  | 'exempt-namespace'
  | 'namespace-off'
  | 'being-deleted'
  | 'static-pod'
  | 'owned'
  | 'over';

/**
 * Where an object is met. `mutate` and `validate`: as it is created, by the webhook of that name; `update`: as it is changed;
 * `running`: in the cluster already, as if it came today; `manifest`: in a file, where nothing is changed.
 */
export type Setting = 'mutate' | 'validate' | 'update' | 'running' | 'manifest';

export type CheckInput = Readonly<{
  object: unknown;
  kind: WorkloadKind;
  /** Where it is, or will be; empty if only it can say so itself. */
  namespace: string;
  /** What it was before it was changed. */
  oldObject?: unknown;
  policy: Policy;
  facts: Facts;
  /** Milliseconds since 1970. */
  now: number;
  /** As `evaluate` has it. */
  timeLeft?: (() => number) | undefined;
}>;

/** What came of an object: exempt with a reason, or checked, in a namespace that limits what comes of it. */
export type Checked =
  Readonly<{ exempt: ExemptReason }> | Readonly<{ exempt?: undefined; decision: Decision; mode: Exclude<Mode, 'off'> }>;

/** Decides what becomes of an object: the one way for admissions, manifests and what runs. */
export function checkObject(setting: Setting, input: CheckInput): Checked {
  const { object, kind, policy, facts, now, timeLeft } = input;
  const namespace = input.namespace || readString(object, 'metadata', 'namespace');
  const { mode, fixes } = findLimits(facts, namespace);
  if (mode === 'off') return { exempt: 'namespace-off' };
  const exempt = findExemption(object, namespace, kind, policy);
  if (exempt !== undefined) return { exempt };
  if (setting === 'running' && isOver(object, kind)) return { exempt: 'over' };
  const decision = evaluate({
    object: setting === 'running' ? asCreated(object, kind) : object,
    kind,
    namespace,
    policy,
    facts,
    now,
    limits: { mode, fixes },
    fixMode: chooseFixMode(setting, kind),
    ...(timeLeft !== undefined && { timeLeft }),
    ...(setting === 'update' && { oldObject: input.oldObject }),
  });
  // Of pods whose template is checked nothing else is told, as it is told of the template.
  const isToldElsewhere = setting === 'running' && isPod(kind) && isOwnedByChecked(object, policy);
  if (!isToldElsewhere) return { decision, mode };
  return { decision: { ...decision, findings: decision.findings.filter(({ fixed }) => fixed === 'now') }, mode };
}

/**
 * Templates are never changed: their pods are fixed. Of pods only a new one can be: the pull secrets of an old one cannot change,
 * and an update that brings an ephemeral container loses every other change. Pods that come to `validate` have been through
 * `mutate`: what is wrong with them still will stay wrong. A pod that runs shows what it was not given when it was admitted, and
 * one in a manifest is told what it will be given.
 */
function chooseFixMode(setting: Setting, kind: WorkloadKind): FixMode {
  if (!isPod(kind) || setting === 'manifest') return 'announce';
  return setting === 'mutate' || setting === 'running' ? 'apply' : 'never';
}

/** Without what `kubectl debug` added later: it was never fixed and never can be, and is gone with the pod. */
function asCreated(object: unknown, kind: WorkloadKind): unknown {
  if (!isPod(kind) || !isRecord(object) || !isRecord(object['spec'])) return object;
  const { ephemeralContainers, ...spec } = object['spec'];
  return ephemeralContainers === undefined ? object : { ...object, spec };
}

/** Kubelet marks the pods that stand for its static ones so; they may not name secrets and run whatever we say. */
const MIRROR_POD_ANNOTATION = ['metadata', 'annotations', 'kubernetes.io/config.mirror'];

/** Why an object of a kind is not checked, whatever is done with it. */
function findExemption(
  object: unknown,
  namespace: string,
  kind: WorkloadKind,
  policy: Policy,
): ExemptReason | undefined {
  if (!isRecord(object)) return 'no-object';
  if (isExemptNamespace(policy, namespace)) return 'exempt-namespace';
  if (readString(object, 'metadata', 'deletionTimestamp') !== '') return 'being-deleted';
  if (isPod(kind)) return readPath(object, ...MIRROR_POD_ANNOTATION) === undefined ? undefined : 'static-pod';
  return isMadeFromChecked(object, kind) ? 'owned' : undefined;
}

/**
 * A ReplicaSet of a Deployment, a Job of a CronJob: the template was checked where its author could read the answer. Users can write
 * a controller into an object; only for these is there one that makes such objects, and takes away those that it did not make.
 */
function isMadeFromChecked(object: unknown, { group, kind }: WorkloadKind): boolean {
  const controller = findController(object);
  return controller?.group === group && MADE_BY.get(`${group}/${kind}`) === controller.kind;
}

const MADE_BY: ReadonlyMap<string, string> = new Map([
  ['apps/ReplicaSet', 'Deployment'],
  ['batch/Job', 'CronJob'],
]);

/** Whether what makes it is of a kind that is checked, so that all is said there. */
function isOwnedByChecked(object: unknown, { kinds }: Policy): boolean {
  const controller = findController(object);
  return controller !== undefined && findKind(kinds, controller.group, controller.kind) !== undefined;
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
