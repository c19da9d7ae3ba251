import { evaluate, NOTHING_FOUND, type Decision, type FixMode } from '../engine/evaluate.ts';
import { checkNamespaceLabels, findLimits, type Mode } from '../engine/namespace-mode.ts';
import type { Policy } from '../engine/rule.ts';
import { isExemptNamespace } from '../policy/policy.ts';
import type { Facts } from '../pull/facts.ts';
import { isRecord, readPath, readString } from '../text/json.ts';
import { memoizeByObject } from '../text/memoize.ts';
import { escapeUnprintable } from '../text/quote.ts';
import { findController, findKind, isPod, type WorkloadKind } from '../workload/kinds.ts';
import { isNamespace, toResponse, type AdmissionRequest, type AdmissionReview, type ReviewResponse } from './review.ts';

/** `/mutate` fixes Pods and reports that; `/validate`, which the API server calls afterwards, checks the result. */
export const ENDPOINTS = ['mutate', 'validate'] as const;
export type Endpoint = (typeof ENDPOINTS)[number];

/** Why a request is admitted unchecked, or an object is not checked. `over`: it will never pull an image again. */
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

/** The result of a request: exempt with a reason, or checked, with the mode of the namespace if it is not `deny`. */
export type Admission = Decision & Readonly<{ exempt?: ExemptReason; mode?: Mode }>;

/**
 * Decides an admission request, independent of HTTP. Its other inputs are the policy, the known facts, the time in milliseconds
 * since 1970, and the share of the time for this review that is left.
 */
export function admit(
  request: AdmissionRequest,
  endpoint: Endpoint,
  policy: Policy,
  { facts, now, timeLeft }: Readonly<{ facts: Facts; now: number; timeLeft?: () => number }>,
): Admission {
  if (isNamespace(request) && endpoint === 'validate') {
    return { ...NOTHING_FOUND, findings: checkNamespaceLabels(request) };
  }
  const classified = classifyRequest(request, policy);
  if (classified.exempt !== undefined) return { ...NOTHING_FOUND, exempt: classified.exempt };
  const { kind } = classified;
  const { object, oldObject, namespace } = request;
  const isNew = request.operation === 'CREATE';
  const input = { object, oldObject, kind, namespace, facts, now, timeLeft };
  if (endpoint === 'mutate') return fix({ ...input, policy }, isNew && isPod(kind));
  const checked = checkObject(isNew ? 'validate' : 'update', { ...input, policy });
  if (checked.exempt !== undefined) return { ...NOTHING_FOUND, exempt: checked.exempt };
  return { ...checked.decision, ...(checked.mode !== 'deny' && { mode: checked.mode }) };
}

/** Templates are never changed, and Pods only when they are created: `/mutate` does nothing else. */
function fix(input: CheckInput, isFixable: boolean): Admission {
  const policy = isFixable ? fixesOf(input.policy) : withoutRules(input.policy);
  const checked = checkObject('mutate', { ...input, policy });
  if (checked.exempt !== undefined) return { ...NOTHING_FOUND, exempt: checked.exempt };
  const { decision, mode } = checked;
  return {
    ...decision,
    findings: decision.findings.filter(({ fixed }) => fixed === 'now'),
    ...(mode !== 'deny' && isFixable && { mode }),
  };
}

/** The policy with only the rules that fix; the findings of others are reported by `/validate`. */
const fixesOf = memoizeByObject((policy: Policy): Policy => ({
  ...policy,
  rules: policy.rules.filter(({ rule, fix }) => rule.fixable && fix),
}));

/** For objects that are not fixed here, only exemptions matter. */
const withoutRules = memoizeByObject((policy: Policy): Policy => ({ ...policy, rules: [] }));

/** Either the reason to admit a request unchecked, or the kind of its workload. */
type Classified = Readonly<{ exempt: ExemptReason }> | Readonly<{ kind: WorkloadKind; exempt?: undefined }>;

/** Filters requests without a workload, the cheapest test first. */
export function classifyRequest(request: AdmissionRequest, policy: Policy): Classified {
  if (request.operation !== 'CREATE' && request.operation !== 'UPDATE') return { exempt: 'operation' };
  const kind = findKind(policy.kinds, request.kind.group, request.kind.kind);
  // Eviction, Binding, Scale and PodExecOptions are requests for subresources of workloads, with their own kinds.
  if (kind === undefined) return { exempt: 'not-a-workload' };
  return bringsImages(request.subResource, kind) ? { kind } : { exempt: 'subresource' };
}

/** Only one subresource can add images: `kubectl debug` adds containers through it. */
function bringsImages(subResource: string, kind: WorkloadKind): boolean {
  return subResource === '' || (subResource === 'ephemeralcontainers' && isPod(kind));
}

/**
 * Where an object is checked. `mutate` and `validate`: on creation, by the webhook of that name; `update`: on a change;
 * `running`: an existing object in the cluster, checked as if it were created today; `manifest`: in a file, which is not changed.
 */
export type Setting = 'mutate' | 'validate' | 'update' | 'running' | 'manifest';

