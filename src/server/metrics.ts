import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Admission, Endpoint } from '../admission/admit.ts';
import type { AdmissionRequest } from '../admission/review.ts';
import { WORKLOAD_KINDS } from '../workload/kinds.ts';
import { createTally } from './tally.ts';

/** What came of a request: `passed` was not judged, `invalid` was no AdmissionReview, `overloaded` found no room for its body. */
export type Outcome = 'allowed' | 'patched' | 'denied' | 'passed' | 'error' | 'invalid' | 'overloaded';

/** Labels must stay few whatever is sent: kinds of other people's making count as one. */
const KNOWN_KINDS: ReadonlySet<string> = new Set(WORKLOAD_KINDS.map(({ kind }) => kind));

/** From a tenth of a millisecond, about what a decision takes, to the 10 s after which every API server has given up. */
const DURATION_BUCKETS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1, 10];

export type Metrics = ReturnType<typeof createMetrics>;

/** Everything pullguard counts, in a registry of its own. */
// eslint-disable-next-line @typescript-eslint/explicit-module-boundary-types -- the type is the list of what it returns
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const requests = createTally({
    name: 'pullguard_admission_requests_total',
    help: 'Webhook calls, by endpoint, kind of object and outcome.',
    labelNames: ['endpoint', 'kind', 'outcome'],
    registers,
  });
  const duration = new Histogram({
    name: 'pullguard_admission_duration_seconds',
    help: 'Time taken to decide a review and write its answer, once its body is read, in seconds.',
    labelNames: ['endpoint'] as const,
    buckets: DURATION_BUCKETS,
    registers,
  });
  const findings = createTally({
    name: 'pullguard_findings_total',
    help: 'What rules found, by rule and by the action taken.',
    labelNames: ['rule', 'action'],
    registers,
  });
  const fixes = createTally({
    name: 'pullguard_fixes_total',
    help: 'Problems fixed in pods, by rule.',
    labelNames: ['rule'],
    registers,
  });
  const errors = new Counter({
    name: 'pullguard_errors_total',
    help: 'Failures of pullguard itself, by where: admission (the object passed), certificate, policy, tls (handshakes).',
    labelNames: ['where'] as const,
    registers,
  });
  const certificateExpiry = new Gauge({
    name: 'pullguard_certificate_expiry_timestamp_seconds',
    help: 'When the serving certificate expires, in seconds since 1970.',
    registers,
  });
  const policyReloads = new Counter({
    name: 'pullguard_policy_reloads_total',
    help: 'Changes of the policy file noticed, by result: success, or failure (the last good policy stays).',
    labelNames: ['result'] as const,
    registers,
  });
  for (const where of ['admission', 'certificate', 'policy', 'tls']) errors.inc({ where }, 0);
  for (const result of ['success', 'failure']) policyReloads.inc({ result }, 0);
  return { registry, requests, duration, findings, fixes, errors, certificateExpiry, policyReloads };
}

/** Counts one answered review. */
export function countAdmission(
  { requests, findings, fixes }: Metrics,
  endpoint: Endpoint,
  request: AdmissionRequest,
  { outcome, admission }: { outcome: Outcome; admission?: Admission },
): void {
  const kind = KNOWN_KINDS.has(request.kind.kind) ? request.kind.kind : 'other';
  requests.inc({ endpoint, kind, outcome });
  for (const { rule, action, fixed } of admission?.findings ?? []) {
    findings.inc({ rule, action });
    if (fixed === 'now') fixes.inc({ rule });
  }
}
