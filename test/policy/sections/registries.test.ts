import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readReference } from '../../../src/image/reference.ts';
import { findPullSecret, isExemptImage } from '../../../src/policy/policy.ts';
import { policyWith, problemsOf } from '../reading.ts';

describe('a pattern that can match no image is a mistake of somebody who believes it does', () => {
  const ONE_WORD =
    'has a host of one word, which is not a host in an image: write the full host, and docker.io for Docker Hub';
  const BAD_HOST = 'has a host that no image can have';
  const BAD_PATH = 'has a path that no repository starts with: use lowercase and single slashes';
  const GLOB = 'has a glob in its path, but a path matches by its start: remove the glob';
  const TAG = 'has a tag or a digest: remove it';
  const PORT = 'has a port that is not a number';
  test.each([
    ['[a', 'is not a valid glob'],
    ['https://a.example', 'starts with a scheme: start with the host'],
    ['a.example /b', 'contains whitespace'],
    ['/team', 'has no host'],
    ['library/nginx', ONE_WORD],
    ['*', ONE_WORD],
    ['a..example', BAD_HOST],
    ['a_b.example', BAD_HOST],
    [':5000', BAD_HOST],
    ['a.example:[0-9]*', PORT],
    ['a.example:https', PORT],
    ['a.example:1:2', PORT],
    ['a.example/team-?', GLOB],
    ['a.example/app:1.2', TAG],
    ['a.example/Team', BAD_PATH],
    ['a.example//team', BAD_PATH],
    ['a.example/-team', BAD_PATH],
  ])('%s', (text, problem) => {
    expect(problemsOf({ registries: [{ hosts: [text] }] })).toEqual([`/registries/0/hosts/0: "${text}" ${problem}`]);
    expect(problemsOf({ exempt: { images: ['a.example', text] } })).toEqual([`/exempt/images/1: "${text}" ${problem}`]);
  });

  test('credentials in one are not repeated', () => {
    expect(problemsOf({ exempt: { images: ['user:password@a.example'] } })).toEqual([
      '/exempt/images/0: "***@a.example" contains credentials, which belong in a pull secret',
    ]);
  });
});

describe('a pattern that matches images is left alone', () => {
  test.each([
    ['A.example', 'A.example/b'],
    ['*.example', 'a.example/b'],
    ['a-[0-9].exampl?', 'a-1.example/b'],
    ['a.example:5000', 'a.example:5000/b'],
    ['*:5000', 'registry:5000/b'],
    ['10.0.0.1:20202', '10.0.0.1:20202/b'],
    ['[fd00::1]:5000', '[fd00::1]:5000/b'],
    ['localhost', 'localhost/b'],
    ['docker.io/library', 'nginx'],
    ['index.docker.io', 'nginx'],
    ['a.example/', 'a.example/b'],
    ['a.example/team-', 'a.example/team-b/c'],
    ['a.example/a__', 'a.example/a__b'],
  ])('%s, such as %s', (text, image) => {
    expect(isExemptImage(policyWith({ exempt: { images: [text] } }), readReference(image)!)).toBe(true);
  });

  test('as is any registry and start of a repository that an image can have', () => {
    const component = fc.stringMatching(/^[a-z0-9]{1,6}(?:(?:\.|__?|-+)[a-z0-9]{1,6}){0,2}$/);
    const registry = fc.stringMatching(/^[a-z0-9]{1,6}(?:\.[a-z0-9]{1,6}){1,3}(?::[0-9]{2,5})?$/);
    const path = fc.array(component, { minLength: 1, maxLength: 3 }).map((components) => components.join('/'));
    fc.assert(
      fc.property(registry, path, fc.nat(), (host, repository, cut) => {
        const text = `${host}/${repository.slice(0, cut % (repository.length + 1))}`;
        expect(problemsOf({ exempt: { images: [text] } })).toEqual([]);
      }),
    );
  });
});

