import { SEVERITIES } from '../engine/evaluate.ts';
import { escapeUnprintable } from '../text/quote.ts';
import { formatDenial, formatWarnings } from '../report/finding.ts';
import { formatFieldPath } from '../text/json.ts';
import type { Admission } from './admit.ts';
import { REVIEW_VERSION, type AdmissionRequest, type AdmissionReview } from './review.ts';

/** The answer to a webhook call, as the API server reads it. */
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

/** Answers a review with a decision. The one place that knows how: the uid echoed, a patch only if it does something. */
export function respond({ request }: AdmissionReview, admission: Admission): ReviewResponse {
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

/** The answer to a request with its uid, as an API server wants it. */
export function toResponse(
  { uid }: Pick<AdmissionRequest, 'uid'>,
  response: Omit<ReviewResponse['response'], 'uid'>,
): ReviewResponse {
  return { apiVersion: REVIEW_VERSION, kind: 'AdmissionReview', response: { uid, ...response } };
}

/** The answer when we failed: our own failure never blocks a request, but it is reported. */
export function respondToFailure({ request }: AdmissionReview): ReviewResponse {
  const message = `pullguard internal error, this ${request.kind.kind.slice(0, 63)} was admitted unchecked: see pullguard's log, uid ${request.uid}`;
  const warnings = [escapeUnprintable(message)];
  return toResponse(request, { allowed: true, warnings, auditAnnotations: { error: 'internal' } });
}

/** Base64 of the JSON in UTF-8, as `[]byte` travels in Kubernetes' JSON. */
function encodePatch(edits: Admission['edits']): string {
  return Buffer.from(JSON.stringify(edits)).toString('base64');
}

/**
 * What the audit log keeps. The API server puts the webhook's name and a "/" before each key, so that a key must be a
 * name without one; images are left out, as people write credentials into them.
 */
function annotate({ findings, skipped, waived, mode }: Admission): Readonly<Record<string, string>> {
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

/** An audit event should stay small; twenty tell what is going on. */
const MAX_LISTED = 20;

function list(texts: readonly string[]): string {
  const distinct = [...new Set(texts)];
  const left = distinct.length - MAX_LISTED;
  return [...distinct.slice(0, MAX_LISTED), ...(left > 0 ? [`and ${left} more`] : [])].join(', ');
}
