import fc from 'fast-check';
import jsonpatch, { type Operation } from 'fast-json-patch';
import { describe, expect, test } from 'vitest';
import { admit, type Admission, type Endpoint } from '../../src/admission/admit.ts';
import type { AdmissionRequest } from '../../src/admission/review.ts';
import type { Facts } from '../../src/pull/facts.ts';
import type { Policy } from '../../src/engine/rule.ts';
import { NOTHING_FOUND } from '../../src/engine/evaluate.ts';
import { requestFor } from '../support/admission-request.ts';
import { pullable, registriesOf } from '../support/answers.ts';
import { controllerOf } from '../support/cluster-objects.ts';
import { NOW } from '../support/facts.ts';
import { deployment, pod, type Json } from '../support/objects.ts';
import { MIRRORED, policyOf } from '../support/policies.ts';

type Fields = Partial<AdmissionRequest>;

const DEPLOYMENT = { group: 'apps', kind: 'Deployment' };
const ROLLOUTS = policyOf('workloads: [{ group: argoproj.io, kind: Rollout, podTemplates: [/spec/template] }]');

function admitTo(endpoint: Endpoint, fields: Fields, policy: Policy = MIRRORED, facts: Facts = {}): Admission {
  return admit(requestFor({}, { namespace: 'default', ...fields }), endpoint, policy, { facts, now: NOW });
}

function rulesOf({ findings }: Admission): readonly string[] {
  return findings.map(({ rule, action, fixed }) => `${rule} ${action} ${fixed}`);
}

const withMetadata = (object: Json, metadata: Json): Json => ({ ...object, metadata });
const BAD = pod('NGINX');
const [ROLLOUT, IS_ROLLOUT] = ['argoproj.io/v1alpha1', { group: 'argoproj.io', kind: 'Rollout' }];

/** Requests for a bad pod, and for a bad ReplicaSet, with this metadata. */
const badPod = (metadata: Json, fields: Fields = {}): Fields => ({ object: withMetadata(BAD, metadata), ...fields });
const badReplicaSet = (metadata: Json): Fields => ({
  kind: { group: 'apps', kind: 'ReplicaSet' },
  object: withMetadata(deployment('NGINX'), metadata),
});
const update = (subResource: string, kind?: AdmissionRequest['kind']): Fields => ({
  operation: 'UPDATE',
  subResource,
  object: BAD,
  ...(kind !== undefined && { kind }),
});
const ofKind = (group: string, kind: string): Fields => ({ kind: { group, kind }, object: BAD });

test.each<[reason: string, what: string, fields: Fields, policy?: Policy]>([
  ['operation', 'a deletion, which has no object', { operation: 'DELETE', object: undefined, oldObject: BAD }],
  ['operation', 'a connection such as kubectl exec', { operation: 'CONNECT', subResource: 'exec', object: {} }],
  ['subresource', 'a status update', update('status')],
  ['subresource', 'a resize', update('resize')],
  ['subresource', 'ephemeral containers of what is no pod', update('ephemeralcontainers', DEPLOYMENT)],
  ['not-a-workload', 'a binding to a node', ofKind('', 'Binding')],
  ['not-a-workload', 'an eviction', ofKind('policy', 'Eviction')],
  ['not-a-workload', "somebody else's Deployment", ofKind('a.example', 'Deployment')],
  ['not-a-workload', 'a kind that no policy adds', ofKind('argoproj.io', 'Rollout')],
  ['not-a-workload', 'a request without a kind', ofKind('', '')],
  ['no-object', 'an object that is null', { object: undefined }],
  ['no-object', 'an object that is a text', { object: 'pod' }],
  ['exempt-namespace', 'a pod of kube-system', { namespace: 'kube-system', object: BAD }],
  ['exempt-namespace', 'a pod that alone names it', badPod({ namespace: 'kube-system' }, { namespace: '' })],
  [
    'being-deleted',
    'a pod whose finalizers are being removed',
    badPod({ deletionTimestamp: 'now' }, { operation: 'UPDATE' }),
  ],
  ['static-pod', "kubelet's mirror of a static pod", badPod({ annotations: { 'kubernetes.io/config.mirror': '' } })],
  ['owned', "a Deployment's ReplicaSet", badReplicaSet(controllerOf('apps/v1', 'Deployment', 'web'))],
])('what would have run anyway is admitted unchecked: %s: %s', (exempt, _, fields, policy) => {
  for (const endpoint of ['mutate', 'validate'] as const) {
    expect(admitTo(endpoint, fields, policy)).toEqual({ ...NOTHING_FOUND, exempt });
  }
});

