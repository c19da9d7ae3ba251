import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { matchCredentialKey, parseCredentialKey } from '../../src/pull/credential-key.ts';
import { readReference, type ImageReference } from '../../src/image/reference.ts';
import { anyString, reference } from '../image/arbitraries.ts';

function readImage(image: string): ImageReference {
  const found = readReference(image);
  if (found === undefined) throw new Error(`${image} does not parse`);
  return found;
}

/** Answers of kubelet's own `BasicDockerKeyring`, linked into a program and asked for 240,000 generated pairs and these. */
describe('a key serves the images that kubelet takes it for', () => {
  test.each<[key: string, image: string, matches: boolean]>([
    // A star is a part of one label.
    ['*.kubernetes.io', 'abc.kubernetes.io/app', true],
    ['*.kubernetes.io', 'kubernetes.io/app', false],
    ['*.*.kubernetes.io', 'abc.kubernetes.io/app', false],
    ['prefix*.kubernetes.io', 'prefix-1.kubernetes.io/app', true],
    ['swr.*.otc.t-systems.com', 'swr.eu-de.otc.t-systems.com/a/b', true],
    ['swr.*.otc.t-systems.com', 'swr.eu.de.otc.t-systems.com/a/b', false],
    ['https://*.example.com/v1/', 'a.example.com/app', true],
    // A question mark starts a query, so what comes behind it is lost.
    ['example.co?', 'example.com/app', false],
    ['example.com?', 'example.com/app', true],
    ['example.com?/team', 'example.com/app', true],
    ['example.com#/team', 'example.com/app', true],
    // Schemes: these two, in lower case, once.
    ['https://registry.example.com', 'registry.example.com/app', true],
    ['http://registry.example.com/', 'registry.example.com/app', true],
    ['HTTPS://registry.example.com', 'registry.example.com/app', false],
    ['docker://registry.example.com', 'registry.example.com/app', false],
    ['//registry.example.com', 'registry.example.com/app', false],
    // Ports are equal, or on neither side.
    ['registry.example.com:5000', 'registry.example.com:5000/app', true],
    ['registry.example.com:5000', 'registry.example.com/app', false],
    ['https://registry.example.com', 'registry.example.com:443/app', false],
    ['https://registry.example.com:443', 'registry.example.com/app', false],
    ['registry.example.com:', 'registry.example.com/app', true],
    // A path is where the repository starts, be it within a name. "/v1/" and "/v2/" are cut off, with their slash only.
    ['registry.example.com/team', 'registry.example.com/team/app', true],
    ['registry.example.com/team', 'registry.example.com/teamwork/app', true],
    ['registry.example.com/team/', 'registry.example.com/teamwork/app', false],
    ['registry.example.com/*', 'registry.example.com/app', false],
    ['registry.example.com/v2/', 'registry.example.com/app', true],
    ['registry.example.com/v2', 'registry.example.com/app', false],
    ['registry.example.com/v2', 'registry.example.com/v2/app', true],
    ['registry.example.com/v1/team', 'registry.example.com/team/app', true],
    ['registry.example.com/v1/team', 'registry.example.com/v1/team/app', false],
    ['registry.example.com/v1/v2/', 'registry.example.com/app', false],
    ['registry.example.com/V1/', 'registry.example.com/app', false],
    ['registry.example.com//', 'registry.example.com/app', false],
    // A tag in a key is a part of its path; a tag of an image is not looked at.
    ['registry.example.com/app:1.25', 'registry.example.com/app:1.25', false],
    ['registry.example.com/app', 'registry.example.com/app:1.25', true],
    // Letters are compared as they are; escapes are read twice.
    ['Registry.example.com', 'registry.example.com/app', false],
    ['Registry.example.com', 'Registry.example.com/app', true],
    ['registry.example.com/%74eam', 'registry.example.com/team/app', true],
    ['registry.example.com/%2574eam', 'registry.example.com/team/app', true],
    ['registry.example.com/%252574eam', 'registry.example.com/team/app', false],
    ['registry.example.com/%3Fteam', 'registry.example.com/app', true],
    ['registry.example.com/%25', 'registry.example.com/app', false],
    // What stands before the last "@" is a user name.
    ['https://user:password@registry.example.com', 'registry.example.com/app', true],
    ['user@home@registry.example.com', 'registry.example.com/app', true],
    // Addresses. The brackets of one without a port are taken for a class of characters.
    ['100.125.7.25:20202', '100.125.7.25:20202/group/app', true],
    ['100.125.*.*:20202', '100.125.7.25:20202/group/app', true],
    ['[2001:db8::1]:5000', '[2001:db8::1]:5000/app', true],
    ['[2001:db8::1]', '[2001:db8::1]/app', false],
    ['[2001:db8::1]', '[2001:db8::1]:5000/app', false],
    ['[2001:db8::A]', 'A/app', true],
    ['*:5000', '[2001:db8::1]:5000/app', true],
    ['*:5000', '[2001:db8:::1]:5000/app', false],
    // Docker Hub is docker.io, and has a key of its own: the one that docker writes, with nothing behind it.
    ['docker.io', 'nginx', true],
    ['docker.io/library', 'nginx', true],
    ['docker.io/bitnami', 'nginx', false],
    ['https://index.docker.io/v1/', 'nginx', true],
    ['https://index.docker.io/v1/', 'index.docker.io/bitnami/nginx', true],
    ['index.docker.io', 'docker.io/bitnami/nginx', true],
    ['index.docker.io/v2/', 'nginx', true],
    ['https://index.docker.io/v1', 'nginx', false],
    ['index.docker.io/library', 'nginx', false],
    ['index.docker.io:443', 'nginx', false],
    ['*.docker.io', 'nginx', false],
    ['registry-1.docker.io', 'nginx', false],
    ['https://index.docker.io/v1/', 'registry.example.com/app', false],
    // A host of one word passes for Docker Hub too.
    ['https://index.docker.io/v1/', 'localhost/app', true],
    ['https://index.docker.io/v1/', 'localhost:5000/app', false],
    // What else Go takes for a part of an address.
    ['registry.example.com/a/../b', 'registry.example.com/a/b', false],
    ['registry.example.com/a@b', 'registry.example.com/a', false],
    ['user:p@ss:word@registry.example.com/team', 'registry.example.com/team/app', true],
    ['us%20er@registry.example.com', 'registry.example.com/app', true],
    // Keys that name nothing.
    ['', 'nginx', false],
    ['*', 'nginx', false],
    ['*', 'localhost/app', true],
  ])('%s, %s: %s', (key, image, matches) => {
    const parsed = parseCredentialKey(key);
    expect(parsed).toBeDefined();
    expect(matchCredentialKey(parsed!, readImage(image))).toBe(matches);
  });
});