export type CheckInput = Readonly<{
  object: unknown;
  kind: WorkloadKind;
  /** The namespace of the object; empty if only the object has it. */
  namespace: string;
  /** The object before an update. */
  oldObject?: unknown;
  policy: Policy;
  facts: Facts;
  /** Milliseconds since 1970. */
  now: number;
  /** As in `evaluate`. */
  timeLeft?: (() => number) | undefined;
}>;

/** The result for an object: exempt with a reason, or checked, with the mode of its namespace. */
export type Checked =
  Readonly<{ exempt: ExemptReason }> | Readonly<{ exempt?: undefined; decision: Decision; mode: Exclude<Mode, 'off'> }>;

/** Checks an object. Admissions, manifests and running objects all go through this function. */
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
  // For Pods whose template is checked, only missing fixes are reported; everything else is reported for the template.
  const isReportedElsewhere = setting === 'running' && isPod(kind) && isOwnedByChecked(object, policy);
  if (!isReportedElsewhere) return { decision, mode };
  return { decision: { ...decision, findings: decision.findings.filter(({ fixed }) => fixed === 'now') }, mode };
}

/**
 * Templates are never changed: their Pods are fixed. Only a new Pod can be fixed: the pull secrets of an existing Pod are
 * immutable, and an update that adds an ephemeral container loses every other change. Pods in `validate` have passed `mutate`, so
 * the remaining problems stay. For a running Pod the missing fixes are listed, and for a Pod in a manifest those that it will
 * get.
 */
function chooseFixMode(setting: Setting, kind: WorkloadKind): FixMode {
  if (!isPod(kind) || setting === 'manifest') return 'announce';
  return setting === 'mutate' || setting === 'running' ? 'apply' : 'never';
}

/** Without ephemeral containers, which `kubectl debug` added later: they were never fixed and cannot be, and end with the Pod. */
function asCreated(object: unknown, kind: WorkloadKind): unknown {
  if (!isPod(kind) || !isRecord(object) || !isRecord(object['spec'])) return object;
  const { ephemeralContainers, ...spec } = object['spec'];
  return ephemeralContainers === undefined ? object : { ...object, spec };
}

/** kubelet sets it on the mirror Pods of static Pods, which cannot use Secrets, and run whatever the webhook returns. */
const MIRROR_POD_ANNOTATION = ['metadata', 'annotations', 'kubernetes.io/config.mirror'];

/** Why an object is not checked, in any setting. */
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
 * Whether this is a ReplicaSet of a Deployment or a Job of a CronJob: its template was checked where its author saw the result.
 * Users can write any owner reference. Only for these kinds, a controller adopts or deletes objects that it did not create.
 */
function isMadeFromChecked(object: unknown, { group, kind }: WorkloadKind): boolean {
  const controller = findController(object);
  return controller?.group === group && MADE_BY.get(`${group}/${kind}`) === controller.kind;
}

const MADE_BY: ReadonlyMap<string, string> = new Map([
  ['apps/ReplicaSet', 'Deployment'],
  ['batch/Job', 'CronJob'],
]);

/** Whether its controller is of a kind that is checked, so that problems are reported there. */
function isOwnedByChecked(object: unknown, { kinds }: Policy): boolean {
  const controller = findController(object);
  return controller !== undefined && findKind(kinds, controller.group, controller.kind) !== undefined;
}

/** Whether this is a finished Pod or Job, or a ReplicaSet that is kept only for a rollback. */
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

/** Why an object was not read, for the audit log. `internal` is an error of pullguard, which never denies an object. */
export type UnreadReason = 'too-large' | 'overloaded' | 'internal';

/**
 * Responds to a review whose object could not be read, using what comes before the object. The object is denied if the policy can
 * deny and the namespace enforces it, as it might have to be denied; otherwise it is admitted with a warning.
 */
export function answerUnread(
  { request }: AdmissionReview,
  endpoint: Endpoint,
  { policy, facts, reason, problem }: Readonly<{ policy: Policy; facts: Facts; reason: UnreadReason; problem: string }>,
): ReviewResponse {
  const error = { auditAnnotations: { error: reason } };
  const { mode } = findLimits(facts, request.namespace);
  const isExempt =
    classifyRequest(request, policy).exempt !== undefined || isExemptNamespace(policy, request.namespace);
  if (isExempt || mode === 'off') return toResponse(request, { allowed: true });
  const denies = policy.rules.some(({ action }) => action === 'deny');
  const kind = escapeUnprintable(request.kind.kind.slice(0, 63));
  if (endpoint === 'validate' && denies && mode === 'deny' && reason !== 'internal') {
    const message = `pullguard cannot check this ${kind}: ${problem}`;
    return toResponse(request, { allowed: false, status: { code: 403, reason: 'Forbidden', message }, ...error });
  }
  const warning = `pullguard did not check this ${kind}: ${problem}`;
  return toResponse(request, { allowed: true, ...(mode !== 'audit' && { warnings: [warning] }), ...error });
}
