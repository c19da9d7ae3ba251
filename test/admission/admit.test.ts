import fc from 'fast-check';
import jsonpatch, { type Operation } from 'fast-json-patch';
import { describe, expect, test } from 'vitest';
import { admit, type Admission, type Endpoint } from '../../src/admission/admit.ts';
import { readReview, type AdmissionRequest } from '../../src/admission/review.ts';
import type { Facts } from '../../src/pull/facts.ts';
import type { Policy } from '../../src/engine/rule.ts';
import { deployment, pod, type Json } from '../support/objects.ts';
import { MIRRORED, policyOf } from '../support/policies.ts';

const POD = { group: '', version: 'v1', kind: 'Pod' };
const DEPLOYMENT = { group: 'apps', version: 'v1', kind: 'Deployment' };

function request(fields: Json): AdmissionRequest {
  const review = { kind: 'AdmissionReview', apiVersion: 'admission.k8s.io/v1' };
  const read = readReview({
    ...review,
    request: { uid: 'u', operation: 'CREATE', namespace: 'default', kind: POD, ...fields },
  });
  if (!read.ok) throw new Error(read.problem);
  return read.review.request;
}

function admitTo(endpoint: Endpoint, fields: Json, policy: Policy = MIRRORED, facts: Facts = {}): Admission {
  return admit(request(fields), endpoint, policy, facts);
}

const FIXED = ['mirror-used warn now', 'pull-secret-present warn now', 'patched'];
const ENFORCED = [...FIXED, 'reference-valid deny no', 'mirror-used warn no'];
const WARNED = [...FIXED, 'reference-valid warn no', 'mirror-used warn no'];
const AUDITED = ['reference-valid audit no', 'mirror-used audit no'];
const UNFIXED = ['reference-valid deny no', 'mirror-used warn no'];

function rulesOf({ findings }: Admission): readonly string[] {
  return findings.map(({ rule, action, fixed }) => `${rule} ${action} ${fixed}`);
}

