import { findLimits } from '../engine/namespace-mode.ts';
import type { Policy } from '../engine/rule.ts';
import { isExemptNamespace } from '../policy/policy.ts';
import type { Facts } from '../pull/facts.ts';
import { escapeUnprintable } from '../text/quote.ts';
import { classifyRequest, type Endpoint } from './admit.ts';
import { toResponse, type ReviewResponse } from './response.ts';
import type { AdmissionReview } from './review.ts';

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
