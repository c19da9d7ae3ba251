import { expect, test } from 'vitest';
import { answerUnread } from '../../src/admission/admit.ts';
import { readReviewHead } from '../../src/admission/review.ts';
import type { Facts } from '../../src/pull/facts.ts';
import { recordedNames, recordedReview } from '../support/objects.ts';
import { policyOf } from '../support/policies.ts';

const WARNS = policyOf('rules: { reference-valid: warn, pull-secrets-valid: warn }');
const inMode = (mode: string): Facts => ({ namespaces: { findLabels: () => ({ 'pullguard.dev/mode': mode }) } });
const REVIEW = JSON.stringify(recordedReview('pod-create-scheme-in-image'));
const HEAD = REVIEW.slice(0, REVIEW.indexOf('"object":') + 200);

const given = {
  policy: policyOf(),
  facts: inMode('deny'),
  reason: 'too-large',
  problem: 'it is too large',
} as const;
const ERROR = { auditAnnotations: { error: 'too-large' } };
const WARNED = { allowed: true, warnings: ['pullguard did not check this Pod: it is too large'], ...ERROR };

test.each([
  ['is denied where the policy denies and the namespace enforces', 'validate', {}, { allowed: false, ...ERROR }],
  ['is left to /validate by /mutate', 'mutate', {}, WARNED],
  ['passes where the policy denies nothing', 'validate', { policy: WARNS }, WARNED],
  ['passes where the namespace only warns', 'validate', { facts: inMode('warn') }, WARNED],
  [
    'passes in silence where the namespace is only watched',
    'validate',
    { facts: inMode('audit') },
    { allowed: true, ...ERROR },
  ],
  ['passes where nothing is judged', 'validate', { facts: inMode('off') }, { allowed: true }],
  [
    'passes where the namespace is not known yet',
    'validate',
    { facts: { namespaces: { findLabels: () => undefined } } },
    WARNED,
  ],
  [
    'passes in an exempt namespace',
    'validate',
    { policy: policyOf('exempt: { namespaces: ["*"] }') },
    { allowed: true },
  ],
] as const)('an object that was not read %s', (_what, endpoint, change, answer) => {
  const { response } = answerUnread(readReviewHead(HEAD)!, endpoint, { ...given, ...change });
  expect(response).toMatchObject({ uid: recordedReview('pod-create-scheme-in-image').request.uid, ...answer });
  expect(response.warnings).toEqual('warnings' in answer ? answer.warnings : undefined);
  expect(response.auditAnnotations).toEqual('auditAnnotations' in answer ? answer.auditAnnotations : undefined);
});

test.each(recordedNames())('who asks for what is read from the beginning of a review: %s', (name) => {
  const whole = JSON.stringify(recordedReview(name));
  const object = whole.indexOf('"object":');
  const { request } = readReviewHead(whole.slice(0, object + 30))!;
  const { uid, namespace = '', operation, userInfo } = recordedReview(name).request as Record<string, unknown>;
  expect(request).toMatchObject({ uid, namespace, operation, username: (userInfo as { username: string }).username });
});

test.each([
  '',
  '{',
  '{"request":{"uid":"u',
  '[]',
  '"',
  `{"kind":"AdmissionReview","request":{${'"\\"'.repeat(20_000)}`,
])('what has no uid is not answered as a review: %#', (head) => {
  expect(readReviewHead(head)).toBeUndefined();
});
