import { SEVERITIES, type Decision } from '../engine/evaluate.ts';
import type { Mode } from '../engine/namespace-mode.ts';
import { formatDenial, formatWarnings } from '../report/finding.ts';
import { formatFieldPath, isRecord } from '../text/json.ts';
import { escapeUnprintable } from '../text/quote.ts';
import { findController } from '../workload/kinds.ts';

/** The supported version of AdmissionReview; every API server since Kubernetes 1.16 has it. */
export const REVIEW_VERSION = 'admission.k8s.io/v1';

type GroupKind = Readonly<{ group: string; kind: string }>;

/** The parts of an AdmissionRequest that are used. Only `uid` is always set; others may be empty. */
export type AdmissionRequest = Readonly<{
  uid: string;
  kind: GroupKind;
  subResource: string;
  operation: string;
  namespace: string;
  name: string;
  dryRun: boolean;
  username: string;
  /** Undefined if the request has none: DELETE has no object, and CREATE no old object. */
  object: unknown;
  oldObject: unknown;
}>;

export type AdmissionReview = Readonly<{ request: AdmissionRequest }>;

type ReadReview = Readonly<{ ok: true; review: AdmissionReview }> | Readonly<{ ok: false; problem: string }>;

/**
 * Parses the body of a webhook call. A body that is not an AdmissionReview with a uid is a problem, as no response is possible.
 * Other mistakes, such as an empty kind or a missing object, are admitted, as there is no workload.
 */
export function readReview(body: unknown): ReadReview {
  if (!isRecord(body)) return { ok: false, problem: 'the body is not a JSON object' };
  if (body['kind'] !== 'AdmissionReview' || body['apiVersion'] !== REVIEW_VERSION) {
    return {
      ok: false,
      problem: `the body is not an AdmissionReview of ${REVIEW_VERSION}, the only version served`,
    };
  }
  const request = body['request'];
  if (!isRecord(request)) return { ok: false, problem: 'the AdmissionReview has no request' };
  const uid = request['uid'];
  if (typeof uid !== 'string' || uid === '') return { ok: false, problem: 'the AdmissionReview has no request.uid' };
  return { ok: true, review: { request: readRequest(uid, request) } };
}

/**
 * Parses the start of a review without its rest: the user and the operation. API servers write the object last. Undefined without
 * a uid, as no response is possible.
 */
export function readReviewHead(head: string): AdmissionReview | undefined {
  try {
    const read = readReview(JSON.parse(`${head.slice(0, findLastMember(head))}}}`));
    return read.ok ? read.review : undefined;
  } catch {
    return undefined;
  }
}

/** The end of the last complete member of the request; 0 if there is none. */
function findLastMember(head: string): number {
  let depth = 0;
  let end = 0;
  for (const { 0: found, index } of head.matchAll(/"(?:[^"\\]|\\.)*(?:"|$)|[{}[\],]/gs)) {
    if (found === '{' || found === '[') depth++;
    else if (found === '}' || found === ']') depth--;
    else if (found === ',' && depth === 2) end = index;
  }
  return end;
}

/** The users of Kubernetes' own controllers and of kubelets. */
const CONTROLLER_USERS = ['system:serviceaccount:kube-system:', 'system:node:', 'system:kube-controller-manager'];

/** Whether an object is created by a client that reads no responses: Kubernetes itself, or the object's controller. */
export function isByController({ username, object }: AdmissionRequest): boolean {
  return CONTROLLER_USERS.some((user) => username.startsWith(user)) || findController(object) !== undefined;
}

/** Whether a request is about a Namespace itself, whose labels configure pullguard. */
export function isNamespace({ kind, subResource }: AdmissionRequest): boolean {
  return kind.group === '' && kind.kind === 'Namespace' && subResource === '';
}

