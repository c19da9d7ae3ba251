import { describe, expect, test } from 'vitest';
import { defaultPolicy } from '../../src/rules/policy.ts';
import { explainImage } from '../../src/report/explain-image.ts';
import { MIRRORED, policyOf } from '../support/policies.ts';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;
const NO_PARTS = { registry: null, repository: null, tag: null, digest: null };
const NOTHING = { ...NO_PARTS, dockerHub: false, pullSecret: null, mirror: null };

test.each([
  ['nginx', { registry: 'docker.io', repository: 'library/nginx', dockerHub: true }],
  [`ghcr.io/a/b:1@${DIGEST}`, { registry: 'ghcr.io', repository: 'a/b', tag: '1', digest: DIGEST }],
  [
    'swr.eu-de.otc.t-systems.com/a/b:1',
    { registry: 'swr.eu-de.otc.t-systems.com', repository: 'a/b', tag: '1', pullSecret: 'default-secret' },
  ],
])('%s is taken apart as a container runtime takes it', (image, parts) => {
  expect(explainImage(image, defaultPolicy())).toEqual({ ...NOTHING, image, valid: true, ...parts });
});

describe('what a policy makes of an image', () => {
  test('the mirror keeps tag and digest, and it is from there that the pull secret is needed', () => {
    expect(explainImage(`nginx:1@${DIGEST}`, MIRRORED)).toMatchObject({
      registry: 'docker.io',
      mirror: `swr.eu-de.otc.t-systems.com/dockerhub/library/nginx:1@${DIGEST}`,
      pullSecret: 'default-secret',
    });
    expect(explainImage('ghcr.io/a/b', MIRRORED)).toMatchObject({ mirror: null, pullSecret: null });
  });

  test('an exempt image gets nothing', () => {
    const policy = policyOf(
      'mirrors: [{ from: docker.io, to: m.example }]',
      'registries: [{ hosts: [docker.io, m.example], pullSecret: a }]',
      'exempt: { images: [docker.io/library/nginx] }',
    );
    expect(explainImage('nginx', policy)).toMatchObject({ valid: true, mirror: null, pullSecret: null });
    expect(explainImage('redis', policy)).toMatchObject({ mirror: 'm.example/library/redis', pullSecret: 'a' });
  });

  test('a rule that is off gives neither a mirror nor a pull secret, and is not said to', () => {
    const mirrors = 'mirrors: [{ from: docker.io, to: swr.eu-de.otc.t-systems.com/hub }]';
    const off = policyOf(mirrors, 'rules: { mirror-used: off, pull-secret-present: off }');
    expect(explainImage('nginx', off)).toMatchObject({ mirror: null, pullSecret: null });
    expect(explainImage('swr.eu-de.otc.t-systems.com/a/b', off)).toMatchObject({ pullSecret: null });
  });

  test('an address that would be too long on the mirror is not announced', () => {
    const image = `docker.io/${'a/'.repeat(124)}b`;
    expect(explainImage(image, MIRRORED)).toMatchObject({ valid: true, mirror: null, pullSecret: null });
  });
});

describe('an address that is wrong', () => {
  test('is told by code, message and what was meant, and has no parts', () => {
    expect(explainImage('NGINX:1.25', MIRRORED)).toEqual({
      image: 'NGINX:1.25',
      valid: false,
      problem: { code: 'uppercase', message: 'repository name must be lowercase', suggestion: 'nginx:1.25' },
      ...NOTHING,
    });
  });

  test('without a likely one meant, has no suggestion at all', () => {
    expect(explainImage('', MIRRORED)).toEqual({
      image: '',
      valid: false,
      problem: { code: 'empty', message: 'image is empty (an unset variable?)' },
      ...NOTHING,
    });
  });

  test('that is only odd is valid, and says what is odd', () => {
    expect(explainImage('registry.example.com:5000', MIRRORED)).toMatchObject({
      valid: true,
      dockerHub: true,
      suspicion: expect.stringContaining('on Docker Hub') as string,
    });
  });
});

const KEYS = ['image', 'valid', 'registry', 'repository', 'tag', 'digest', 'dockerHub', 'pullSecret', 'mirror'];

test('programs that read the JSON find every key, in one order, and no others', () => {
  const keysOf = (image: string): readonly string[] => Object.keys(explainImage(image, MIRRORED));
  expect(keysOf('nginx')).toEqual(KEYS);
  expect(keysOf('NGINX')).toEqual(KEYS.toSpliced(2, 0, 'problem'));
  expect(keysOf('registry.example.com:5000')).toEqual([...KEYS, 'suspicion']);
});
