import fc from 'fast-check';
import jsonpatch, { type Operation } from 'fast-json-patch';
import { describe, expect, test } from 'vitest';
import { readPointer } from '../../src/text/json.ts';
import {
  findController,
  findKind,
  groupOf,
  isPod,
  tabulateKinds,
  WORKLOAD_KINDS,
  type WorkloadKind,
} from '../../src/workload/kinds.ts';
import { editWorkload, readWorkloads, type Edit, type Workload } from '../../src/workload/workload.ts';
import { deployment, pod, type Json } from '../support/objects.ts';

const POD = WORKLOAD_KINDS[0]!;

function read(spec: unknown): Workload {
  const [workload] = readWorkloads({ metadata: { name: 'web' }, spec }, POD, 'default');
  return workload!;
}

describe('the kinds that make pods', () => {
  const kinds = tabulateKinds([]);

  test.each([
    ['/spec', ['/Pod']],
    ['/template/spec', ['/PodTemplate']],
    ['/spec/template/spec', ['/ReplicationController', 'apps/Deployment', 'apps/DaemonSet', 'apps/StatefulSet']],
    ['/spec/template/spec', ['apps/ReplicaSet', 'batch/Job']],
    ['/spec/jobTemplate/spec/template/spec', ['batch/CronJob']],
    // As in the FAQ, whose Deployment no API server has taken since 1.16.
    ['/spec/template/spec', ['extensions/Deployment', 'extensions/DaemonSet', 'extensions/ReplicaSet']],
  ])('with the pod spec %s are %j', (podSpec, names) => {
    for (const name of names) {
      const [group = '', kind = ''] = name.split('/');
      const found = findKind(kinds, group, kind);
      expect(found).toMatchObject({ group, kind, podSpecs: [podSpec] });
      const object = podSpec
        .split('/')
        .slice(1)
        .reduceRight<unknown>((inner, segment) => ({ [segment]: inner }), pod('nginx')['spec']);
      const images = readWorkloads(object, found!, 'default').flatMap((workload) => workload.images);
      expect(images.map(({ written }) => written)).toEqual(['nginx']);
    }
  });

  test.each(['example.com/Deployment', 'apps/Pod', '/Deployment', 'autoscaling/Scale', '/', '/toString'])(
    'are not %s',
    (name) => {
      const [group = '', kind = ''] = name.split('/');
      expect(findKind(kinds, group, kind)).toBeUndefined();
    },
  );

  test('have plurals by which RBAC and webhook rules name them', () => {
    expect(WORKLOAD_KINDS.filter(({ kind, resource }) => resource !== `${kind.toLowerCase()}s`)).toEqual([]);
  });

  test('may be added by a policy, which wins over what is built in', () => {
    const rollout = { group: 'argoproj.io', kind: 'Rollout', podSpecs: ['/spec/template/spec'] };
    const job = { group: 'batch', kind: 'Job', podSpecs: ['/spec/other'] };
    const added = tabulateKinds([rollout, job]);
    expect(findKind(added, 'argoproj.io', 'Rollout')).toBe(rollout);
    expect(findKind(added, 'batch', 'Job')).toBe(job);
    expect(findKind(kinds, 'batch', 'Job')).not.toBe(job);
  });

  test('are pods themselves in the core group only', () => {
    expect(WORKLOAD_KINDS.filter(isPod).map(({ kind }) => kind)).toEqual(['Pod']);
    expect(isPod({ group: 'metrics.k8s.io', kind: 'Pod' })).toBe(false);
  });

  test.each([
    ['v1', ''],
    ['apps/v1', 'apps'],
    ['argoproj.io/v1alpha1', 'argoproj.io'],
    ['', ''],
  ])('of %s are in the group "%s"', (apiVersion, group) => {
    expect(groupOf(apiVersion)).toBe(group);
  });
});

describe('an image that is not found is an image that is not checked', () => {
  test('containers of every sort and image volumes are found, in the order in which kubelet pulls them', () => {
    const { images } = read({
      containers: [{ name: 'app', image: 'a' }],
      initContainers: [
        { name: 'setup', image: 'b' },
        { name: 'proxy', image: 'c', restartPolicy: 'Always' },
      ],
      ephemeralContainers: [{ name: 'debug', image: 'd' }],
      volumes: [
        { name: 'tmp', emptyDir: {} },
        { name: 'model', image: { reference: 'e', pullPolicy: 'Never' } },
      ],
    });
    expect(images.map(({ label, written, pointer }) => [label, written, pointer])).toEqual([
      ['volume "model"', 'e', '/spec/volumes/1/image/reference'],
      ['init container "setup"', 'b', '/spec/initContainers/0/image'],
      ['sidecar "proxy"', 'c', '/spec/initContainers/1/image'],
      ['container "app"', 'a', '/spec/containers/0/image'],
      ['ephemeral container "debug"', 'd', '/spec/ephemeralContainers/0/image'],
    ]);
    expect(images[0]!.pullPolicy).toBe('Never');
  });

  test('a CRD with several pod templates, in lists and maps, gives a workload for each', () => {
    const kind: WorkloadKind = { group: 'example.com', kind: 'Job', podSpecs: ['/spec/roles/*/template/spec'] };
    const role = (image: string) => ({ template: { spec: { containers: [{ name: 'x', image }] } } });
    const object = { spec: { roles: { launcher: role('a'), 'wor/ker': role('b'), broken: null } } };
    const found = readWorkloads(object, kind, 'default');
    expect(found.map(({ podSpec }) => podSpec)).toEqual([
      '/spec/roles/launcher/template/spec',
      '/spec/roles/wor~1ker/template/spec',
    ]);
    expect(found.map(({ images }) => readPointer(object, images[0]!.pointer))).toEqual(['a', 'b']);
  });
});

