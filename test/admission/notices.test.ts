import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { admit, type Endpoint } from '../../src/admission/admit.ts';
import { readReview, type AdmissionRequest } from '../../src/admission/review.ts';
import { readLateNotices, readNotices } from '../../src/admission/notices.ts';
import type { Finding } from '../../src/engine/evaluate.ts';
import { requestFor } from '../support/admission-request.ts';
import { NOW } from '../support/facts.ts';
import { finding } from '../support/finding.ts';
import { pod, recordedReview, type Json } from '../support/objects.ts';
import { policyOf } from '../support/policies.ts';

const POLICY = policyOf(
  'mirrors: [{ from: swr.eu-de.otc.t-systems.com/k8s-dev, to: mirror.example.com }]',
  'rules: { reference-valid: deny, mirror-used: { action: warn, fix: true }, tag-explicit: audit }',
);

describe('an admission as the API server sent it', () => {
  const tell = (name: string, endpoint: Endpoint): ReturnType<typeof readNotices> => {
    const read = readReview(recordedReview(name));
    if (!read.ok) throw new Error(read.problem);
    const { request } = read.review;
    return readNotices(request, admit(request, endpoint, POLICY, { facts: {}, now: NOW }));
  };

  test('is told of its owner', () => {
    const [notice, ...others] = tell('pod-create-from-replicaset', 'mutate');
    const uid = '91fbc935-7a37-4bed-8ddf-231215f0a7cc';
    const involved = { apiVersion: 'apps/v1', kind: 'ReplicaSet', namespace: 'default', name: 'dep-6cfb479985', uid };
    expect(notice).toMatchObject({ involved, outcome: 'fixed', rule: 'mirror-used' });
    expect(notice?.message).toMatch(
      /^Pod\/dep-6cfb479985-\*: spec\.containers\[0\]\.image: replaced .* \"mirror\.example\.com\/nginx:1\.25\" \(mirror-used\)$/,
    );
    expect(others).toEqual([]);
  });

  test('or of itself', () => {
    const [notice] = tell('statefulset-create-uppercase-image', 'validate');
    const involved = { apiVersion: 'apps/v1', kind: 'StatefulSet', namespace: 'default', name: 'sts' };
    expect(notice).toMatchObject({ involved, outcome: 'denied', rule: 'reference-valid' });
    expect(notice?.message).toMatch(
      /^spec\.template\.spec\.containers\[0\]\.image: .*lowercase.* \(reference-valid\)\. Write the image as .*\.$/,
    );
  });

  test('or not at all', () => {
    expect(tell('deployment-create', 'validate')).toEqual([]);
  });
});

