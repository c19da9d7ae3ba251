import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readNode } from '../../../src/cluster/facts/read-node.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

test('a node as kubelet writes it: what it is, what it has room for, and what is on it', () => {
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
  });
});

describe('its platform', () => {
  test.each<[nodeInfo: unknown, labels: unknown, platform: string]>([
    [{ operatingSystem: 'windows', architecture: 'amd64' }, undefined, 'windows/amd64'],
    [{ operatingSystem: 'Linux', architecture: 'amd64' }, undefined, 'linux/amd64'],
    [undefined, { 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'arm64' }, 'linux/arm64'],
    [
      { operatingSystem: '', architecture: '' },
      { 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 's390x' },
      'linux/s390x',
    ],
    [{ operatingSystem: 'linux' }, { 'kubernetes.io/os': 'windows', 'kubernetes.io/arch': 'arm64' }, 'linux/arm64'],
    // Half a platform is none.
    [{ operatingSystem: 'linux' }, {}, ''],
    [undefined, undefined, ''],
  ])('%j with labels %j: %s', (nodeInfo, labels, platform) => {
    expect(readNode({ metadata: { labels }, status: { nodeInfo } }).platform).toBe(platform);
  });
});

describe('what it does not say is not made up', () => {
  test('of a node that is just there', () => {
    expect(readNode({ metadata: { name: 'new' } })).toEqual({
      name: 'new',
      labels: {},
      platform: '',
      isUnschedulable: false,
      hasDiskPressure: false,
      ephemeralStorageBytes: undefined,
      images: new Set(),
    });
  });

  test.each<[conditions: unknown, hasDiskPressure: boolean]>([
    [[{ type: 'DiskPressure', status: 'True' }], true],
    [[{ type: 'DiskPressure', status: 'False' }], false],
    // Nobody has heard of it for a while.
    [[{ type: 'DiskPressure', status: 'Unknown' }], false],
    [[{ type: 'MemoryPressure', status: 'True' }], false],
    [[null, 'DiskPressure'], false],
    ['DiskPressure', false],
  ])('conditions %j: disk pressure %s', (conditions, hasDiskPressure) => {
    expect(readNode({ status: { conditions } }).hasDiskPressure).toBe(hasDiskPressure);
  });

  test.each([['lots'], ['-1'], [5], [null]])('a space of %j', (space) => {
    const allocatable = { 'ephemeral-storage': space };
    expect(readNode({ status: { allocatable } }).ephemeralStorageBytes).toBeUndefined();
  });
});

describe('its images', () => {
  test.each<[images: unknown, names: readonly string[]]>([
    // As a reference to the same image would be written in full.
    [
      [{ names: ['nginx', 'index.docker.io/library/nginx:1'] }],
      ['docker.io/library/nginx', 'docker.io/library/nginx:1'],
    ],
    [[{ names: ['<none>@<none>', '<none>:<none>', 'a.example/b:1'] }], ['a.example/b:1']],
    [[{ names: null }, { names: [1, null] }, null, {}], []],
    [null, []],
  ])('%j', (images, names) => {
    expect([...readNode({ status: { images } }).images]).toEqual(names);
  });
});

test('no object takes the watch down', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), fc.jsonValue(), (metadata, spec, status) => {
      expect(readNode({ metadata, spec, status }).images).toBeInstanceOf(Set);
    }),
  );
});