function readRequest(uid: string, request: Readonly<Record<string, unknown>>): AdmissionRequest {
  const kind = isRecord(request['kind']) ? request['kind'] : {};
  const userInfo = isRecord(request['userInfo']) ? request['userInfo'] : {};
  return {
    uid,
    kind: { group: text(kind['group']), kind: text(kind['kind']) },
    subResource: text(request['subResource']),
    operation: text(request['operation']),
    namespace: text(request['namespace']),
    name: text(request['name']),
    dryRun: request['dryRun'] === true,
    username: text(userInfo['username']),
    object: request['object'] ?? undefined,
    oldObject: request['oldObject'] ?? undefined,
  };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** The response to a webhook call, as the API server reads it. */
export type ReviewResponse = Readonly<{
  apiVersion: typeof REVIEW_VERSION;
  kind: 'AdmissionReview';
  response: Readonly<{
    uid: string;
    allowed: boolean;
    status?: Readonly<{ code: number; reason: string; message: string }>;
    patchType?: 'JSONPatch';
    /** Base64 of a JSON Patch. */
    patch?: string;
    warnings?: readonly string[];
    auditAnnotations?: Readonly<Record<string, string>>;
  }>;
}>;

/** A decision, and the mode of the namespace if it is not `deny`. */
type Answer = Decision & Readonly<{ mode?: Mode }>;

/** Builds the response for a decision. It has the request's uid, and a patch only if there are edits. */
export function respond({ request }: AdmissionReview, admission: Answer): ReviewResponse {
  const { findings, edits } = admission;
  const denial = formatDenial(findings);
  const warnings = formatWarnings(findings);
  const auditAnnotations = annotate(admission);
  return toResponse(request, {
    allowed: denial === undefined,
    ...(denial !== undefined && { status: { code: 403, reason: 'Forbidden', message: denial } }),
    ...(denial === undefined && edits.length > 0 && { patchType: 'JSONPatch', patch: encodePatch(edits) }),
    ...(warnings.length > 0 && { warnings }),
    ...(Object.keys(auditAnnotations).length > 0 && { auditAnnotations }),
  });
}

/** A response with the uid of its request, as API servers require. */
export function toResponse(
  { uid }: Pick<AdmissionRequest, 'uid'>,
  response: Omit<ReviewResponse['response'], 'uid'>,
): ReviewResponse {
  return { apiVersion: REVIEW_VERSION, kind: 'AdmissionReview', response: { uid, ...response } };
}

/** The response after an internal error: it never blocks a request, but is reported. */
export function respondToFailure({ request }: AdmissionReview): ReviewResponse {
  const message = `pullguard internal error, this ${request.kind.kind.slice(0, 63)} was admitted unchecked: see pullguard's log, uid ${request.uid}`;
  const warnings = [escapeUnprintable(message)];
  return toResponse(request, { allowed: true, warnings, auditAnnotations: { error: 'internal' } });
}

/** Base64 of the JSON in UTF-8, as Kubernetes encodes `[]byte`. */
function encodePatch(edits: Decision['edits']): string {
  return Buffer.from(JSON.stringify(edits)).toString('base64');
}

/**
 * The audit annotations. The API server puts the webhook's name and a "/" before each key, so a key must not contain a "/".
 * Images are left out, as they may contain credentials.
 */
function annotate({ findings, skipped, waived, mode }: Answer): Readonly<Record<string, string>> {
  const fixed = findings.filter((finding) => finding.fixed === 'now').map(({ rule }) => rule);
  const found = findings.map(({ rule, action, at }) => `${rule}:${action}:${formatFieldPath(at)}`);
  const worst = SEVERITIES.find((each) => findings.some(({ severity }) => severity === each));
  return {
    ...(found.length > 0 && { findings: list(found) }),
    ...(worst !== undefined && { severity: worst }),
    ...(fixed.length > 0 && { fixed: list(fixed) }),
    ...(skipped.length > 0 && { skipped: list(skipped.map(({ rule }) => rule)) }),
    ...(waived.length > 0 && { waived: list(waived) }),
    ...(mode !== undefined && { mode }),
  };
}

/** An audit event should stay small; twenty entries are enough to understand it. */
const MAX_LISTED = 20;

function list(texts: readonly string[]): string {
  const distinct = [...new Set(texts)];
  const left = distinct.length - MAX_LISTED;
  return [...distinct.slice(0, MAX_LISTED), ...(left > 0 ? [`and ${left} more`] : [])].join(', ');
}
