import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readNamespace, readNode, readQuantity, readServiceAccount } from '../../../src/cluster/facts/read-objects.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

test('no object takes the watch down', () => {
  const part = fc.jsonValue();
  fc.assert(
    fc.property(part, part, part, part, (metadata, spec, status, imagePullSecrets) => {
      const object = { metadata, spec, status, imagePullSecrets };
      expect(readNamespace(object)).toBeTypeOf('object');
      expect(readServiceAccount(object).pullSecrets).toBeInstanceOf(Array);
      expect(readNode(object).images).toBeInstanceOf(Set);
    }),
  );
});

describe('a namespace', () => {
  test.each<[labels: unknown, kept: Readonly<Record<string, string>>]>([
    [
      { 'pullguard.dev/mode': 'warn', 'pullguard.dev/fix': 'false', 'kubernetes.io/metadata.name': 'web', team: 'a' },
      { 'pullguard.dev/mode': 'warn', 'pullguard.dev/fix': 'false' },
    ],
    [{ 'other.pullguard.dev/mode': 'off', 'pullguard.devious/mode': 'off' }, {}],
    [{ 'pullguard.dev/mode': 1 }, {}],
    ['pullguard.dev/mode', {}],
    [undefined, {}],
  ])('of the labels %j only those for pullguard are kept', (labels, kept) => {
    expect(readNamespace({ metadata: { name: 'web', labels } })).toEqual(kept);
  });

  test('is one object with ten thousand others of the same labels', () => {
    const labels = { 'pullguard.dev/mode': 'audit' };
    const labelled = readNamespace({ metadata: { labels } });
    expect(readNamespace({ metadata: { labels: { ...labels, team: 'a' } } })).toBe(labelled);
    expect(readNamespace({})).toBe(readNamespace({ metadata: {} }));
    expect(readNamespace({})).not.toBe(labelled);
  });
});

describe('a service account', () => {
  test.each<[list: unknown, names: readonly string[]]>([
    [['b', 'a', 'b'].map((name) => ({ name })), ['b', 'a', 'b']],
    [undefined, []],
    [{ name: 'default-secret' }, []],
    [[{}, null, 'x', 1, { name: 1 }, { name: 'a' }], ['a']],
    // As in a pod's own list, with which this one is compared.
    [
      [{ name: '' }, { name: 'a' }],
      ['', 'a'],
    ],
  ])('with the pull secrets %j has those, in order', (imagePullSecrets, names) => {
    expect(readServiceAccount({ imagePullSecrets, secrets: [{ name: 'other' }] }).pullSecrets).toEqual(names);
  });

  test.each<[values: readonly unknown[], enforces: boolean]>([
    [['1', 't', 'T', 'true', 'TRUE', 'True'], true],
    [['0', 'f', 'false', 'tRUE', 'yes', 'on', '', ' true', 'true\n', true, undefined], false],
  ])('enforces mountable secrets where the API server takes %j for true: %s', (values, enforces) => {
    for (const value of values) {
      const annotations = { 'kubernetes.io/enforce-mountable-secrets': value };
      expect([value, readServiceAccount({ metadata: { annotations } }).enforcesMountableSecrets]).toEqual([
        value,
        enforces,
      ]);
    }
  });

  test.each([
    ['51 names', Array.from({ length: 51 }, () => ({ name: 'a' }))],
    ['a long name', [{ name: 'a'.repeat(254) }]],
  ])('with %s is not known', (_what, imagePullSecrets) => {
    expect(() => readServiceAccount({ imagePullSecrets })).toThrow(/^it names/);
  });

  test('is one object with ten thousand others that say the same', () => {
    const account = { metadata: { name: 'default' }, imagePullSecrets: [{ name: 'a' }] };
    expect(readServiceAccount(account)).toBe(readServiceAccount({ ...account, metadata: { name: 'other' } }));
    expect(readServiceAccount(account)).not.toBe(readServiceAccount({}));
  });
});

