import { SEVERITIES } from '../engine/evaluate.ts';
import { escapeUnprintable } from '../text/quote.ts';
import { formatDenial, formatWarnings } from '../report/finding.ts';
import { formatFieldPath } from '../text/json.ts';
import type { Admission } from './admit.ts';
import { REVIEW_VERSION, type AdmissionRequest, type AdmissionReview } from './review.ts';

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

/**
 * Builds the response for a decision; the only place that does. It has the request's uid, and a patch only if there are edits.
 */
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
function encodePatch(edits: Admission['edits']): string {
  return Buffer.from(JSON.stringify(edits)).toString('base64');
}

/**
 * The audit annotations. The API server puts the webhook's name and a "/" before each key, so a key must not contain a "/".
 * Images are left out, as they may contain credentials.
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

/** An audit event should stay small; twenty entries are enough to understand it. */
const MAX_LISTED = 20;

function list(texts: readonly string[]): string {
  const distinct = [...new Set(texts)];
  const left = distinct.length - MAX_LISTED;
  return [...distinct.slice(0, MAX_LISTED), ...(left > 0 ? [`and ${left} more`] : [])].join(', ');
}
