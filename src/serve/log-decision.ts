import type { Logger } from 'pino';
import type { Admission, Endpoint } from '../admission/admit.ts';
import type { AdmissionRequest } from '../admission/review.ts';
import { describeFinding } from '../report/finding.ts';
import { formatFieldPath } from '../text/json.ts';
import { shorten } from '../text/shorten.ts';
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
  decision: {
    endpoint: Endpoint;
    request: AdmissionRequest;
    outcome: Outcome;
    seconds: number;
    admission?: Admission;
    error?: unknown;
  },
): void {
  const { endpoint, request, outcome, seconds, admission, error } = decision;
  const line = {
    uid: shorten(request.uid, MAX_TEXT),
    endpoint,
    operation: shorten(request.operation, MAX_TEXT),
    kind: shorten(request.kind.kind, MAX_TEXT),
    ...(request.subResource !== '' && { subResource: shorten(request.subResource, MAX_TEXT) }),
    namespace: shorten(request.namespace, MAX_TEXT),
    name: shorten(request.name, MAX_TEXT),
    user: shorten(request.username, MAX_TEXT),
    ...(request.dryRun && { dryRun: true }),
    outcome,
    ...(admission !== undefined && describeAdmission(admission)),
    milliseconds: Math.round(seconds * 1e6) / 1e3,
  };
  if (error === undefined) logger.info(line, 'decided');
  else logger.error({ ...line, err: error }, 'failed, and let the object pass');
}

/** Only what there is to say. */
function describeAdmission({ exempt, mode, findings, skipped, waived }: Admission): object {
  return {
    ...(exempt !== undefined && { pass: exempt }),
    ...(mode !== undefined && { mode }),
    ...(findings.length > 0 && { findings: describeFindings(findings.slice(0, MAX_FINDINGS)) }),
    ...(findings.length > MAX_FINDINGS && { moreFindings: findings.length - MAX_FINDINGS }),
    ...(skipped.length > 0 && { skipped }),
    ...(waived.length > 0 && { waived }),
  };
}

/** What to do about one is logged where it is more than its rule's page says: once, and for the first few. */
function describeFindings(findings: Admission['findings']): readonly object[] {
  const remedies = new Set<string>();
  return findings.map((finding) => {
    const { rule, action, fixed, at, cause, remedy } = finding;
    const isTold = cause === undefined || remedies.has(remedy) || remedies.size >= MAX_REMEDIES;
    if (!isTold) remedies.add(remedy);
    return {
      rule,
      action,
      fixed,
      at: formatFieldPath(at),
      message: describeFinding(finding),
      ...(cause !== undefined && { cause }),
      ...(!isTold && { remedy }),
    };
  });
}
