import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { tabulateKinds, WORKLOAD_KINDS, type WorkloadKind } from '../../src/workload/kinds.ts';
import { readPointer } from '../../src/text/json.ts';
import { readWorkloads, type Workload } from '../../src/workload/workload.ts';
import { pod } from '../support/objects.ts';

const POD = WORKLOAD_KINDS[0]!;

function read(spec: unknown): Workload {
  const [workload] = readWorkloads({ metadata: { name: 'web' }, spec }, POD, 'default');
  return workload!;
}

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

  test.each(WORKLOAD_KINDS.map((kind) => [kind.kind, kind] as const))('the pod spec of a %s is found', (_, kind) => {
    const [pointer] = kind.podSpecs;
    const object = pointer!
      .split('/')
      .slice(1)
      .reduceRight<unknown>((inner, segment) => ({ [segment]: inner }), pod('nginx')['spec']);
    expect(
      readWorkloads(object, kind, 'default').flatMap(({ images }) => images.map(({ written }) => written)),
    ).toEqual(['nginx']);
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

  test('where its pods may run is at hand, as it stands there', () => {
    const nodeSelector = { pool: 7 };
    const { placement } = read({ nodeSelector, schedulerName: null, containers: [] });
    expect(placement).toEqual({ nodeSelector, schedulerName: null });
    expect(placement.nodeSelector).toBe(nodeSelector);
  });

  test('manifests of the group that Deployments had before Kubernetes 1.16 are still found', () => {
    expect(tabulateKinds([]).has('extensions/Deployment')).toBe(true);
  });
});

describe('what an API server will refuse itself is left to it', () => {
  test.each<[string, unknown]>([
    ['no spec', undefined],
    ['a spec that is a text', 'nginx'],
    ['a spec that is a list', []],
  ])('%s is no workload', (_, spec) => {
    expect(readWorkloads({ spec }, POD, 'default')).toEqual([]);
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

  test('members named like those of every object are not taken for fields', () => {
    const object = JSON.parse(
      '{"__proto__":{"spec":{"containers":[{"name":"x","image":"nginx"}]}},"constructor":{}}',
    ) as unknown;
    expect(readWorkloads(object, POD, 'default')).toEqual([]);
  });
});

describe('what messages call an object', () => {
  test.each([
    [{ name: 'web', generateName: 'web-' }, 'web'],
    [{ generateName: 'web-7c9f-' }, 'web-7c9f-*'],
    [{}, ''],
  ])('%j is called %j', (metadata, name) => {
    expect(readWorkloads({ metadata, spec: {} }, POD, 'default')[0]!.name).toBe(name);
  });

  test('it is in the namespace of its request, whose rights were checked, and in its own only outside of one', () => {
    expect(readWorkloads({ spec: {} }, POD, 'shop')[0]!.namespace).toBe('shop');
    expect(readWorkloads({ metadata: { namespace: 'own' }, spec: {} }, POD, 'shop')[0]!.namespace).toBe('shop');
    expect(readWorkloads({ metadata: { namespace: 'own' }, spec: {} }, POD, '')[0]!.namespace).toBe('own');
  });
});
