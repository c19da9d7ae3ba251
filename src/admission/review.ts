import { isRecord } from '../text/json.ts';
import { findController } from '../workload/kinds.ts';

/** The version of AdmissionReview that is read and written. Every API server since Kubernetes 1.16 speaks it. */
export const REVIEW_VERSION = 'admission.k8s.io/v1';

export type GroupKind = Readonly<{ group: string; kind: string }>;

/** The part of an AdmissionRequest that decides anything. Only `uid` is sure to be filled: the rest may be empty. */
export type AdmissionRequest = Readonly<{
  uid: string;
  kind: GroupKind;
  subResource: string;
  operation: string;
  namespace: string;
  name: string;
  dryRun: boolean;
  username: string;
  /** Undefined where the request has none, as DELETE has no object and CREATE no old object. */
  object: unknown;
  oldObject: unknown;
}>;

export type AdmissionReview = Readonly<{ request: AdmissionRequest }>;

export type ReadReview = Readonly<{ ok: true; review: AdmissionReview }> | Readonly<{ ok: false; problem: string }>;

/**
 * Reads the body of a webhook call. What is not an AdmissionReview with a uid cannot be answered as one and is a problem;
 * anything else, such as an empty kind or a missing object, is admitted as it is no workload.
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
 * Reads how a review begins whose rest is not there: who asks, and for what. API servers write the object last. Undefined where it
 * has no uid, so that it cannot be answered.
 */
export function readReviewHead(head: string): AdmissionReview | undefined {
  try {
    const read = readReview(JSON.parse(`${head.slice(0, findLastMember(head))}}}`));
    return read.ok ? read.review : undefined;
  } catch {
    return undefined;
  }
}

/** Where the last member of the request ends that is whole, and 0 where there is none. */
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

/** The users by which Kubernetes' own controllers and kubelets create objects. */
const CONTROLLER_USERS = ['system:serviceaccount:kube-system:', 'system:node:', 'system:kube-controller-manager'];

/** Whether an object is created by something that reads no answer: Kubernetes itself, or what looks after the object. */
export function isByController({ username, object }: AdmissionRequest): boolean {
  return CONTROLLER_USERS.some((user) => username.startsWith(user)) || findController(object) !== undefined;
}

/** Whether a request is about a namespace itself, whose labels say what is done in it. */
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
