import type { Logger } from 'pino';
import type { Admission, Endpoint } from '../admission/admit.ts';
import type { AdmissionRequest } from '../admission/review.ts';
import { describeFinding } from '../report/describe-finding.ts';
import { formatFieldPath } from '../text/json.ts';
import type { Outcome } from './metrics.ts';

/** Container runtimes cut lines at 16 KiB: twenty findings of some 500 characters, and the texts of the request, stay below. */
const MAX_FINDINGS = 20;

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
    uid: shorten(request.uid),
    endpoint,
    operation: shorten(request.operation),
    kind: shorten(request.kind.kind),
    ...(request.subResource !== '' && { subResource: shorten(request.subResource) }),
    namespace: shorten(request.namespace),
    name: shorten(request.name),
    user: shorten(request.username),
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
    ...(findings.length > 0 && { findings: findings.slice(0, MAX_FINDINGS).map(toLogged) }),
    ...(findings.length > MAX_FINDINGS && { moreFindings: findings.length - MAX_FINDINGS }),
    ...(skipped.length > 0 && { skipped }),
    ...(waived.length > 0 && { waived }),
  };
}

function toLogged(finding: Admission['findings'][number]): object {
  const { rule, action, fixed, at } = finding;
  return { rule, action, fixed, at: formatFieldPath(at), message: describeFinding(finding) };
}

function shorten(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT - 1)}…`;
}
