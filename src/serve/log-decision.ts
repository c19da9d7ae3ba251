import type { Logger } from 'pino';
import type { Admission, Endpoint } from '../admission/admit.ts';
import type { AdmissionRequest } from '../admission/review.ts';
import { describeFinding } from '../report/finding.ts';
import { formatFieldPath } from '../text/json.ts';
import { shorten } from '../text/quote.ts';
import type { Outcome } from './metrics.ts';

/** Container runtimes cut lines at 16 KiB: twenty findings of some 500 characters, and the texts of the request, stay below. */
const MAX_FINDINGS = 20;

/** They are up to a thousand characters. */
const MAX_REMEDIES = 3;

/** Names in Kubernetes are no longer than 253 characters. */
const MAX_TEXT = 256;

/** One line per review. Nothing of the object is in it but its name and, in findings, images without their credentials. */
export function logDecision(
  logger: Logger,
  decision: Readonly<{
    endpoint: Endpoint;
    request: AdmissionRequest;
    outcome: Outcome;
    seconds: number;
    admission?: Admission;
    error?: unknown;
  }>,
): void {
  const { endpoint, request, outcome, seconds, admission, error } = decision;
  const { exempt, mode, findings = [], skipped = [], waived = [] } = admission ?? {};
  // What is undefined is left out: only what there is to say.
  const line = {
    uid: cutText(request.uid),
    endpoint,
    operation: cutText(request.operation),
    kind: cutText(request.kind.kind),
    subResource: request.subResource === '' ? undefined : cutText(request.subResource),
    namespace: cutText(request.namespace),
    name: cutText(request.name),
    user: cutText(request.username),
    dryRun: request.dryRun ? true : undefined,
    outcome,
    pass: exempt,
    mode,
    findings: findings.length === 0 ? undefined : describeFindings(findings.slice(0, MAX_FINDINGS)),
    moreFindings: findings.length > MAX_FINDINGS ? findings.length - MAX_FINDINGS : undefined,
    skipped: skipped.length === 0 ? undefined : skipped,
    waived: waived.length === 0 ? undefined : waived,
    milliseconds: Math.round(seconds * 1e6) / 1e3,
    err: error,
  };
  if (error === undefined) logger.info(line, 'decided');
  else logger.error(line, 'failed, and let the object pass');
}

/** What registries answered too late for the review: a line of its own, with the uid of the other one. */
export function logLate(logger: Logger, request: AdmissionRequest, findings: Admission['findings']): void {
  const line = {
    uid: cutText(request.uid),
    kind: cutText(request.kind.kind),
    namespace: cutText(request.namespace),
    name: cutText(request.name),
    findings: describeFindings(findings.slice(0, MAX_FINDINGS)),
    moreFindings: findings.length > MAX_FINDINGS ? findings.length - MAX_FINDINGS : undefined,
  };
  logger.info(line, 'found after the answer');
}

/** A text of a request as log lines have it. */
export function cutText(text: string): string {
  return shorten(text, MAX_TEXT);
}

/** What to do about one is logged where it is more than its rule's page says: once, and for the first few. */
function describeFindings(findings: Admission['findings']): readonly object[] {
  const remedies = new Set<string>();
  return findings.map((finding) => {
    const { rule, action, fixed, severity, at, cause, remedy } = finding;
    const isTold = cause === undefined || remedies.has(remedy) || remedies.size >= MAX_REMEDIES;
    if (!isTold) remedies.add(remedy);
    return {
      rule,
      action,
      fixed,
      severity,
      at: formatFieldPath(at),
      message: describeFinding(finding),
      cause,
      remedy: isTold ? undefined : remedy,
    };
  });
}
