import type { Logger } from 'pino';
import type { Admission, Endpoint } from '../admission/admit.ts';
import type { AdmissionRequest } from '../admission/review.ts';
import { describeFinding } from '../report/finding.ts';
import { formatFieldPath } from '../text/json.ts';
import { shorten } from '../text/quote.ts';
import type { Outcome } from './metrics.ts';

/** Container runtimes cut lines at 16 KiB: twenty findings of some 500 characters, and the texts of the request, stay below. */
const MAX_FINDINGS = 20;

/** Each is up to a thousand characters long. */
const MAX_REMEDIES = 3;

/** Names in Kubernetes are no longer than 253 characters. */
const MAX_TEXT = 256;

/** One line per review. Of the object it contains only the name and, in findings, images without credentials. */
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
  // Undefined fields are left out of the line.
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
  else logger.error(line, 'internal error, admitted unchecked');
}

/** Logs what was found after the response, when registries had answered: a separate line, with the same uid. */
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

/** A text of a request, shortened for a log line. */
export function cutText(text: string): string {
  return shorten(text, MAX_TEXT);
}

/** Logs a remedy only if there is a cause, each once, and at most three of them. The others are in the page of the rule. */
function describeFindings(findings: Admission['findings']): readonly object[] {
  const remedies = new Set<string>();
  return findings.map((finding) => {
    const { rule, action, fixed, severity, at, cause, remedy } = finding;
    const isLeftOut = cause === undefined || remedies.has(remedy) || remedies.size >= MAX_REMEDIES;
    if (!isLeftOut) remedies.add(remedy);
    return {
      rule,
      action,
      fixed,
      severity,
      at: formatFieldPath(at),
      message: describeFinding(finding),
      cause,
      remedy: isLeftOut ? undefined : remedy,
    };
  });
}