test.each<[what: string, fields: Fields, policy?: Policy]>([
  ['an ephemeral container', update('ephemeralcontainers')],
  ['a pod that names another namespace', badPod({ namespace: 'kube-system' })],
  ['a pod with other annotations', badPod({ annotations: { 'kubernetes.io/config': '' } })],
  ['annotations and a deletion that are null', badPod({ annotations: null, deletionTimestamp: null })],
  ['a list of owners that is none', badReplicaSet({ ownerReferences: 'x' })],
  [
    'an owner that does not control',
    badReplicaSet({ ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment' }] }),
  ],
  // Nobody else's word covers it.
  ['a ReplicaSet of a controller that is not checked', badReplicaSet(controllerOf(ROLLOUT, 'Rollout', 'web'))],
  ['a kind that the policy adds', { kind: IS_ROLLOUT, object: deployment('NGINX') }, ROLLOUTS],
  ['the pods of a ReplicaSet', badPod(controllerOf('apps/v1', 'ReplicaSet', 'web'))],
])('but not %s', (_, fields, policy) => {
  expect(rulesOf(admitTo('validate', fields, policy))).toEqual(['reference-valid deny no']);
});

describe('fixes go where they take effect', () => {
  const LATER = ['mirror-used warn later', 'pull-secret-present warn later'];
  const FIXED = ['mirror-used warn now', 'pull-secret-present warn now'];
  const UNFIXED = ['mirror-used warn no'];
  const [old, nginx] = [pod('busybox'), pod('nginx')];
  const template: Fields = { kind: DEPLOYMENT, object: deployment('nginx') };
  const update: Fields = { operation: 'UPDATE', oldObject: old, object: nginx };
  const owned = withMetadata(nginx, controllerOf('apps/v1', 'ReplicaSet', 'web'));

  test.each<[what: string, fields: Fields, mutate: readonly string[], validate: readonly string[]]>([
    ['a new pod is fixed, and what is left of it is checked', { object: nginx }, FIXED, UNFIXED],
    ['so is one of a ReplicaSet: it is what runs', { object: owned }, FIXED, UNFIXED],
    ['a dry run is told the same', { object: nginx, dryRun: true }, FIXED, UNFIXED],
    ['a template is never changed, its author is told what its pods will get', template, [], LATER],
    ['nor when it changes', { ...template, operation: 'UPDATE', oldObject: deployment('busybox') }, [], LATER],
    // An update that tries is refused, or silently loses the change.
    ['a pod that exists is never changed', update, [], UNFIXED],
    ['not even by what debugs it', { ...update, subResource: 'ephemeralcontainers' }, [], UNFIXED],
  ])('%s', (_, fields, mutate, validate) => {
    const { edits, findings } = admitTo('mutate', fields);
    expect(rulesOf({ ...NOTHING_FOUND, findings })).toEqual(mutate);
    expect(edits).toHaveLength(mutate.length);
    expect(rulesOf(admitTo('validate', fields))).toEqual(validate);
    if (edits.length === 0) return;
    const object = jsonpatch.applyPatch(structuredClone(fields.object), edits as Operation[], true).newDocument;
    expect(rulesOf(admitTo('validate', { ...fields, object }))).toEqual([]);
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
});

describe('fixing is safe to repeat', () => {
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
        expect(admitTo('mutate', { object: patched })).toEqual(NOTHING_FOUND);
        const left = rulesOf(admitTo('validate', { object: patched }));
        expect(left.filter((text) => !text.startsWith('reference-valid'))).toEqual([]);
      }),
    );
  });
});

