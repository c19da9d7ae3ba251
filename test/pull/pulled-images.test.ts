import { describe, expect, test } from 'vitest';
import { isSurelyPublic, listPulledImages } from '../../src/pull/pulled-images.ts';
import { readReference } from '../../src/image/reference.ts';
import { WORKLOAD_KINDS } from '../../src/workload/kinds.ts';
import { readWorkloads } from '../../src/workload/workload.ts';
import { pod } from '../support/objects.ts';
import { policyOf } from '../support/policies.ts';

test('a person is told of each image once, and of none that nobody pulls', () => {
  const containers = [
    { name: 'a', image: 'nginx' },
    { name: 'b', image: 'quay.io/a/b', imagePullPolicy: 'Always' },
    { name: 'c', image: 'nginx', imagePullPolicy: 'IfNotPresent' },
    { name: 'd', image: 'loaded', imagePullPolicy: 'Never' },
    { name: 'e', image: 'NGINX' },
  ];
  const [workload] = readWorkloads(pod('', { containers }), WORKLOAD_KINDS[0]!, 'default');
  expect(listPulledImages(workload!).map(({ label, written }) => `${label} ${written}`)).toEqual([
    'container "a" nginx',
    'container "b" quay.io/a/b',
  ]);
});

describe('nobody is warned that an image has no key that needs none', () => {
  const policy = policyOf(
    'registries:',
    '  - { hosts: [public.ecr.aws/private], pullSecret: ecr }',
    '  - { hosts: [docker.io/library/ours], pullSecret: hub }',
    '  - { hosts: [quay.io/prometheus] }',
  );

  test.each([
    ['nginx', true],
    ['docker.io/library/nginx:1', true],
    ['registry.k8s.io/pause:3.9', true],
    ['public.ecr.aws/nginx/nginx', true],
    ['quay.io/prometheus/node-exporter', true],
    ['bitnami/redis', false],
    ['quay.io/team/app', false],
    ['registry.example.com/library/nginx', false],
    ['public.ecr.aws/private/app', false],
    ['ours', false],
    ['swr.eu-de.otc.t-systems.com/team/app', false],
  ])('%s: %s', (image, expected) => {
    expect(isSurelyPublic(policy, readReference(image)!)).toBe(expected);
  });
});
