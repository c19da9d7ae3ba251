import fc from 'fast-check';
import { expect, test } from 'vitest';
import { matchCredentialKey } from '../../src/pull/credential-key.ts';
import { chooseCredentials } from '../../src/pull/choose-credentials.ts';
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
  expect(chosen.entries.map((entry) => entry?.key.text)).toEqual(tried.length === 0 ? [undefined] : tried);
  expect(chosen.entries.map((entry) => entry?.credentials.username)).toEqual(tried.length === 0 ? [undefined] : tried);
  expect(chosen.isSure).toBe(true);
});

test('within a key the secrets are tried in their order', () => {
  const keyring = keyringOf([
    ['registry.example.com', credentials('zoe')],
    ['https://registry.example.com/v1/', credentials('adam')],
    ['http://registry.example.com', credentials('mia')],
  ]);
  expect(chooseCredentials(keyring, imageOf(APP)).entries.map((one) => one?.credentials.username)).toEqual([
    'zoe',
    'adam',
    'mia',
  ]);
});

test('a copy of a secret is not tried again, as registries lock accounts that fail too often', () => {
  const keyring = keyringOf([
    ['registry.example.com', credentials('zoe')],
    ['registry.example.com', credentials('zoe', 'old')],
    ['registry.example.com/team', credentials('zoe')],
    ['registry.example.com', credentials('zoe')],
  ]);
  expect(
    chooseCredentials(keyring, imageOf(APP)).entries.map((entry) => [entry?.key.text, entry?.credentials]),
  ).toEqual([
    ['registry.example.com/team', credentials('zoe')],
    ['registry.example.com', credentials('zoe', 'old')],
  ]);
});

test.each([
  [5, true],
  [6, false],
])('of %d credentials at most five are tried, and then it is not sure that none would do', (count, isSure) => {
  const entries = Array.from({ length: count }, (_, at) => ['registry.example.com', credentials(`u${at}`)] as const);
  const chosen = chooseCredentials(keyringOf(entries), imageOf(APP));
  expect(chosen.entries.map((one) => one?.credentials.username)).toEqual(['u0', 'u1', 'u2', 'u3', 'u4']);
  expect(chosen.isSure).toBe(isSure);
});

test.each([
  ['with a key', [['registry.example.com', credentials('zoe')]]],
  ['without', []],
] as const)('nothing is sure of secrets of which one could not be read, %s', (_name, entries) => {
  expect(chooseCredentials(keyringOf(entries, false), imageOf(APP)).isSure).toBe(false);
});

test('credentials are sent only where their key says', () => {
  const anyKey = fc.constantFrom(
    'registry.example.com',
    '*.example.com',
    '*.com',
    'docker.io',
    'index.docker.io/v1/',
    '*',
  );
  const anyImage = fc.constantFrom(APP, 'nginx', 'localhost/app', 'evil.example.com/app', 'example.com/app');
  fc.assert(
    fc.property(fc.array(anyKey, { maxLength: 8 }), anyImage, (keys, image) => {
      const keyring = keyringOf(keys.map((key, at) => [key, credentials(`u${at}`)]));
      for (const entry of chooseCredentials(keyring, imageOf(image)).entries) {
        if (entry !== undefined) expect(matchCredentialKey(entry.key, imageOf(image))).toBe(true);
      }
    }),
  );
});