describe('a node', () => {
  test('as kubelet writes it: what it is, what it has room for, and what is on it', () => {
    const labels = { 'kubernetes.io/hostname': 'node-1', 'topology.kubernetes.io/zone': 'eu-de-01' };
    const found = readNode({
      metadata: { name: 'node-1', labels, annotations: { big: 'x'.repeat(1000) } },
      spec: { podCIDR: '10.0.0.0/24', unschedulable: true },
      status: {
        nodeInfo: { operatingSystem: 'linux', architecture: 'arm64', kubeletVersion: 'v1.33.0' },
        capacity: { 'ephemeral-storage': '51175Mi' },
        allocatable: { cpu: '3920m', 'ephemeral-storage': '48293841104' },
        conditions: [
          { type: 'Ready', status: 'False' },
          { type: 'DiskPressure', status: 'True' },
        ],
        images: [
          { names: [`docker.io/library/nginx@${DIGEST}`, 'docker.io/library/nginx:1.27'], sizeBytes: 5 },
          { names: ['quay.io/a/b:1'], sizeBytes: 6 },
        ],
      },
    });
    expect(found).toEqual({
      name: 'node-1',
      labels,
      platform: 'linux/arm64',
      isUnschedulable: true,
      hasDiskPressure: true,
      ephemeralStorageBytes: 48_293_841_104,
      images: new Set([`docker.io/library/nginx@${DIGEST}`, 'docker.io/library/nginx:1.27', 'quay.io/a/b:1']),
      listsAllImages: true,
    });
  });

  test('that is just there says nothing, and nothing is made up', () => {
    expect(readNode({ metadata: { name: 'new' } })).toEqual({
      name: 'new',
      labels: {},
      platform: '',
      isUnschedulable: false,
      hasDiskPressure: false,
      ephemeralStorageBytes: undefined,
      images: new Set(),
      listsAllImages: false,
    });
  });

  const onArm = { 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'arm64' };

  test.each<[nodeInfo: unknown, labels: unknown, platform: string]>([
    [{ operatingSystem: 'Linux', architecture: 'amd64' }, onArm, 'linux/amd64'],
    [undefined, onArm, 'linux/arm64'],
    [{ operatingSystem: '', architecture: '' }, onArm, 'linux/arm64'],
    [{ operatingSystem: 'windows' }, onArm, 'windows/arm64'],
    // Half a platform is none.
    [{ operatingSystem: 'linux' }, {}, ''],
  ])('of %j with labels %j is a %s', (nodeInfo, labels, platform) => {
    expect(readNode({ metadata: { labels }, status: { nodeInfo } }).platform).toBe(platform);
  });

  test.each<[conditions: unknown, hasDiskPressure: boolean]>([
    [[{ type: 'DiskPressure', status: 'False' }], false],
    // Not heard of for a while.
    [[{ type: 'DiskPressure', status: 'Unknown' }], false],
    [[{ type: 'MemoryPressure', status: 'True' }], false],
    [[null, 'DiskPressure', { type: 'DiskPressure', status: 'True' }], true],
    ['DiskPressure', false],
  ])('of the conditions %j has disk pressure: %s', (conditions, hasDiskPressure) => {
    expect(readNode({ status: { conditions } }).hasDiskPressure).toBe(hasDiskPressure);
  });

  test.each([['lots'], ['-1'], [5], [null]])('with a space of %j has one that is not known', (space) => {
    const allocatable = { 'ephemeral-storage': space };
    expect(readNode({ status: { allocatable } }).ephemeralStorageBytes).toBeUndefined();
  });

  test.each<[images: unknown, names: readonly string[]]>([
    // As a reference to the same image would be written in full.
    [
      [{ names: ['nginx', 'index.docker.io/library/nginx:1'] }],
      ['docker.io/library/nginx', 'docker.io/library/nginx:1'],
    ],
    [[{ names: ['<none>@<none>', '<none>:<none>', 'a.example/b:1'] }], ['a.example/b:1']],
    [[{ names: null }, { names: [1, null] }, null, {}], []],
  ])('with the images %j has those', (images, names) => {
    expect([...readNode({ status: { images } }).images]).toEqual(names);
  });
});

describe('a quantity is the number of bytes that Kubernetes takes it for', () => {
  const MI = 1024 ** 2;

  test.each<[bytes: number | undefined, texts: readonly string[]]>([
    [0, ['0']],
    [1, ['1u', '1n', '001']],
    [2, ['12e-1']],
    [3, ['2500m']],
    [512, ['.5Ki']],
    [1000, ['1k', '1e3', '1E3', '1e+3']],
    [1024, ['1.Ki', '+1Ki']],
    [47_093_746_742, ['47093746742']],
    [1_100_000, ['1.1M']],
    [1536 * MI, ['1536Mi', '1.5Gi']],
    [2 * 1024 ** 4, ['2Ti']],
    [1024 ** 5, ['1Pi']],
    [1024 ** 6, ['1Ei']],
    [1e11, ['100G']],
    [2e12, ['2T']],
    [1e15, ['1P']],
    [1e18, ['1E']],
    // No quantity, or nothing that a disk has.
    [undefined, ['', '-1', '.', 'Ki', '1 Gi', '1gi', '1KI', '1K', '1mi', '1e', '1e3Ki', '1,5Gi', '1.5.5', '0x10']],
    [undefined, ['Infinity', '1e999', '1Gi\n', `${'1'.repeat(100_000)}x`]],
  ])('%d', (bytes, texts) => {
    expect(texts.map(readQuantity)).toEqual(texts.map(() => bytes));
  });

  test('any text is a whole number of bytes or none at all', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...Array.from('0123456789.eE+-KMGTPEimnuk ')) }), (text) => {
        const bytes = readQuantity(text);
        expect(bytes === undefined || (Number.isInteger(bytes) && bytes >= 0)).toBe(true);
      }),
    );
  });
});

test('of a list without end as much is kept as people write', () => {
  const names = Array.from({ length: 10_000 }, (_, at) => `x${at}`);
  const labels = Object.fromEntries([...names, 'mode'].map((name) => [`pullguard.dev/${name}`, 'warn']));
  expect(Object.keys(readNamespace({ metadata: { labels } }))).toHaveLength(20);
  expect(readNamespace({ metadata: { labels } })).toMatchObject({ 'pullguard.dev/mode': 'warn' });
  expect(readNode({ status: { images: [{ names }] } }).images.size).toBe(200);
});

test.each<[what: string, images: unknown, listsAll: boolean]>([
  ['a node with a few images', [{ names: ['a:1'] }, { names: ['b:1'] }], true],
  [
    'one that lists as many as kubelet does at most',
    Array.from({ length: 50 }, (_, at) => ({ names: [`a:${at}`] })),
    false,
  ],
  ['an image with as many names as kubelet gives at most', [{ names: ['a:1', 'a:2', 'a:3', 'a:4', 'a:5'] }], false],
  ['one that lists none, which is no kubelet', [], false],
  ['one that says nothing of images', undefined, false],
])('whether a node may have an image that it does not list: %s', (_what, images, listsAll) => {
  expect(readNode({ status: { images } }).listsAllImages).toBe(listsAll);
});
