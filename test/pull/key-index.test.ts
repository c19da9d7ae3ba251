import fc from 'fast-check';
import { beforeEach, expect, test, vi } from 'vitest';
import type * as Globs from '../../src/text/glob.ts';
import { readReference, type ImageReference } from '../../src/image/reference.ts';
import { matchCredentialKey, parseCredentialKey, indexKeys } from '../../src/pull/credential-key.ts';
import { anyString, reference } from '../image/arbitraries.ts';

let globMatches = 0;

vi.mock('../../src/text/glob.ts', async (load) => {
  const real = await load<typeof Globs>();
  return {
    ...real,
    matchGlob: (...args: Parameters<typeof real.matchGlob>) => (globMatches++, real.matchGlob(...args)),
  };
});

let prefixMatches = 0;

beforeEach(() => {
  globMatches = prefixMatches = 0;
  const real = Object.getOwnPropertyDescriptor(String.prototype, 'startsWith')!;
  const value = function (this: string, ...args: Parameters<string['startsWith']>): boolean {
    prefixMatches++;
    return (real.value as typeof value).apply(this, args);
  };
  Object.defineProperty(String.prototype, 'startsWith', { ...real, value });
  return () => Object.defineProperty(String.prototype, 'startsWith', real);
});

function entriesOf(keys: readonly string[]) {
  return keys.flatMap((text, at) => {
    const key = parseCredentialKey(text);
    return key === undefined ? [] : [{ key, at }];
  });
}

function imageOf(image: string): ImageReference {
  return readReference(image)!;
}

const label = fc.constantFrom('a', 'b', 'a1', '*', 'a*', '*1', '[::1]');
const host = fc.oneof(
  fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.')),
  fc.constantFrom('docker.io', 'index.docker.io', '*.docker.io', 'https://index.docker.io/v1/', 'localhost'),
);
const end = fc.constantFrom('', '/', ':5000', ':5000/a', '/a', '/a/b', '/v1/', '/v2/a', '/library', '/lib');
const key = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.tuple(fc.constantFrom('', 'https://', 'user:secret@'), host, end).map((all) => all.join('')),
  },
  { weight: 1, arbitrary: anyString },
);
const image = fc.oneof(
  reference,
  fc.record({
    registry: fc.constantFrom(
      'a',
      'a.b',
      'a1.b',
      'a.b.a1',
      'b.a.b.a',
      'a:5000',
      'a.b:5000',
      '[::1]',
      '[::1]:5000',
      'docker.io',
      'localhost',
    ),
    repository: fc.constantFrom('a', 'a/b', 'a/bc', 'b', 'library/nginx', 'v1/a'),
  }),
);

test('the entries that are found are those that match one by one, in the same order', () => {
  fc.assert(
    fc.property(fc.array(key, { maxLength: 30 }), fc.array(image, { maxLength: 4 }), (keys, images) => {
      const entries = entriesOf([...keys, ...keys]);
      // One after the other, as it remembers the last host.
      for (const each of [...images, ...images]) {
        expect(indexKeys(entries)(each)).toEqual(entries.filter((entry) => matchCredentialKey(entry.key, each)));
      }
    }),
    { numRuns: 300 },
  );
});

test('many paths are found as few are', () => {
  const paths = Array.from({ length: 300 }, (_, at) => 'a/b/c'.slice(0, at % 6) + (at < 100 ? '' : String(at)));
  const entries = entriesOf(paths.map((path) => `r.example/${path}`));
  const app = imageOf('r.example/a/b/c');
  expect(indexKeys(entries)(app)).toEqual(entries.filter((entry) => matchCredentialKey(entry.key, app)));
  expect(indexKeys(entries)(app).length).toBeGreaterThan(50);
});

test.each([
  ['hosts', (at: number) => `r${at}.example.com`, 0],
  ['paths', (at: number) => `*.example.com/team-${at}/`, 1],
  ['hosts with a star', (at: number) => `*r${at}.example.com`, 20_000],
])('no image of a pod is compared with 20,000 keys that differ by their %s', (_, write, most) => {
  const entries = entriesOf(Array.from({ length: 20_000 }, (_each, at) => write(at)));
  const find = indexKeys(entries);
  const found = Array.from({ length: 400 }, (_each, at) => find(imageOf(`r7.example.com/team-${at}/app`)).length);
  expect(found.reduce((sum, each) => sum + each)).toBe(400);
  // Once for all of them, as they come from one registry.
  expect(globMatches).toBeLessThanOrEqual(most);
  expect(prefixMatches).toBeLessThan(100_000);
});
