import { describe, expect, test } from 'vitest';
import { sortRequest } from '../../src/admission/pass.ts';
import { readReview, type AdmissionRequest } from '../../src/admission/review.ts';
import { deployment, pod, recordedNames, recordedReview, type Json } from '../support/objects.ts';
import { MIRRORED, policyOf } from '../support/policies.ts';

function request(fields: Json): AdmissionRequest {
  const read = readReview({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: { uid: 'u', operation: 'CREATE', namespace: 'default', kind: { group: '', kind: 'Pod' }, ...fields },
  });
  if (!read.ok) throw new Error(read.problem);
  return read.review.request;
}

function sort(fields: Json, policy = MIRRORED): string {
  const sorted = sortRequest(request(fields), policy);
  return 'pass' in sorted ? `pass: ${sorted.pass}` : `judge: ${sorted.kind.kind}`;
}

// Each reason to pass has its row in admit.test.ts, where nothing comes of it; here is what comes close to one.
describe('what looks like a reason to pass and is none', () => {
  const owned = (owner: Json): Json => ({
    kind: { group: 'apps', kind: 'ReplicaSet' },
    object: { ...deployment('nginx'), metadata: { ownerReferences: [owner] } },
  });
  test.each<[string, Json, string]>([
    ['an ephemeral container', { subResource: 'ephemeralcontainers', operation: 'UPDATE', object: pod('a') }, 'Pod'],
    ['an owner that does not control', owned({ apiVersion: 'apps/v1', kind: 'Deployment' }), 'ReplicaSet'],
    [
      'an owner of an unknown kind',
      owned({ apiVersion: 'example.com/v1', kind: 'Deployment', controller: true }),
      'ReplicaSet',
    ],
    ['a list of owners that is none', { object: { ...pod('a'), metadata: { ownerReferences: 'x' } } }, 'Pod'],
    [
      'other annotations',
      { object: { ...pod('a'), metadata: { annotations: { 'kubernetes.io/config': '' } } } },
      'Pod',
    ],
    ['annotations that are null', { object: { ...pod('a'), metadata: { annotations: null } } }, 'Pod'],
    ['a deletion timestamp of null', { object: { ...pod('a'), metadata: { deletionTimestamp: null } } }, 'Pod'],
  ])('%s', (_, fields, kind) => {
    expect(sort(fields)).toBe(`judge: ${kind}`);
  });
});

describe('what passes for one of two reasons', () => {
  test('an exempt namespace, which only the object may name', () => {
    const object = { ...pod('a'), metadata: { namespace: 'kube-system' } };
    expect(sort({ namespace: '', object })).toBe('pass: exempt-namespace');
    // The API server refuses an object that names another namespace than its request.
    expect(sort({ namespace: 'default', object })).toBe('judge: Pod');
  });

  test('a static pod, even if the annotation is empty', () => {
    const object = { ...pod('a'), metadata: { annotations: { 'kubernetes.io/config.mirror': '' } } };
    expect(sort({ object })).toBe('pass: static-pod');
  });

  test('only pods have ephemeral containers', () => {
    const fields = { kind: { group: 'apps', kind: 'Deployment' }, subResource: 'ephemeralcontainers' };
    expect(sort({ ...fields, object: deployment('a') })).toBe('pass: subresource');
  });
});

test('a kind that the policy adds is judged', () => {
  const fields = { kind: { group: 'argoproj.io', kind: 'Rollout' }, object: deployment('a') };
  expect(sort(fields)).toBe('pass: not-a-workload');
  const policy = policyOf('workloads: [{ group: argoproj.io, kind: Rollout, podTemplates: [/spec/template] }]');
  expect(sort(fields, policy)).toBe('judge: Rollout');
});

test('of the requests of a real API server, these are none of our business', () => {
  const passed = recordedNames().flatMap((name) => {
    const sorted = sort(recordedReview(name).request);
    return sorted.startsWith('pass') ? [`${name}, ${sorted}`] : [];
  });
  expect(passed.sort()).toEqual([
    'cronjob-delete, pass: operation',
    'deployment-scale, pass: not-a-workload',
    'deployment-update-status, pass: subresource',
    'pod-delete, pass: operation',
    'replicaset-create-owned, pass: owned',
  ]);
});
