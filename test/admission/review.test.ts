import { describe, expect, test } from 'vitest';
import { answerUnread } from '../../src/admission/admit.ts';
import {
  readReview,
  readReviewHead,
  respond,
  respondToFailure,
  type AdmissionReview,
} from '../../src/admission/review.ts';
import { NOTHING_FOUND } from '../../src/engine/evaluate.ts';
import { keepAnswerable } from '../../src/policy/policy.ts';
import type { Facts } from '../../src/pull/facts.ts';
import { requestFor } from '../support/admission-request.ts';
import { judge } from '../support/judge.ts';
import { deployment, pod, recordedNames, recordedReview, type Json } from '../support/objects.ts';
import { MIRRORED, policyOf } from '../support/policies.ts';

const V1 = { kind: 'AdmissionReview', apiVersion: 'admission.k8s.io/v1' };
const NOT_V1 = 'the body is not an AdmissionReview of admission.k8s.io/v1, the only version served';

describe('what is no AdmissionReview is said to be none', () => {
  test.each<[string, unknown, string]>([
    ['null', null, 'the body is not a JSON object'],
    ['a list', [], 'the body is not a JSON object'],
    ['an empty object', {}, NOT_V1],
    ['a pod', { kind: 'Pod', apiVersion: 'v1' }, NOT_V1],
    ['a version to come', { ...V1, apiVersion: 'admission.k8s.io/v2' }, NOT_V1],
    ['a version that was', { ...V1, apiVersion: 'admission.k8s.io/v1beta1' }, NOT_V1],
    ['a response', { ...V1, response: { uid: 'x' } }, 'the AdmissionReview has no request'],
    ['a request without uid', { ...V1, request: {} }, 'the AdmissionReview has no request.uid'],
    ['a numeric uid', { ...V1, request: { uid: 1 } }, 'the AdmissionReview has no request.uid'],
    ['an empty uid', { ...V1, request: { uid: '' } }, 'the AdmissionReview has no request.uid'],
  ])('%s', (_, body, problem) => {
    expect(readReview(body)).toEqual({ ok: false, problem });
  });
});

test('odd fields of a request that has a uid are read as missing, so that it can be answered', () => {
  const odd = {
    uid: 'u',
    kind: 'Pod',
    operation: 7,
    namespace: [],
    name: {},
    subResource: null,
    userInfo: 3,
    dryRun: 'yes',
    object: null,
  };
  expect(readReview({ ...V1, request: odd })).toEqual({
    ok: true,
    review: {
      request: {
        uid: 'u',
        kind: { group: '', kind: '' },
        subResource: '',
        operation: '',
        namespace: '',
        name: '',
        dryRun: false,
        username: '',
        object: undefined,
        oldObject: undefined,
      },
    },
  });
});

function review(object: Json): AdmissionReview {
  return { request: requestFor(object, { uid: 'u-1', kind: { group: '', kind: String(object['kind']) } }) };
}

describe('the API server understands every answer', () => {
  test('nothing to say is said with nothing but the uid', () => {
    const answer = respond(
      review(pod('quay.io/a/b:1')),
      judge(pod('quay.io/a/b:1'), keepAnswerable(MIRRORED, []), 'apply'),
    );
    expect(answer).toEqual({
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      response: { uid: 'u-1', allowed: true },
    });
  });

  test('a denial carries code, reason and message, and no patch', () => {
    const { response } = respond(
      review(pod('NGINX')),
      judge(pod('NGINX', { initContainers: [{ name: 'i', image: 'busybox' }] }), MIRRORED, 'apply'),
    );
    expect(response.status).toMatchObject({ code: 403, reason: 'Forbidden' });
    expect(response.allowed).toBe(false);
    expect(response.patch).toBeUndefined();
  });

  test('several denials read as the list of field errors that API servers write', () => {
    const object = pod('A', { containers: Array.from({ length: 12 }, (_, at) => ({ name: `c${at}`, image: 'A' })) });
    const { response } = respond(review(object), judge(object, MIRRORED));
    expect(response.status?.message).toMatch(
      /^\[container \"c0\": spec\.containers\[0\]\.image: Invalid value: \"A\": .*, container \"c9\": spec\.containers\[9\]\.image: .*, and 2 more\]$/,
    );
  });

  test('keys of audit annotations are names without a slash, as the API server puts its own before them', () => {
    const object = deployment('nginx', {
      containers: Array.from({ length: 30 }, (_, at) => ({ name: `c${at}`, image: 'nginx' })),
    });
    const { auditAnnotations = {} } = respond(review(object), judge(object, MIRRORED)).response;
    for (const key of Object.keys(auditAnnotations)) expect(key).toMatch(/^[A-Za-z0-9][-A-Za-z0-9_.]{0,62}$/);
    expect(auditAnnotations['findings']).toMatch(/and \d+ more$/);
  });

  test('what was not judged, and why, is in the audit log', () => {
    const skipped = [{ rule: 'pull-secret-usable', missing: ['pullSecrets'] as const }];
    const admission = { ...NOTHING_FOUND, skipped, waived: ['tag-explicit'], mode: 'warn' as const };
    expect(respond(review(pod('a')), admission).response.auditAnnotations).toEqual({
      skipped: 'pull-secret-usable',
      waived: 'tag-explicit',
      mode: 'warn',
    });
  });

  test('an audit-only finding is not shown to anybody', () => {
    const policy = keepAnswerable(policyOf('rules: { tag-explicit: audit }'), []);
    const { response } = respond(review(pod('nginx')), judge(pod('nginx'), policy));
    expect(response.warnings).toBeUndefined();
    expect(response.auditAnnotations).toEqual({
      findings: 'tag-explicit:audit:spec.containers[0].image',
      severity: 'warning',
    });
  });
});

test('a failure of ours lets the object pass, says so, and gives the uid to look for', () => {
  expect(respondToFailure(review(pod('x'))).response).toEqual({
    uid: 'u-1',
    allowed: true,
    warnings: ["pullguard internal error, this Pod was admitted unchecked: see pullguard's log, uid u-1"],
    auditAnnotations: { error: 'internal' },
  });
});

test('credentials in an image reach neither the user, nor the audit log, nor the patch', () => {
  const secret = 'hunter2';
  const object = pod(`user:${secret}@registry.example.com/app:1`);
  const answer = respond(review(object), judge(object, MIRRORED, 'apply'));
  expect(answer.response.allowed).toBe(false);
  expect(JSON.stringify(answer)).not.toContain(secret);
});

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