describe('what would have run anyway is never touched', () => {
  const bad = pod('NGINX');
  test.each<[string, string, Json]>([
    ['operation', 'a deletion, which has no object', { operation: 'DELETE', object: null, oldObject: bad }],
    [
      'operation',
      'a connection such as kubectl exec',
      { operation: 'CONNECT', subResource: 'exec', object: { kind: 'PodExecOptions' } },
    ],
    ['subresource', 'a status update', { operation: 'UPDATE', subResource: 'status', object: bad }],
    ['subresource', 'a resize', { operation: 'UPDATE', subResource: 'resize', object: bad }],
    [
      'not-a-workload',
      'a binding to a node',
      { subResource: 'binding', kind: { group: '', kind: 'Binding' }, object: { kind: 'Binding' } },
    ],
    [
      'not-a-workload',
      'an eviction',
      { subResource: 'eviction', kind: { group: 'policy', kind: 'Eviction' }, object: {} },
    ],
    [
      'not-a-workload',
      'a scaling',
      { operation: 'UPDATE', subResource: 'scale', kind: { group: 'autoscaling', kind: 'Scale' }, object: {} },
    ],
    [
      'not-a-workload',
      "somebody else's Deployment",
      { kind: { group: 'example.com', kind: 'Deployment' }, object: deployment('NGINX') },
    ],
    ['not-a-workload', 'a request without a kind', { kind: null, object: bad }],
    ['no-object', 'an object that is null', { object: null }],
    ['no-object', 'an object that is a text', { object: 'pod' }],
    ['exempt-namespace', 'a pod of kube-system', { namespace: 'kube-system', object: bad }],
    [
      'being-deleted',
      'a pod whose finalizers are being removed',
      { operation: 'UPDATE', object: { ...bad, metadata: { deletionTimestamp: 'now' } } },
    ],
    [
      'static-pod',
      "kubelet's mirror of a static pod",
      { object: { ...bad, metadata: { annotations: { 'kubernetes.io/config.mirror': 'x' } } } },
    ],
    [
      'owned',
      "a Deployment's ReplicaSet",
      {
        kind: { group: 'apps', kind: 'ReplicaSet' },
        object: {
          ...deployment('NGINX'),
          metadata: { ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', controller: true }] },
        },
      },
    ],
  ])('%s: %s', (reason, _, fields) => {
    for (const endpoint of ['mutate', 'validate'] as const) {
      expect(admitTo(endpoint, fields)).toEqual({ findings: [], edits: [], skipped: [], waived: [], pass: reason });
    }
  });

  test("a ReplicaSet of a controller that is not judged is judged: nobody else's word covers it", () => {
    const owner = { apiVersion: 'argoproj.io/v1alpha1', kind: 'Rollout', controller: true };
    const object = { ...deployment('NGINX'), metadata: { ownerReferences: [owner] } };
    const fields = { kind: { group: 'apps', kind: 'ReplicaSet' }, object };
    expect(rulesOf(admitTo('validate', fields))).toEqual(['reference-valid deny no']);
    const policy = policyOf('workloads: [{ group: argoproj.io, kind: Rollout, podTemplates: [/spec/template] }]');
    expect(admitTo('validate', fields, policy).pass).toBe('owned');
  });

  test('the pods of a ReplicaSet are judged and fixed: they are what runs', () => {
    const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', controller: true };
    const object = { ...pod('nginx'), metadata: { generateName: 'web-', ownerReferences: [owner] } };
    expect(rulesOf(admitTo('mutate', { object }))).toEqual(['mirror-used warn now', 'pull-secret-present warn now']);
  });
});

describe('an update is judged by what it changes', () => {
  const update = (oldObject: Json, object: Json): readonly string[] =>
    rulesOf(admitTo('validate', { operation: 'UPDATE', kind: DEPLOYMENT, oldObject, object }));

  test('a bad object can be labelled', () => {
    expect(update(deployment('NGINX'), { ...deployment('NGINX'), metadata: { labels: { a: 'b' } } })).toEqual([]);
  });

  test('a bad image that comes in is refused', () => {
    expect(update(deployment('nginx'), deployment('NGINX'))).toEqual(['reference-valid deny no']);
    expect(update(deployment('NGINX'), deployment('NGINX:1'))).toEqual(['reference-valid deny no']);
  });

  test('a container that moves in its list has not changed, a new one beside it is judged', () => {
    const two = (...names: readonly string[]): Json =>
      deployment('x', { containers: names.map((name) => ({ name, image: name.toUpperCase() })) });
    expect(update(two('a', 'b'), two('b', 'a'))).toEqual([]);
    expect(update(two('a'), two('b', 'a'))).toEqual(['reference-valid deny no']);
  });

  test('an old object that is missing or broken means that all is new', () => {
    expect(update(null as unknown as Json, deployment('NGINX'))).toEqual(['reference-valid deny no']);
    expect(update({ spec: 'x' }, deployment('NGINX'))).toEqual(['reference-valid deny no']);
  });
});

describe('fixes go where they take effect', () => {
  test('a template is never changed, its author is told what its pods will get', () => {
    const fields = { kind: DEPLOYMENT, object: deployment('nginx') };
    expect(admitTo('mutate', fields)).toEqual({ findings: [], edits: [], skipped: [], waived: [] });
    const validated = admitTo('validate', fields);
    expect(rulesOf(validated)).toEqual(['mirror-used warn later', 'pull-secret-present warn later']);
    expect(validated.edits).toEqual([]);
  });

  test('a pod that exists is never changed: an update that tries is refused, or silently loses the change', () => {
    for (const subResource of ['', 'ephemeralcontainers']) {
      const fields = { operation: 'UPDATE', subResource, object: pod('nginx'), oldObject: pod('busybox') };
      expect(admitTo('mutate', fields)).toEqual({ findings: [], edits: [], skipped: [], waived: [] });
      expect(rulesOf(admitTo('validate', fields))).toEqual(['mirror-used warn no']);
    }
  });

  test('a fix that comes later is no reason to refuse the template, one that does not come is', () => {
    const fields = { kind: DEPLOYMENT, object: deployment('nginx') };
    const mirrors = 'mirrors: [{ from: docker.io, to: mirror.example.com/hub }]';
    const deny = policyOf(mirrors, 'rules: { mirror-used: deny }');
    expect(rulesOf(admitTo('validate', fields, deny))).toEqual(['mirror-used warn later']);
    const denyUnfixed = policyOf(mirrors, 'rules: { mirror-used: { action: deny, fix: false } }');
    expect(rulesOf(admitTo('validate', fields, denyUnfixed))).toEqual(['mirror-used deny no']);
    expect(rulesOf(admitTo('validate', { object: pod('nginx') }, deny))).toEqual(['mirror-used deny no']);
  });

  test('dry run or not, the answer is the same: deciding has no side effects', () => {
    const fields = { object: pod('nginx') };
    expect(admitTo('mutate', { ...fields, dryRun: true })).toEqual(admitTo('mutate', { ...fields, dryRun: false }));
  });
});

describe('mutating is safe to repeat', () => {
  const image = fc.constantFrom(
    'nginx',
    'nginx:1.25',
    'quay.io/a/b',
    'swr.eu-de.otc.t-systems.com/a/b:1',
    'NGINX',
    'index.docker.io/a',
    `redis@sha256:${'a'.repeat(64)}`,
  );
  const secrets = fc.constantFrom(undefined, null, [], [{ name: 'own' }], [{ name: 'default-secret' }], [{}]);
  const container = fc.record({
    name: fc.constantFrom('a', 'b'),
    image,
    imagePullPolicy: fc.constantFrom(undefined, 'Always', 'Never'),
  });
  const spec = fc.record({
    containers: fc.array(container),
    initContainers: fc.array(container),
    imagePullSecrets: secrets,
  });

  test('every patch applies, and a second call adds nothing', () => {
    fc.assert(
      fc.property(spec, (generated) => {
        const object = JSON.parse(JSON.stringify({ metadata: { name: 'web' }, spec: generated })) as Json;
        const { edits } = admitTo('mutate', { object });
        const patched = jsonpatch.applyPatch(structuredClone(object), edits as Operation[], true).newDocument;
        expect(admitTo('mutate', { object: patched })).toEqual({ findings: [], edits: [], skipped: [], waived: [] });
        const left = rulesOf(admitTo('validate', { object: patched })).filter(
          (text) => !text.startsWith('reference-valid'),
        );
        expect(left).toEqual([]);
      }),
    );
  });
});

describe('the labels of a namespace', () => {
  const labelled = (labels?: Record<string, string>): Facts => ({
    namespaces: { findLabels: (name) => (name === 'default' ? labels : undefined) },
  });
  const object = pod('docker.io/NGINX', {
    containers: [
      { name: 'a', image: 'NGINX' },
      { name: 'b', image: 'nginx' },
    ],
  });
  const both = (facts: Facts): readonly string[] =>
    (['mutate', 'validate'] as const).flatMap((endpoint) => {
      const admission = admitTo(endpoint, { object }, MIRRORED, facts);
      return [...rulesOf(admission), ...(admission.edits.length > 0 ? ['patched'] : [])];
    });

  test.each<[string, Record<string, string>, readonly string[]]>([
    ['none', {}, ENFORCED],
    ['enforce', { 'pullguard.dev/mode': 'enforce' }, ENFORCED],
    ['a typo, which is taken for the stricter', { 'pullguard.dev/mode': 'Warn', 'pullguard.dev/fix': 'no' }, ENFORCED],
    ['warn', { 'pullguard.dev/mode': 'warn' }, WARNED],
    ['audit: nothing is changed', { 'pullguard.dev/mode': 'audit' }, AUDITED],
    ['no fixes', { 'pullguard.dev/fix': 'false' }, UNFIXED],
    ['off', { 'pullguard.dev/mode': 'off' }, []],
  ])('%s', (_, labels, expected) => {
    expect(both(labelled(labels))).toEqual(expected);
  });

  test('that are not known yet may forbid to refuse, so nothing is refused', () => {
    expect(both(labelled())).toEqual(WARNED);
  });

  test('are left alone where no cluster is asked', () => {
    expect(both({})).toEqual(ENFORCED);
  });
});
