import { expect, test } from 'vitest';
import { admit } from '../../src/admission/admit.ts';
import { readReview, type AdmissionRequest } from '../../src/admission/review.ts';
import type { Policy } from '../../src/engine/rule.ts';
import { logDecision } from '../../src/serve/decide.ts';
import { pod, type Json } from '../support/objects.ts';
import { MIRRORED } from '../support/policies.ts';
import { collectLog, reviewOf, type LogLine } from './helpers.ts';

const SECRET = 's3cr3t';

test('a decision is one line, with all that tells which, why and how long', () => {
  expect(logReview(reviewOf(pod('nginx:1.25'), { dryRun: true }))).toEqual([
    {
      level: 30,
      time: expect.any(Number) as number,
      msg: 'decided',
      uid: 'b3f1',
      endpoint: 'mutate',
      operation: 'CREATE',
      kind: 'Pod',
      namespace: 'default',
      name: 'web',
      user: 'dev@example.com',
      dryRun: true,
      outcome: 'patched',
      findings: [
        {
          rule: 'mirror-used',
          action: 'warn',
          fixed: 'now',
          severity: 'notice',
          at: 'spec.containers[0].image',
          message:
            'replaced "nginx:1.25" with the mirror\'s "swr.eu-de.otc.t-systems.com/dockerhub/library/nginx:1.25"',
        },
        {
          rule: 'pull-secret-present',
          action: 'warn',
          fixed: 'now',
          severity: 'notice',
          at: 'spec.imagePullSecrets',
          message: `added imagePullSecret "default-secret" (needed by "swr.eu-de.otc.t-systems.com/dockerhub/library/nginx:1.25")`,
        },
      ],
      milliseconds: 1.235,
    },
  ]);
});

test('a request that was let pass says why, and what is empty is left out', () => {
  const [line] = logReview(reviewOf(pod('NGINX'), { subResource: 'eviction' }));
  expect(line).toMatchObject({ subResource: 'eviction', pass: 'subresource' });
  expect(Object.keys(line ?? {})).not.toEqual(expect.arrayContaining(['findings']));
});

test('an error is a line of level error with its stack, and the same fields', () => {
  const { logger, lines } = collectLog();
  const error = new Error('a bug');
  logDecision(logger, {
    endpoint: 'validate',
    request: readRequest(reviewOf(pod('x'))),
    outcome: 'error',
    seconds: 0,
    error,
  });
  expect(lines).toMatchObject([
    { level: 50, msg: 'internal error, admitted unchecked', uid: 'b3f1', err: { type: 'Error', message: 'a bug' } },
  ]);
});

test.each([
  ['info', 1, 1],
  ['warn', 0, 1],
  ['error', 0, 1],
])('at level %s decisions make %d lines and failures %d', (level, decisions, failures) => {
  const { logger, lines } = collectLog(level);
  const decision = { endpoint: 'mutate', request: readRequest(reviewOf(pod('x'))), seconds: 0 } as const;
  logDecision(logger, { ...decision, outcome: 'allowed' });
  expect(lines).toHaveLength(decisions);
  logDecision(logger, { ...decision, outcome: 'error', error: new Error('a bug') });
  expect(lines).toHaveLength(decisions + failures);
});

test('of the object nothing else is logged', () => {
  const env = [{ name: 'PASSWORD', value: SECRET }];
  const spec = { containers: [{ name: 'app', image: 'NGINX', env, args: [SECRET] }], nodeName: SECRET };
  const object = { ...pod('x', spec), data: SECRET };
  const review = reviewOf(object, {
    oldObject: object,
    options: { x: SECRET },
    userInfo: { username: 'u', extra: { t: [SECRET] } },
  });
  expect(JSON.stringify(logReview(review, MIRRORED, 'validate'))).not.toContain(SECRET);
});

test('a line stays below the 16 KiB at which container runtimes cut it, whatever is sent', () => {
  const long = 'ä'.repeat(2000);
  const containers = Array.from({ length: 100 }, (_, at) => ({
    name: `${long}${at}`,
    image: `N${at}${long.slice(0, 900)}`,
  }));
  const texts = { uid: long, name: long, namespace: long, operation: 'CREATE', userInfo: { username: long } };
  const [line] = logReview(reviewOf(pod('x', { containers }), texts), MIRRORED, 'validate');
  expect(line).toMatchObject({ moreFindings: 80, outcome: 'denied', uid: `${'ä'.repeat(255)}…` });
  expect(Buffer.byteLength(JSON.stringify(line))).toBeLessThan(16 * 1024);
});

test('line breaks and terminal codes in names stay inside the one line of JSON', () => {
  const { logger, lines } = collectLog();
  const request = readRequest(reviewOf(pod('x'), { name: 'a\nb\u001b[31m', namespace: '{"level":50}' }));
  logDecision(logger, { endpoint: 'mutate', request, outcome: 'allowed', seconds: 0 });
  expect(lines).toMatchObject([{ level: 30, name: 'a\nb\u001b[31m', namespace: '{"level":50}' }]);
});

function logReview(review: Json, policy: Policy = MIRRORED, endpoint: 'mutate' | 'validate' = 'mutate'): LogLine[] {
  const { logger, lines } = collectLog();
  const request = readRequest(review);
  const admission = admit(request, endpoint, policy, { facts: {}, now: 0 });
  const denied = admission.findings.some(({ action }) => action === 'deny');
  const outcome = denied ? 'denied' : admission.edits.length > 0 ? 'patched' : 'allowed';
  logDecision(logger, { endpoint, request, outcome, seconds: 0.0012346, admission });
  return lines;
}

function readRequest(review: Json): AdmissionRequest {
  const read = readReview(review);
  if (!read.ok) throw new Error(read.problem);
  return read.review.request;
}
