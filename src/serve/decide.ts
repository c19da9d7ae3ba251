import type { Logger } from 'pino';
import { admit, type Admission, type Endpoint } from '../admission/admit.ts';
import type { Questioning } from '../admission/answer-later.ts';
import { respond, respondToFailure, type AdmissionRequest, type AdmissionReview } from '../admission/review.ts';
import type { Policy } from '../engine/rule.ts';
import type { Facts } from '../pull/facts.ts';
import { describeFinding } from '../report/finding.ts';
import { LONGEST_SMALL_BODY } from '../text/bounds.ts';
import { formatFieldPath } from '../text/json.ts';
import { shorten } from '../text/quote.ts';
import { WORKLOAD_KINDS } from '../workload/kinds.ts';
import type { Metrics } from './metrics.ts';

/** The outcome of a request. `passed`: not checked; `invalid`: not an AdmissionReview; `overloaded`: no room for its body. */
export type Outcome = 'allowed' | 'patched' | 'denied' | 'passed' | 'error' | 'invalid' | 'overloaded';

/** The result of a review; `text` is the response. */
export type Decided = Questioning &
  Readonly<{ text: string; outcome: Outcome; admission?: Admission; error?: unknown }>;

/** What the decision of a review depends on, besides the review. */
type Surroundings = Readonly<{
  policy: Policy;
  facts: Facts;
  /** Milliseconds since 1970. */
  now: number;
  /** See `evaluate`. */
  timeLeft: () => number;
}>;

/** Decides a review. If that fails for any reason, the object is admitted unchecked, with a warning. */
export function decide(review: AdmissionReview, endpoint: Endpoint, surroundings: () => Surroundings): Decided {
  try {
    const { policy, ...known } = surroundings();
    const admission = admit(review.request, endpoint, policy, known);
    const { unanswered, outdated } = admission;
    const answer = respond(review, admission);
    const outcome = nameOutcome(admission, answer.response.allowed);
    return { text: JSON.stringify(answer), outcome, admission, unanswered, outdated };
  } catch (error) {
    const text = JSON.stringify(respondToFailure(review));
    return { text, outcome: 'error', error, unanswered: [], outdated: [] };
  }
}

function nameOutcome({ exempt, edits }: Admission, allowed: boolean): Outcome {
  if (exempt !== undefined) return 'passed';
  if (!allowed) return 'denied';
  return edits.length > 0 ? 'patched' : 'allowed';
}

/** Starts the time budget of a review. The function returns the share that is left: 1 at first, 0 or less at the end. */
export function startBudget(ms: number): () => number {
  const started = performance.now();
  return () => 1 - (performance.now() - started) / ms;
}

/** A decided review whose response was sent. */
export type Answered = Pick<Decided, 'outcome' | 'admission' | 'error'> &
  Readonly<{
    endpoint: Endpoint;
    request: AdmissionRequest;
    /** Size of the body. */
    bytes: number;
    /** How long the decision took, from the parsed body to the response. */
    seconds: number;
    /** Whether it waited for registries. */
    waited: boolean;
  }>;

/** Container runtimes cut lines at 16 KiB: twenty findings of some 500 characters, and the texts of the request, stay below. */
const MAX_FINDINGS = 20;

/** Each is up to a thousand characters long. */
const MAX_REMEDIES = 3;

/** Names in Kubernetes are no longer than 253 characters. */
const MAX_TEXT = 256;

/** One line per review. Of the object it contains only the name and, in findings, images without credentials. */
export function logDecision(logger: Logger, decision: Omit<Answered, 'bytes' | 'waited'>): void {
  const { endpoint, request, outcome, seconds, admission, error } = decision;
  const { exempt, mode, findings = [], skipped = [], waived = [] } = admission ?? {};
  // Undefined fields are left out of the line.
  const line = {
    endpoint,
    ...describeRequest(request),
    subResource: request.subResource === '' ? undefined : cutText(request.subResource),
    dryRun: request.dryRun ? true : undefined,
    outcome,
    pass: exempt,
    mode,
    ...describeFindings(findings),
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
  logger.info({ ...describeRequest(request), ...describeFindings(findings) }, 'found after the answer');
}

/** The fields that identify a request in the log. */
export function describeRequest({ uid, operation, kind, namespace, name, username }: AdmissionRequest): object {
  return {
    uid: cutText(uid),
    operation: cutText(operation),
    kind: cutText(kind.kind),
    namespace: cutText(namespace),
    name: cutText(name),
    user: cutText(username),
  };
}

/** A text of a request, shortened for a log line. */
export function cutText(text: string): string {
  return shorten(text, MAX_TEXT);
}

/** Logs a remedy only if there is a cause, each once, and at most three of them. The others are in the page of the rule. */
function describeFindings(findings: Admission['findings']): object {
  const remedies = new Set<string>();
  const described = findings.slice(0, MAX_FINDINGS).map((finding) => {
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
  return {
    findings: described.length === 0 ? undefined : described,
    moreFindings: findings.length > MAX_FINDINGS ? findings.length - MAX_FINDINGS : undefined,
  };
}

/** The values of a label must stay few, whatever is sent: all other kinds are counted as one. */
const KNOWN_KINDS: ReadonlySet<string> = new Set([...WORKLOAD_KINDS.map(({ kind }) => kind), 'Namespace']);

export function countDecision(
  { requests, duration, findings, fixes, skips, errors }: Metrics,
  { endpoint, request, outcome, admission, error, bytes, seconds, waited }: Answered,
): void {
  const kind = KNOWN_KINDS.has(request.kind.kind) ? request.kind.kind : 'other';
  const size = bytes > LONGEST_SMALL_BODY ? 'large' : 'small';
  duration.observe({ endpoint, size, waited: String(waited) }, seconds);
  requests.inc({ endpoint, kind, outcome });
  if (error !== undefined) errors.inc({ where: 'admission' });
  if (admission === undefined) return;
  for (const { rule, action, severity, fixed } of admission.findings) {
    findings.inc({ rule, action, severity });
    if (fixed === 'now') fixes.inc({ rule });
  }
  for (const { rule, missing } of admission.skipped) {
    for (const fact of missing) skips.inc({ rule, reason: fact });
  }
  for (const rule of admission.waived) skips.inc({ rule, reason: 'annotation' });
}