describe('the pull secrets of registries', () => {
  const secretOf = (registries: readonly object[], image: string): string | undefined =>
    findPullSecret(policyWith({ registries }), readReference(image)!);

  test.each([
    ['swr.eu-de.otc.t-systems.com/a/b', 'default-secret'],
    ['swr.eu-ch2.sc.otc.t-systems.com/a/b', 'default-secret'],
    ['swr.cn-north-4.myhuaweicloud.com/a/b', 'default-secret'],
    ['swr-api.cn-north-4.myhuaweicloud.com/a/b', undefined],
    ['me.swr-pro.myhuaweicloud.com/a/b', undefined],
    ['swr.eu-de.otc.t-systems.com.evil.example/a/b', undefined],
    ['swr.eu-de.otc.t-systems.com:443/a/b', undefined],
  ])('without a word about it, %s needs %s', (image, secret) => {
    expect(secretOf([], image)).toBe(secret);
  });

  test("the operator's own entry goes before what is built in", () => {
    const mine = [{ hosts: ['swr.*.otc.t-systems.com/mine'], pullSecret: 'mine' }];
    expect(secretOf(mine, 'swr.eu-de.otc.t-systems.com/mine/b')).toBe('mine');
    expect(secretOf(mine, 'swr.eu-de.otc.t-systems.com/theirs/b')).toBe('default-secret');
    expect(secretOf([{ hosts: ['swr.*.otc.t-systems.com'] }], 'swr.eu-de.otc.t-systems.com/a')).toBeUndefined();
  });

  test('an entry that can never speak is told', () => {
    expect(problemsOf({ registries: [{ hosts: ['a.example'] }, { hosts: ['b.example', 'a.example'] }] })).toEqual([
      '/registries/1/hosts/1: "a.example" is already in registries[0], which matches first: remove one',
    ]);
  });

  const NO_NAME = 'must be a valid Secret name: lowercase letters, digits, "-" and ".", at most 253 characters';
  test.each<[pullSecret: unknown, isName: boolean]>([
    ['a-1.b', true],
    ['a'.repeat(253), true],
    ['a'.repeat(254), false],
    ['Regcred', false],
    ['reg_cred', false],
    ['ns/regcred', false],
    ['regcred.', false],
    ['', false],
    [250, false],
  ])('are called as a Secret can be: %s', (pullSecret, isName) => {
    const problems = problemsOf({ registries: [{ hosts: ['a.example'], pullSecret }] });
    expect(problems).toEqual(isName ? [] : [expect.stringContaining(`/registries/0/pullSecret: ${NO_NAME}`)]);
  });
});

describe('an entry that has SWR asked must not take default-secret from its pods', () => {
  const OTC = 'swr.*.otc.t-systems.com';
  const ADD = 'add it here, or add the path of the images that need none to the host';
  const asked = (...hosts: readonly string[]) => [{ hosts, probe: true }];

  test.each<[host: string, taken: string, advice: string]>([
    [OTC, OTC, ADD],
    ['swr.eu-de.otc.t-systems.com', OTC, ADD],
    ['swr.eu-*.otc.t-systems.com', OTC, ADD],
    ['swr.eu-ch2.sc.otc.t-systems.com', 'swr.*.*.otc.t-systems.com', ADD],
    ['swr.cn-north-4.myhuaweicloud.com/', 'swr.*.myhuaweicloud.com', ADD],
    // Other hosts of theirs need no such secret.
    ['*.eu-de.otc.t-systems.com', OTC, `add an entry with it for "${OTC}" before this one`],
    ['*.*.*.com', 'swr.*.myhuaweicloud.com', 'add an entry with it for "swr.*.myhuaweicloud.com" before this one'],
  ])('%s', (host, taken, advice) => {
    expect(problemsOf({ registries: asked('harbor.example.com', host) })).toEqual([
      `/registries/0/hosts/1: "${host}" replaces the built-in "${taken}", but has no "pullSecret: default-secret": ${advice}`,
    ]);
  });

  test.each<[what: string, registries: readonly object[]]>([
    ['it names it', [{ hosts: [OTC], pullSecret: 'default-secret', probe: true }]],
    ['it names another', [{ hosts: [OTC], pullSecret: 'own', probe: true }]],
    ['only public images are asked about', asked('swr.cn-north-4.myhuaweicloud.com/ddn-k8s')],
    ['nobody is asked, which is how images are taken out', [{ hosts: ['swr.eu-de.otc.t-systems.com'] }]],
    ['nor as it says so', [{ hosts: ['swr.eu-de.otc.t-systems.com'], probe: false }]],
    ['another port is asked', asked('swr.eu-de.otc.t-systems.com:8443')],
    ['another service is asked', asked('swr-api.eu-de.otc.t-systems.com', 'team.swr-pro.myhuaweicloud.com')],
    [
      'an entry before it keeps it',
      [{ hosts: [OTC, 'swr.*.*.otc.t-systems.com'], pullSecret: 'default-secret' }, ...asked('*.*.otc.t-systems.com')],
    ],
  ])('but may where %s', (_what, registries) => {
    expect(problemsOf({ registries })).toEqual([]);
  });
});