/** As Go's `url.Parse` has it. */
const DROPPED = [
  'a:port a:5000:5000 a:50* a:-1 a/%zz a/100% a/%4 a/%4g a#%zz a\\.example.com a-[ab].example.com a%41b a{b} a^b',
  'us%er@a üser@a user:50%@a 2001:db8::1 [2001:db8::1 [1.2.3.4]:5000 [a.example.com] [::1]a [::1]:a [1:2] [1::2::3]',
  '[12345::] [1:2:3:4:5:6:7:8:9] []',
].flatMap((keys) => keys.split(' '));

test.each([...DROPPED, 'a.example.com ', 'a .example.com', 'a.example.com\n', 'a\tb', 'a/\u007f', 'user name@a'])(
  'a key that kubelet drops is none: %j',
  (key) => {
    expect(parseCredentialKey(key)).toBeUndefined();
  },
);

test.each([
  ['https://index.docker.io/v1/', 'https://index.docker.io/v1/'],
  ['https://user:password@registry.example.com/v1/', 'registry.example.com'],
  ['registry.example.com/team?token=secret', 'registry.example.com/team'],
  ['https://registry.example.com#secret', 'registry.example.com'],
])('the text of %s, shown to people, holds no credentials', (key, text) => {
  expect(parseCredentialKey(key)?.text).toBe(text);
});

test('ten thousand secrets for one registry hold one key', () => {
  expect(parseCredentialKey('https://swr.eu-de.otc.t-systems.com')).toBe(
    parseCredentialKey('https://swr.eu-de.otc.t-systems.com'),
  );
});

test('no key and no image take the webhook down', () => {
  fc.assert(
    fc.property(anyString, reference, (text, image) => {
      const key = parseCredentialKey(text);
      expect([true, false]).toContain(key !== undefined && matchCredentialKey(key, image));
    }),
  );
});

test("the start of an image's address is a key for it", () => {
  fc.assert(
    fc.property(reference, fc.nat(), (image, length) => {
      const path = image.repository.slice(0, length % (image.repository.length + 1));
      const key = parseCredentialKey(`https://${image.registry}/${path}`);
      expect(matchCredentialKey(key!, image)).toBe(true);
    }),
  );
});
