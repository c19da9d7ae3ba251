import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { matchGlob, parseGlob } from '../../src/text/glob.ts';

/** Undefined when the pattern is malformed. */
function match(pattern: string, text: string): boolean | undefined {
  const glob = parseGlob(pattern);
  return glob === undefined ? undefined : matchGlob(glob, text);
}

/** Those of Go's own `path/filepath/match_test.go` in which no slash stands, which no host label and no namespace has. */
describe("a pattern means what it means to Go's filepath.Match", () => {
  test.each<[pattern: string, text: string, matches: boolean]>([
    ['abc', 'abc', true],
    ['*', 'abc', true],
    ['*c', 'abc', true],
    ['a*', 'a', true],
    ['a*', 'abc', true],
    ['a*b*c*d*e*', 'axbxcxdxe', true],
    ['a*b*c*d*e*', 'axbxcxdxexxx', true],
    ['a*b?c*x', 'abxbbxdbxebxczzx', true],
    ['a*b?c*x', 'abxbbxdbxebxczzy', false],
    ['ab[c]', 'abc', true],
    ['ab[b-d]', 'abc', true],
    ['ab[e-g]', 'abc', false],
    ['ab[^c]', 'abc', false],
    ['ab[^b-d]', 'abc', false],
    ['ab[^e-g]', 'abc', true],
    ['a\\*b', 'a*b', true],
    ['a\\*b', 'ab', false],
    ['a?b', 'a☺b', true],
    ['a[^a]b', 'a☺b', true],
    ['a???b', 'a☺b', false],
    ['a[^a][^a][^a]b', 'a☺b', false],
    ['[a-ζ]*', 'α', true],
    ['*[a-ζ]', 'A', false],
    ['*x', 'xxx', true],
  ])('%s, %s: %s', (pattern, text, matches) => {
    expect(match(pattern, text)).toBe(matches);
  });

  test.each<[pattern: string, text: string, matches: boolean]>([
    ['', '', true],
    ['', 'a', false],
    ['a', '', false],
    ['*', '', true],
    ['**', '', true],
    ['?', '', false],
    ['?', '😀', true],
    ['*a', 'aab', false],
    ['*ab*ab', 'abab', true],
    ['*ab*ab', 'ab', false],
    ['ci-*', 'ci-', true],
    ['ABC', 'abc', false],
  ])('%s, %s: %s', (pattern, text, matches) => {
    expect(match(pattern, text)).toBe(matches);
  });
});

test.each([
  ['[\\]a]', ']', true],
  ['[\\-x]', '-', true],
  ['[\\-x]', 'a', false],
  ['[x\\-]', '-', true],
  ['[x\\-]', 'z', false],
  ['[\\-]', '-', true],
  ['[a-c-]', 'b', undefined],
])('in a class a backslash takes the next character as it is: %s, %s: %s', (pattern, text, matches) => {
  expect(match(pattern, text)).toBe(matches);
});

test.each(['[', '[a', '[^', '[^a', 'a[', '\\', 'a\\', '[]', '[^]', '[]a]', '[-]', '[x-]', '[-x]', '[a-b-c]', '[a\\]'])(
  '%s is malformed',
  (pattern) => {
    expect(parseGlob(pattern)).toBeUndefined();
  },
);

test('a text without special characters matches itself and nothing else', () => {
  const plain = fc.stringMatching(/^[^*?[\\]*$/);
  fc.assert(
    fc.property(plain, plain, (pattern, text) => {
      expect(match(pattern, pattern)).toBe(true);
      expect(match(pattern, text)).toBe(pattern === text);
    }),
  );
});

test('stars and question marks match as a regular expression with the same does', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[ab?*]{0,8}$/), fc.stringMatching(/^[ab]{0,10}$/), (pattern, text) => {
      const expression = pattern.replaceAll('*', '.*').replaceAll('?', '.');
      expect(match(pattern, text)).toBe(new RegExp(`^${expression}$`).test(text));
    }),
  );
});

test.each([
  ['many stars', '*a'.repeat(1000) + 'b'],
  ['a star and a long rest', `*${'a'.repeat(1000)}b`],
])(
  'no pattern takes a policy down, as time grows with pattern × text and not with the ways to match: %s',
  (_, pattern) => {
    const started = performance.now();
    expect(match(pattern, 'a'.repeat(10_000))).toBe(false);
    // Trying all ways would outlast the universe; this takes 0.1 s.
    expect(performance.now() - started).toBeLessThan(5000);
  },
);
