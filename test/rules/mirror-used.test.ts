import { describe, expect, test } from 'vitest';
import type { Decision } from '../../src/engine/evaluate.ts';
import type { ImageAnswer } from '../../src/cause/answer.ts';
import { formatWarnings } from '../../src/report/finding.ts';
import { FAILURES, failed, pullable, registriesOf } from '../support/answers.ts';
import { judgeIn } from '../support/facts.ts';
import { judge } from '../support/judge.ts';
import { deployment, pod } from '../support/objects.ts';
import { MIRRORED, policyOf } from '../support/policies.ts';

function rewrite(image: string, policy = MIRRORED, spec = {}): unknown {
  const { edits } = judge(pod(image, spec), policy, 'apply');
  return edits.find(({ path }) => path.endsWith('/image'))?.value;
}

const DIGEST = `sha256:${'a'.repeat(64)}`;
const TO = 'swr.eu-de.otc.t-systems.com/dockerhub';

describe('each image of Docker Hub, however it is written, is found under the same path on the mirror', () => {
  test.each([
    ['nginx', 'library/nginx'],
    ['nginx:1.2.3', 'library/nginx:1.2.3'],
    ['bitnami/redis:7', 'bitnami/redis:7'],
    ['docker.io/nginx', 'library/nginx'],
    ['docker.io/library/nginx', 'library/nginx'],
    ['index.docker.io/nginx', 'library/nginx'],
    ['registry-1.docker.io/library/nginx', 'library/nginx'],
    ['registry.hub.docker.com/library/nginx:1', 'library/nginx:1'],
    [`nginx@${DIGEST}`, `library/nginx@${DIGEST}`],
    [`nginx:1.25@${DIGEST}`, `library/nginx:1.25@${DIGEST}`],
  ])('%s', (image, expected) => {
    expect(rewrite(image)).toBe(`${TO}/${expected}`);
  });
});

describe('other images stay where they are', () => {
  test.each([
    'quay.io/a/b',
    `${TO}/library/nginx:1.25`,
    'swr.cn-north-4.myhuaweicloud.com/ddn-k8s/docker.io/library/alpine:latest',
    'docker.io:443/library/nginx',
    'docker.io.example.com/library/nginx',
    'NGINX',
  ])('%s', (image) => {
    expect(rewrite(image)).toBeUndefined();
  });

  test('an image that is never pulled', () => {
    expect(
      rewrite('nginx', MIRRORED, { containers: [{ name: 'a', image: 'nginx', imagePullPolicy: 'Never' }] }),
    ).toBeUndefined();
  });

  test('an exempt image, by its host and the start of its path', () => {
    const policy = policyOf(
      'mirrors: [{ from: docker.io, to: m.example.com }]',
      'exempt: { images: [docker.io/bitnami/] }',
    );
    expect(rewrite('bitnami/redis', policy)).toBeUndefined();
    expect(rewrite('bitnamilegacy/redis', policy)).toBe('m.example.com/bitnamilegacy/redis');
  });
});

describe('mirrors are chosen as the policy says', () => {
  const policy = policyOf(
    'mirrors:',
    '  - { from: docker.io/bitnami, to: "harbor.example.com:8443/legacy" }',
    '  - { from: docker.io, to: mirror.example.com }',
    '  - { from: quay.io, to: mirror.example.com/quay }',
  );

  test.each([
    ['bitnami/redis:7', 'harbor.example.com:8443/legacy/redis:7'],
    ['bitnamix/redis', 'mirror.example.com/bitnamix/redis'],
    ['quay.io/a/b', 'mirror.example.com/quay/a/b'],
  ])('the first that matches, a path by whole segments: %s', (image, expected) => {
    expect(rewrite(image, policy)).toBe(expected);
  });
});

test('an address that would be too long on the mirror is left alone and said', () => {
  const image = `${'a/'.repeat(123)}b`;
  const { findings, edits } = judge(pod(image), MIRRORED, 'apply');
  expect(edits).toEqual([]);
  expect(findings.map(({ action, message }) => `${action}: ${message}`)).toEqual([
    'warn: comes from docker.io; its address on the mirror would be too long',
  ]);
});

describe('a policy that has mirrors verified', () => {
  const VERIFIED = policyOf(
    'mirrors: [{ from: docker.io, to: swr.eu-de.otc.t-systems.com/dockerhub }]',
    'registries: [{ hosts: [swr.eu-de.otc.t-systems.com], pullSecret: default-secret, probe: true }]',
    'rules: { mirror-used: { action: deny, verify: true }, image-pullable: off, image-fits: off }',
  );
  const MIRRORED_NGINX = `${TO}/library/nginx:1.25`;

  function decide(answer: ImageAnswer | undefined, image = 'nginx:1.25', object = pod(image)): Decision {
    const registries = registriesOf(answer === undefined ? {} : { [MIRRORED_NGINX]: answer });
    return judgeIn({ registries }, object, { policy: VERIFIED, fixMode: 'apply' });
  }

  test('takes from them what they have, with the secret for it', () => {
    const { edits, findings } = decide(pullable());
    expect(edits.map(({ value }) => value)).toEqual([MIRRORED_NGINX, [{ name: 'default-secret' }]]);
    expect(findings.map(({ rule, fixed }) => `${rule} ${fixed}`)).toEqual([
      'mirror-used now',
      'pull-secret-present now',
    ]);
  });

  test.each([undefined, ...FAILURES])(
    'leaves everything as it is, and refuses nobody, without a yes: %j',
    (failure) => {
      const { edits, findings } = decide(failure && failed(failure));
      expect(edits).toEqual([]);
      expect(findings.map(({ rule, action, fixed }) => `${rule} ${action} ${fixed}`)).toEqual(['mirror-used warn no']);
    },
  );

  test('leaves everything as it is where no registry is asked at all', () => {
    const { edits, findings } = judge(pod('nginx:1.25'), VERIFIED, 'apply');
    expect(edits).toEqual([]);
    expect(findings.map(({ rule, action }) => `${rule} ${action}`)).toEqual(['mirror-used warn']);
  });

  test('does not ask about what is never pulled, or has no mirror', () => {
    const registries = registriesOf({});
    const containers = [
      { name: 'a', image: 'nginx', imagePullPolicy: 'Never' },
      { name: 'b', image: 'quay.io/a/b' },
    ];
    expect(judgeIn({ registries }, pod('', { containers }), { policy: VERIFIED }).findings).toEqual([]);
    expect(registries.asked).toEqual([]);
  });

  test('gives a person the whole command to copy, as names and addresses usually are', () => {
    const registries = registriesOf({
      [`${TO}/bitnami/nginx:1.22.0-debian-11-r3`]: failed({ outcome: 'failed', cause: 'image-not-found' }),
    });
    const object = deployment('bitnami/nginx:1.22.0-debian-11-r3');
    const { findings } = judgeIn({ registries }, object, { policy: VERIFIED });
    expect(formatWarnings(findings)).toEqual([
      `Deployment/web container "app": is not on its mirror; push it: skopeo copy --all docker://docker.io/bitnami/nginx:1.22.0-debian-11-r3 docker://${TO}/bitnami/nginx:1.22.0-debian-11-r3 (mirror-used)`,
    ]);
  });
});
