import { describe, expect, test } from 'vitest';
import {
  findMirror,
  findPullSecret,
  isExemptImage,
  isExemptNamespace,
  keepAnswerable,
  listPullSecrets,
} from '../../src/policy/policy.ts';
import { formatReference, readReference, type ImageReference } from '../../src/image/reference.ts';
import { policyOf } from '../support/policies.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

const read = (image: string): ImageReference => readReference(image)!;

describe('the pull secret of an image', () => {
  const policy = policyOf(
    'registries:',
    '  - { hosts: [a.example/team], pullSecret: team }',
    '  - { hosts: [open.a.example] }',
    '  - { hosts: [a.example, "*.a.example", "b.example:5000"], pullSecret: all }',
  );
  test.each([
    ['a.example/team/app', 'team', 'the narrower entry stands first'],
    ['a.example/teamwork/app', 'team', 'as kubelet matches, a path may end within a name'],
    ['a.example/other/app', 'all', undefined],
    ['x.a.example/app', 'all', undefined],
    ['open.a.example/app', undefined, 'the first entry that matches says there is none'],
    ['x.y.a.example/app', undefined, 'a * is one label'],
    ['a.example:443/app', undefined, 'a port is compared exactly'],
    ['b.example:5000/app', 'all', undefined],
    ['b.example/app', undefined, 'a port is compared exactly'],
    ['A.example/app', undefined, 'kubelet compares letter by letter'],
    ['nginx', undefined, undefined],
  ] as const)('%s: %s (%s)', (image, secret, why) => {
    expect(findPullSecret(policy, read(image)), why).toBe(secret);
  });
});

describe('the mirror of an image', () => {
  const policy = policyOf(
    'mirrors:',
    '  - { from: docker.io/library, to: m.example:5000 }',
    '  - { from: docker.io, to: m.example:5000/hub }',
    '  - { from: ghcr.io/team, to: m.example:5000/team }',
  );
  test.each<[image: string, mirror: string | undefined]>([
    ['nginx', 'm.example:5000/nginx'],
    ['nginx:1.25', 'm.example:5000/nginx:1.25'],
    [`nginx@${DIGEST}`, `m.example:5000/nginx@${DIGEST}`],
    [`nginx:1.25@${DIGEST}`, `m.example:5000/nginx:1.25@${DIGEST}`],
    ['registry-1.docker.io/library/nginx', 'm.example:5000/nginx'],
    ['bitnami/nginx', 'm.example:5000/hub/bitnami/nginx'],
    ['ghcr.io/team/a/b', 'm.example:5000/team/a/b'],
    ['ghcr.io/teamwork/a', undefined],
    ['ghcr.io/team', undefined],
    ['ghcr.io:443/team/a', undefined],
    ['m.example:5000/nginx', undefined],
    ['swr.cn-north-4.myhuaweicloud.com/ddn-k8s/docker.io/library/alpine', undefined],
  ])('%s → %s', (image, mirror) => {
    const found = findMirror(policy, read(image));
    expect(found && formatReference(found)).toBe(mirror);
    expect(found && findMirror(policy, found)).toBeUndefined();
  });
});

describe('exemptions', () => {
  const policy = policyOf(
    'exempt:',
    '  namespaces: [kube-system, "ci-*", "[ab]-test"]',
    '  images: [docker.io/library/nginx, "*.a.example"]',
  );
  test.each([
    ['kube-system', true],
    ['kube-system-2', false],
    ['ci-', true],
    ['ci-1-2', true],
    ['a-test', true],
    ['c-test', false],
    ['', false],
  ])('namespace "%s": %s', (namespace, exempt) => {
    expect(isExemptNamespace(policy, namespace)).toBe(exempt);
  });
  test.each([
    ['nginx:1', true],
    // A path is the start of a repository, as in kubelet's own matching; a slash at its end would say otherwise.
    ['nginx-unprivileged', true],
    ['nginxinc/nginx', false],
    ['library-nginx/a', false],
    ['x.a.example/b', true],
    ['a.example/b', false],
  ])('image %s: %s', (image, exempt) => {
    expect(isExemptImage(policy, read(image))).toBe(exempt);
  });
});

test('every pull secret that the policy knows is named once: those are watched, and need rights', () => {
  const policy = policyOf(
    'registries: [{ hosts: [a.example], pullSecret: one }, { hosts: [b.example], pullSecret: one }, { hosts: [c.example] }]',
  );
  expect(listPullSecrets(policy)).toEqual(['one', 'default-secret']);
});

test('rules that could never be answered are left out, those that may be stay', () => {
  const idsFor = (...facts: Parameters<typeof keepAnswerable>[1]): readonly string[] =>
    keepAnswerable(policyOf(), facts).rules.map(({ rule }) => rule.id);
  const always = [
    'reference-valid',
    'mirror-used',
    'pull-secrets-valid',
    'pull-secret-present',
    'image-on-node',
    'nodes-can-pull',
  ];
  expect(idsFor()).toEqual(always);
  expect(idsFor('namespaces', 'serviceAccounts')).toEqual(
    expect.arrayContaining([...always, 'service-account-secrets-kept']),
  );
  expect(idsFor('serviceAccounts')).not.toContain('pull-secret-usable');
  expect(idsFor('serviceAccounts', 'pullSecrets')).toContain('pull-secret-usable');
});
