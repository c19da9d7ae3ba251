import { evaluate, type Decision, type FixMode } from '../engine/evaluate.ts';
import { findLimits, type Mode } from '../engine/namespace-mode.ts';
import type { Policy } from '../engine/rule.ts';
import type { Facts } from '../pull/facts.ts';
import { isRecord, readString } from '../text/json.ts';
import { isPod, type WorkloadKind } from '../workload/kinds.ts';
import { findExemption, isOver, isOwnedByChecked, type ExemptReason } from './exempt.ts';

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
}>;

/** What came of an object: exempt with a reason, or checked, in a namespace that limits what comes of it. */
export type Checked =
  Readonly<{ exempt: ExemptReason }> | Readonly<{ exempt?: undefined; decision: Decision; mode: Exclude<Mode, 'off'> }>;

/** Decides what becomes of an object: the one way for admissions, manifests and what runs. */
export function checkObject(setting: Setting, input: CheckInput): Checked {
  const { object, kind, policy, facts, now } = input;
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
