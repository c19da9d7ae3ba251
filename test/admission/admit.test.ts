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
import { NOW } from '../support/facts.ts';
import { deployment, pod, type Json } from '../support/objects.ts';
import { MIRRORED, policyOf } from '../support/policies.ts';

type Fields = Partial<AdmissionRequest>;

const DEPLOYMENT = { group: 'apps', kind: 'Deployment' };
const REPLICA_SET = { group: 'apps', kind: 'ReplicaSet' };
const ROLLOUTS = policyOf('workloads: [{ group: argoproj.io, kind: Rollout, podTemplates: [/spec/template] }]');

function admitTo(endpoint: Endpoint, fields: Fields, policy: Policy = MIRRORED, facts: Facts = {}): Admission {
  return admit(requestFor({}, { namespace: 'default', ...fields }), endpoint, policy, { facts, now: NOW });
}

function rulesOf({ findings }: Admission): readonly string[] {
  return findings.map(({ rule, action, fixed }) => `${rule} ${action} ${fixed}`);
}

const withMetadata = (object: Json, metadata: Json): Json => ({ ...object, metadata });
const controlledBy = (apiVersion: string, kind: string): Json => ({
  ownerReferences: [{ apiVersion, kind, controller: true }],
});

describe('what would have run anyway is admitted unchecked', () => {
  const bad = pod('NGINX');
  const template = deployment('NGINX');

  test.each<[reason: string, what: string, fields: Fields, policy?: Policy]>([
    ['operation', 'a deletion, which has no object', { operation: 'DELETE', object: undefined, oldObject: bad }],
    ['operation', 'a connection such as kubectl exec', { operation: 'CONNECT', subResource: 'exec', object: {} }],
    ['subresource', 'a status update', { operation: 'UPDATE', subResource: 'status', object: bad }],
    ['subresource', 'a resize', { operation: 'UPDATE', subResource: 'resize', object: bad }],
    [
      'subresource',
      'ephemeral containers of what is no pod',
      { kind: DEPLOYMENT, subResource: 'ephemeralcontainers', object: template },
    ],
    ['not-a-workload', 'a binding to a node', { subResource: 'binding', kind: { group: '', kind: 'Binding' } }],
    ['not-a-workload', 'an eviction', { subResource: 'eviction', kind: { group: 'policy', kind: 'Eviction' } }],
    ['not-a-workload', "somebody else's Deployment", { kind: { group: 'a.example', kind: 'Deployment' } }],
    ['not-a-workload', 'a kind that no policy adds', { kind: { group: 'argoproj.io', kind: 'Rollout' } }],
    ['not-a-workload', 'a request without a kind', { kind: { group: '', kind: '' }, object: bad }],
    ['no-object', 'an object that is null', { object: undefined }],
    ['no-object', 'an object that is a text', { object: 'pod' }],
    ['exempt-namespace', 'a pod of kube-system', { namespace: 'kube-system', object: bad }],
    [
      'exempt-namespace',
      'a pod that alone names it',
      { namespace: '', object: withMetadata(bad, { namespace: 'kube-system' }) },
    ],
    [
      'being-deleted',
      'a pod whose finalizers are being removed',
      { operation: 'UPDATE', object: withMetadata(bad, { deletionTimestamp: 'now' }) },
    ],
    [
      'static-pod',
      "kubelet's mirror of a static pod",
      { object: withMetadata(bad, { annotations: { 'kubernetes.io/config.mirror': '' } }) },
    ],
    [
      'owned',
      "a Deployment's ReplicaSet",
      { kind: REPLICA_SET, object: withMetadata(template, controlledBy('apps/v1', 'Deployment')) },
    ],
    [
      'owned',
      'one of a kind that the policy adds',
      { kind: REPLICA_SET, object: withMetadata(template, controlledBy('argoproj.io/v1alpha1', 'Rollout')) },
      ROLLOUTS,
    ],
  ])('%s: %s', (exempt, _, fields, policy) => {
    for (const endpoint of ['mutate', 'validate'] as const) {
      expect(admitTo(endpoint, fields, policy)).toEqual({ ...NOTHING_FOUND, exempt });
    }
  });

  test.each<[what: string, fields: Fields, policy?: Policy]>([
    ['an ephemeral container', { subResource: 'ephemeralcontainers', operation: 'UPDATE', object: bad }],
    ['a pod that names another namespace', { object: withMetadata(bad, { namespace: 'kube-system' }) }],
    ['a pod with other annotations', { object: withMetadata(bad, { annotations: { 'kubernetes.io/config': '' } }) }],
    [
      'annotations and a deletion that are null',
      { object: withMetadata(bad, { annotations: null, deletionTimestamp: null }) },
    ],
    ['a list of owners that is none', { kind: REPLICA_SET, object: withMetadata(template, { ownerReferences: 'x' }) }],
    [
      'an owner that does not control',
      {
        kind: REPLICA_SET,
        object: withMetadata(template, { ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment' }] }),
      },
    ],
    [
      "a ReplicaSet of a controller that is not checked: nobody else's word covers it",
      { kind: REPLICA_SET, object: withMetadata(template, controlledBy('argoproj.io/v1alpha1', 'Rollout')) },
    ],
    ['a kind that the policy adds', { kind: { group: 'argoproj.io', kind: 'Rollout' }, object: template }, ROLLOUTS],
    ['the pods of a ReplicaSet', { object: withMetadata(bad, controlledBy('apps/v1', 'ReplicaSet')) }],
  ])('but not %s', (_, fields, policy) => {
    expect(rulesOf(admitTo('validate', fields, policy))).toEqual(['reference-valid deny no']);
  });
});

describe('fixes go where they take effect', () => {
  const TO_BE_FIXED = ['mirror-used warn later', 'pull-secret-present warn later'];
  const FIXED = ['mirror-used warn now', 'pull-secret-present warn now'];
  const UPDATE: Fields = { operation: 'UPDATE', oldObject: pod('busybox'), object: pod('nginx') };

  test.each<[what: string, fields: Fields, mutate: readonly string[], validate: readonly string[]]>([
    ['a new pod is fixed, and what is left of it is checked', { object: pod('nginx') }, FIXED, ['mirror-used warn no']],
    [
      'so is one of a ReplicaSet: it is what runs',
      { object: withMetadata(pod('nginx'), controlledBy('apps/v1', 'ReplicaSet')) },
      FIXED,
      ['mirror-used warn no'],
    ],
    [
      'a template is never changed, its author is told what its pods will get',
      { kind: DEPLOYMENT, object: deployment('nginx') },
      [],
      TO_BE_FIXED,
    ],
    [
      'nor when it changes',
      { kind: DEPLOYMENT, operation: 'UPDATE', oldObject: deployment('busybox'), object: deployment('nginx') },
      [],
      TO_BE_FIXED,
    ],
    // An update that tries is refused, or silently loses the change.
    ['a pod that exists is never changed', UPDATE, [], ['mirror-used warn no']],
    ['not even by what debugs it', { ...UPDATE, subResource: 'ephemeralcontainers' }, [], ['mirror-used warn no']],
    ['a dry run is told the same', { object: pod('nginx'), dryRun: true }, FIXED, ['mirror-used warn no']],
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
      const { edits, mode = 'enforce', ...admission } = admitTo(endpoint, { object }, MIRRORED, facts);
      return [...rulesOf({ edits, ...admission }), ...(edits.length > 0 ? ['patched'] : []), mode];
    });
  const FIXED = ['mirror-used warn now', 'pull-secret-present warn now', 'patched'];
  const ENFORCED = [...FIXED, 'enforce', 'reference-valid deny no', 'mirror-used warn no', 'enforce'];
  const WARNED = [...FIXED, 'warn', 'reference-valid warn no', 'mirror-used warn no', 'warn'];

  test.each<[what: string, facts: Facts, expected: readonly string[]]>([
    ['none', labelled({}), ENFORCED],
    ['enforce', labelled({ 'pullguard.dev/mode': 'enforce' }), ENFORCED],
    [
      'a typo, which is taken for the stricter',
      labelled({ 'pullguard.dev/mode': 'Warn', 'pullguard.dev/fix': 'False' }),
      ENFORCED,
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
      ['enforce', 'reference-valid deny no', 'mirror-used warn no', 'enforce'],
    ],
    ['not known yet: they may forbid to refuse, so nothing is refused', labelled(), WARNED],
    ['left alone where no cluster is asked', {}, ENFORCED],
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
