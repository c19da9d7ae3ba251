import { describe, expect, test } from 'vitest';
import { respond, respondToFailure, type AdmissionReview } from '../../src/admission/review.ts';
import { NOTHING_FOUND } from '../../src/engine/evaluate.ts';
import { keepAnswerable } from '../../src/policy/policy.ts';
import { requestFor } from '../support/admission-request.ts';
import { deployment, pod, type Json } from '../support/objects.ts';
import { judge } from '../support/judge.ts';
import { MIRRORED, policyOf } from '../support/policies.ts';

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