describe('the labels of a namespace', () => {
  const labelled = (labels?: Record<string, string>): Facts => ({
    namespaces: { findLabels: (name) => (name === 'default' ? labels : undefined) },
  });
  const object = pod('NGINX', { initContainers: [{ name: 'i', image: 'nginx' }] });
  const both = (facts: Facts): readonly string[] =>
    (['mutate', 'validate'] as const).flatMap((endpoint) => {
      const { edits, mode = 'deny', ...admission } = admitTo(endpoint, { object }, MIRRORED, facts);
      return [...rulesOf({ edits, ...admission }), ...(edits.length > 0 ? ['patched'] : []), mode];
    });
  const FIXED = ['mirror-used warn now', 'pull-secret-present warn now', 'patched'];
  const DENIED = [...FIXED, 'deny', 'reference-valid deny no', 'mirror-used warn no', 'deny'];
  const WARNED = [...FIXED, 'warn', 'reference-valid warn no', 'mirror-used warn no', 'warn'];

  test.each<[what: string, facts: Facts, expected: readonly string[]]>([
    ['none', labelled({}), DENIED],
    ['deny', labelled({ 'pullguard.dev/mode': 'deny' }), DENIED],
    ['the former name of deny', labelled({ 'pullguard.dev/mode': 'enforce' }), DENIED],
    [
      'a typo, which is taken for the stricter',
      labelled({ 'pullguard.dev/mode': 'Warn', 'pullguard.dev/fix': 'False' }),
      DENIED,
    ],
    ['warn', labelled({ 'pullguard.dev/mode': 'warn' }), WARNED],
    [
      'audit: nothing is changed',
      labelled({ 'pullguard.dev/mode': 'audit' }),
      ['audit', 'reference-valid audit no', 'mirror-used audit no', 'audit'],
    ],
    [
      'no fixes',
      labelled({ 'pullguard.dev/fix': 'false' }),
      ['deny', 'reference-valid deny no', 'mirror-used warn no', 'deny'],
    ],
    ['not known yet: they may forbid to refuse, so nothing is refused', labelled(), WARNED],
    ['left alone where no cluster is asked', {}, DENIED],
  ])('%s', (_, facts, expected) => {
    expect(both(facts)).toEqual(expected);
  });

  test('off: nothing is looked at', () => {
    const facts = labelled({ 'pullguard.dev/mode': 'off' });
    expect(admitTo('validate', { object }, MIRRORED, facts)).toEqual({ ...NOTHING_FOUND, exempt: 'namespace-off' });
  });
});

test('what registries are asked depends on what comes of it: of templates and of rules that fix nothing, /mutate asks nothing', () => {
  const policy = policyOf(
    'mirrors: [{ from: docker.io, to: harbor.example.com }]',
    'registries: [{ hosts: [harbor.example.com], probe: true }]',
    'rules: { mirror-used: { action: warn, verify: true } }',
  );
  const ask = (endpoint: Endpoint, fields: Fields, answers = {}): readonly string[] =>
    admitTo(endpoint, fields, policy, { registries: registriesOf(answers) }).unanswered.map(
      ({ reference }) => `${reference.registry}/${reference.repository}`,
    );
  const [newPod, template] = [{ object: pod('nginx') }, { kind: DEPLOYMENT, object: deployment('nginx') }];
  expect(ask('mutate', newPod)).toEqual(['harbor.example.com/library/nginx']);
  expect(ask('mutate', template)).toEqual([]);
  expect(ask('validate', template)).toEqual(['harbor.example.com/library/nginx', 'docker.io/library/nginx']);
  // An image that moves is looked up where it is pulled from in the end.
  expect(ask('validate', template, { 'harbor.example.com/library/nginx': pullable() })).toEqual([]);
});