describe('what an API server will refuse itself is left to it', () => {
  test.each<[string, unknown]>([
    ['no spec', {}],
    ['a spec that is a text', { spec: 'nginx' }],
    ['a spec that is a list', { spec: [] }],
    [
      'members named like those of every object',
      JSON.parse('{"__proto__":{"spec":{"containers":[{"name":"x","image":"nginx"}]}},"constructor":{}}'),
    ],
  ])('%s: no workload', (_, object) => {
    expect(readWorkloads(object, POD, 'default')).toEqual([]);
  });

  test('null lists, numbers for texts and entries of other types are passed over', () => {
    const workload = read({
      containers: [null, 7, 'app', [], { name: 3, image: 4 }, { image: 'nginx' }],
      initContainers: null,
      ephemeralContainers: {},
      volumes: [null, { image: null }, { image: { reference: 1 } }],
      imagePullSecrets: [null, {}, { name: 5 }, { name: 'known' }],
      serviceAccountName: 12,
    });
    expect(workload.images.map(({ written }) => written)).toEqual(['nginx']);
    // Each keeps its place, as messages name the place.
    expect(workload.pullSecrets).toEqual(['', '', '', 'known']);
    expect(workload.serviceAccount).toBe('default');
  });

  test('nothing that JSON can hold makes it throw', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(...WORKLOAD_KINDS), (value, kind) => {
        readWorkloads(value, kind, 'default');
        readWorkloads({ metadata: value, spec: value, template: value }, kind, 'default');
        readWorkloads({ spec: { containers: value, volumes: value, imagePullSecrets: value } }, kind, 'default');
      }),
    );
  });
});

test.each([
  [{ name: 'web', generateName: 'web-' }, 'web'],
  [{ generateName: 'web-7c9f-' }, 'web-7c9f-*'],
  [{}, ''],
])('an object with %j is called %j', (metadata, name) => {
  expect(readWorkloads({ metadata, spec: {} }, POD, 'default')[0]!.name).toBe(name);
});

test.each([
  [{}, 'shop', 'shop'],
  [{ namespace: 'own' }, 'shop', 'shop'],
  [{ namespace: 'own' }, '', 'own'],
])(
  'an object with %j is in the namespace of its request, whose rights were checked: "%s"',
  (metadata, given, found) => {
    expect(readWorkloads({ metadata, spec: {} }, POD, given)[0]!.namespace).toBe(found);
  },
);

describe('the controller of an object', () => {
  const REPLICA_SET = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-1', uid: 'u' };
  const owned = (...ownerReferences: readonly unknown[]) => ({ metadata: { ownerReferences } });

  test.each<[what: string, object: unknown, found: object | undefined]>([
    ['looks after it', owned({ kind: 'O' }, { ...REPLICA_SET, controller: true }), { ...REPLICA_SET, group: 'apps' }],
    ['may not say who it is', owned({ controller: true }), { apiVersion: '', group: '', kind: '', name: '', uid: '' }],
    ['is no owner that only wants it deleted with itself', owned(REPLICA_SET), undefined],
    ['is in a list', { metadata: { ownerReferences: 'x' } }, undefined],
    ['is an object', owned(null, 7, 'x'), undefined],
    ['need not be', { metadata: {} }, undefined],
    ['is none of nothing', null, undefined],
  ])('%s', (_, object, found) => {
    expect(findController(object)).toEqual(found);
  });
});

describe('a workload is after edits as it would be read from the edited object', () => {
  const KIND = findKind(tabulateKinds([]), 'apps', 'Deployment')!;
  const SPEC = '/spec/template/spec';
  const IMAGE: Edit = { op: 'replace', path: `${SPEC}/containers/0/image`, value: 'm.example/app:v1' };
  const LIST: Edit = { op: 'add', path: `${SPEC}/imagePullSecrets`, value: [{ name: 'a' }] };
  const ONE: Edit = { op: 'add', path: `${SPEC}/imagePullSecrets/-`, value: { name: 'b' } };

  test.each<[what: string, spec: Json, edits: readonly Edit[]]>([
    ['another image', {}, [IMAGE]],
    ['an image that cannot be parsed', {}, [{ ...IMAGE, value: 'NGINX' }]],
    ['a list of pull secrets, and one more', {}, [LIST, ONE]],
    ['a pull secret more', { imagePullSecrets: [{ name: 'there' }] }, [ONE]],
    ['both', {}, [IMAGE, LIST]],
    ['nothing', { imagePullSecrets: [{ name: 'there' }] }, []],
  ])('%s', (_, spec, edits) => {
    const object = deployment('app:v1', spec);
    const [before] = readWorkloads(object, KIND, '');
    const edited = jsonpatch.applyPatch(structuredClone(object), structuredClone(edits) as Operation[]).newDocument;
    const [after] = readWorkloads(edited, KIND, '');
    // The object itself is not edited.
    const { placement, source } = before!;
    expect(editWorkload(before!, edits)).toEqual({ ...after, placement, source });
  });

  test('but for those of something else', () => {
    const [workload] = readWorkloads(deployment('app:v1'), KIND, '');
    expect(editWorkload(workload!, [{ ...IMAGE, path: '/spec/other/containers/0/image' }])).toEqual(workload);
  });
});
