import fc from 'fast-check';
import { expect, test } from 'vitest';
import { matchCredentialKey } from '../../src/pull/credential-key.ts';
import { chooseCredentials } from '../../src/pull/keyring.ts';
import { credentials, imageOf, keyringOf } from '../registry/prober/probing.ts';

const APP = 'registry.example.com/team/app:1';

/** Answers of kubelet's own `BasicDockerKeyring`, linked into a program and asked for these, and for 100,000 generated ones. */
test.each<[image: string, keys: readonly string[], tried: readonly string[]]>([
  // The longer path first, whichever secret has it.
  [APP, ['registry.example.com', 'registry.example.com/team'], ['registry.example.com/team', 'registry.example.com']],
  [
    APP,
    ['registry.example.com/team', 'registry.example.com/team/app', 'registry.example.com/te'],
    ['registry.example.com/team/app', 'registry.example.com/team', 'registry.example.com/te'],
  ],
  // A host that is written out before one with a star.
  [APP, ['*.example.com', 'registry.example.com'], ['registry.example.com', '*.example.com']],
  // But it is the letters that count, and not which is more exact.
  [APP, ['*.example.com/team/app', 'registry.*.com'], ['registry.*.com', '*.example.com/team/app']],
  // Without the scheme, and without the version.
  [
    APP,
    ['https://registry.example.com/v2/', 'registry.example.com/team'],
    ['registry.example.com/team', 'https://registry.example.com/v2/'],
  ],
  [
    APP,
    ['https://registry.example.com/v1/team', 'http://registry.example.com'],
    ['https://registry.example.com/v1/team', 'http://registry.example.com'],
  ],
  // Others do not count.
  [APP, ['other.example.com', 'registry.example.com:5000', 'registry.example.com/other'], []],
  [APP, ['https://index.docker.io/v1/'], []],
  // Docker Hub's own key only where no other matches.
  ['nginx', ['https://index.docker.io/v1/'], ['https://index.docker.io/v1/']],
  ['nginx', ['https://index.docker.io/v1/', 'docker.io'], ['docker.io']],
  ['nginx', ['https://index.docker.io/v1/', 'docker.io/team'], ['https://index.docker.io/v1/']],
  ['localhost/app', ['https://index.docker.io/v1/'], ['https://index.docker.io/v1/']],
  ['localhost/app', ['https://index.docker.io/v1/', 'localhost'], ['localhost']],
])('%s with keys %j is pulled with those of %j', (image, keys, tried) => {
  const keyring = keyringOf(keys.map((key) => [key, credentials(key)]));
  const chosen = chooseCredentials(keyring, imageOf(image));
  expect(chosen.entries.map((entry) => entry?.credentials)).toEqual(
    tried.length === 0 ? [undefined] : tried.map((key) => credentials(key)),
  );
  expect(chosen.isSure).toBe(true);
});

const usernames = (...args: Parameters<typeof chooseCredentials>): readonly (string | undefined)[] =>
  chooseCredentials(...args).entries.map((one) => one?.credentials.username);

test('within a key the secrets are tried in their order, and a copy not again, as registries lock accounts', () => {
  const keys = ['registry.example.com', 'https://registry.example.com/v1/', 'http://registry.example.com'];
  const [zoe, adam, mia] = ['zoe', 'adam', 'mia'].map((name) => credentials(name));
  expect(
    usernames(
      keyringOf([
        [keys[0]!, zoe!],
        [keys[1]!, adam!],
        [keys[2]!, mia!],
      ]),
      imageOf(APP),
    ),
  ).toEqual(['zoe', 'adam', 'mia']);
  const copied = keyringOf([
    ['registry.example.com', zoe!],
    ['registry.example.com', credentials('zoe', 'old')],
    ['registry.example.com/team', zoe!],
    ['registry.example.com', zoe!],
  ]);
  expect(chooseCredentials(copied, imageOf(APP)).entries.map((one) => one?.credentials)).toEqual([
    zoe,
    credentials('zoe', 'old'),
  ]);
});

test('a key is taken as kubelet has it in its index, with a user name in it or not', () => {
  const keys = ['user@registry.example.com/v1/v2/team', 'registry.example.com/v1/team'];
  const keyring = keyringOf(keys.map((key) => [key, credentials(key)]));
  // The first is for "v2/team": the version is cut off once.
  expect(usernames(keyring, imageOf(APP))).toEqual([keys[1]]);
  expect(usernames(keyring, imageOf('registry.example.com/v2/team/app'))).toEqual([keys[0]]);
});

test.each([
  [5, true],
  [6, false],
])('of %d credentials at most five are tried, and then it is not sure that none would do', (count, isSure) => {
  const entries = Array.from({ length: count }, (_, at) => ['registry.example.com', credentials(`u${at}`)] as const);
  expect(usernames(keyringOf(entries), imageOf(APP))).toEqual(['u0', 'u1', 'u2', 'u3', 'u4']);
  expect(chooseCredentials(keyringOf(entries), imageOf(APP)).isSure).toBe(isSure);
});

test('nothing is sure of secrets of which one could not be read', () => {
  for (const entries of [[], [['registry.example.com', credentials('zoe')] as const]]) {
    expect(chooseCredentials(keyringOf(entries, false), imageOf(APP)).isSure).toBe(false);
  }
});

test('credentials are sent only where their key says', () => {
  const keys = 'registry.example.com *.example.com *.com docker.io index.docker.io/v1/ *'.split(' ');
  const anyKey = fc.constantFrom(...keys);
  const anyImage = fc.constantFrom(APP, 'nginx', 'localhost/app', 'evil.example.com/app', 'example.com/app');
  fc.assert(
    fc.property(fc.array(anyKey, { maxLength: 8 }), anyImage, (some, image) => {
      const keyring = keyringOf(some.map((key, at) => [key, credentials(`u${at}`)]));
      for (const entry of chooseCredentials(keyring, imageOf(image)).entries) {
        if (entry !== undefined) expect(matchCredentialKey(entry.key, imageOf(image))).toBe(true);
      }
    }),
  );
});