describe('the object that people look at', () => {
  const OWNER = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-7d9f', uid: 'u1', controller: true };

  test.each<[why: string, request: Partial<AdmissionRequest>, metadata: Json, involved: object]>([
    ['its own name', {}, { name: 'web' }, { kind: 'Pod', name: 'web' }],
    [
      'its controller, with the uid by which `kubectl describe` finds Events',
      {},
      { generateName: 'web-7d9f-', ownerReferences: [{ ...OWNER, controller: false, name: 'other' }, OWNER] },
      { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-7d9f', uid: 'u1' },
    ],
    [
      'not an owner that does not control it',
      {},
      { name: 'web', ownerReferences: [{ ...OWNER, controller: false }] },
      {},
    ],
    ['not the uid of an object that a denial keeps from existing', {}, { name: 'web', uid: 'made-for-this-try' }, {}],
    ['the uid of one that exists', { operation: 'UPDATE' }, { name: 'web', uid: 'u2' }, { uid: 'u2' }],
    ['a prefix is no name: another pod may have it', {}, { generateName: 'web-' }, { name: 'web-*' }],
    [
      'at /validate a generated name is there, another one at each try',
      { name: 'web-x7k2p' },
      { generateName: 'web-', name: 'web-x7k2p' },
      { name: 'web-*' },
    ],
    [
      'once generated, a name stays',
      { operation: 'UPDATE' },
      { generateName: 'web-', name: 'web-x7k2p', uid: 'u3' },
      { name: 'web-x7k2p', uid: 'u3' },
    ],
    ['a name that was given besides a prefix', {}, { generateName: 'job-', name: 'web' }, { name: 'web' }],
    ['only the request may say the name', { name: 'web' }, {}, { name: 'web' }],
    [
      'only the request may say the namespace',
      { namespace: 'team' },
      { name: 'web', namespace: undefined },
      { namespace: 'team' },
    ],
  ])('%s', (_why, request, metadata, involved) => {
    const [notice] = readNotices(requestFor({ metadata: { namespace: 'default', ...metadata } }, request), denied());
    expect(notice?.involved).toEqual({
      apiVersion: 'v1',
      kind: 'Pod',
      namespace: 'default',
      name: 'web',
      ...involved,
    });
  });

  test.each<[why: string, metadata: Json]>([
    ['no name at all', {}],
    ['a name longer than Kubernetes has any', { name: 'x'.repeat(254) }],
    ['an owner without a name', { name: 'web', ownerReferences: [{ kind: 'ReplicaSet', controller: true }] }],
  ])('nothing is told about what has %s', (_why, metadata) => {
    expect(readNotices(requestFor({ metadata }), denied())).toEqual([]);
  });
});

describe('what is told', () => {
  test('one notice for each rule and outcome, whatever the number of containers', () => {
    const findings = [
      finding({ at: '/spec/containers/0/image', value: 'NGINX' }),
      finding({ at: '/spec/containers/1/image', value: 'REDIS' }),
      finding({ at: '/spec/containers/2/image' }),
      finding({ rule: 'pull-secret-present', action: 'warn', fixed: 'now' }),
    ];
    const notices = readNotices(requestFor(pod('NGINX')), { findings });
    expect(notices.map(({ outcome, rule }) => `${outcome} ${rule}`)).toEqual([
      'denied reference-valid',
      'fixed pull-secret-present',
    ]);
    expect(notices[0]?.message).toBe(
      'spec.containers[0].image: "NGINX": repository name must be lowercase (reference-valid, and 2 more). Write it in lower case.',
    );
  });

  test.each<[why: string, request: Partial<AdmissionRequest>, overrides: Partial<Finding>]>([
    ['a warning, which its author has read', {}, { action: 'warn' }],
    ['a note for the audit log', {}, { action: 'audit' }],
    ['a fix that its pods will get', {}, { action: 'warn', fixed: 'later' }],
    ['a dry run', { dryRun: true }, {}],
  ])('nothing of %s', (_why, request, overrides) => {
    expect(readNotices(requestFor(pod('NGINX'), request), denied(overrides))).toEqual([]);
  });

  test('no message holds a password, however the image was written', () => {
    const [notice] = readNotices(
      requestFor(pod('x')),
      denied({ value: 'https://me:hunter2@registry.example.com/app' }),
    );
    expect(notice?.message).not.toContain('hunter2');
  });

  test('no message is longer than 1024 bytes, cut between characters, and with its remedy whole or not at all', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', 'é', '€', '😀'), minLength: 200, maxLength: 1500 }),
        (message) => {
          const [notice] = readNotices(requestFor(pod('x')), denied({ message }));
          expect(Buffer.byteLength(notice!.message)).toBeLessThanOrEqual(1024);
          expect(notice!.message).not.toMatch(/\uFFFD/);
          expect(notice!.message).toMatch(/ \(reference-valid\)(?:\. Write it in lower case\.)?$/);
        },
      ),
    );
  });
});

describe('what is found too late for the answer', () => {
  const missing = finding({ action: 'warn', rule: 'image-pullable', message: 'has no tag "9"' });

  test('is one notice a rule, whatever its action, with the uid and name that an admitted object keeps', () => {
    const metadata = { name: 'web-x7k2p', generateName: 'web-', namespace: 'default', uid: 'u1' };
    const notices = readLateNotices(requestFor({ ...pod('a'), metadata }), [missing, missing, finding()]);
    const involved = { apiVersion: 'v1', kind: 'Pod', namespace: 'default', name: 'web-x7k2p', uid: 'u1' };
    expect(notices.map(({ outcome, rule, involved: about }) => [outcome, rule, about])).toEqual([
      ['late', 'image-pullable', involved],
      ['late', 'reference-valid', involved],
    ]);
    expect(notices[0]?.message).toContain('has no tag "9" (image-pullable, and 1 more)');
  });

  test('of a Pod with a controller is told of that', () => {
    const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-1', uid: 'u2', controller: true };
    const request = requestFor({ ...pod('a'), metadata: { namespace: 'default', ownerReferences: [owner] } });
    const [notice] = readLateNotices(request, [missing]);
    expect(notice?.involved).toMatchObject({ kind: 'ReplicaSet', name: 'web-1', uid: 'u2' });
  });
});

function denied(overrides: Partial<Finding> = {}) {
  return { findings: [finding(overrides)] };
}
