import fc from 'fast-check';
import { expect, test } from 'vitest';
import { matchGlob, parseGlob } from '../../src/text/glob.ts';

/** Undefined when the pattern is malformed. */
function match(pattern: string, text: string): boolean | undefined {
  const glob = parseGlob(pattern);
  return glob === undefined ? undefined : matchGlob(glob, text);
}

const MATCHES: readonly (readonly [pattern: string, texts: string, others: string])[] = [
  // Those of Go's own `path/filepath/match_test.go` in which no slash stands, which no host label and no namespace has.
  ['abc', 'abc', 'ABC ab'],
  ['*', 'abc', ''],
  ['*c', 'abc', 'ab'],
  ['a*', 'a abc', 'b'],
  ['a*b*c*d*e*', 'axbxcxdxe axbxcxdxexxx', 'axbxcxdx'],
  ['a*b?c*x', 'abxbbxdbxebxczzx', 'abxbbxdbxebxczzy'],
  ['ab[c]', 'abc', 'abd'],
  ['ab[b-d]', 'abc', 'abe'],
  ['ab[^c]', 'abd', 'abc'],
  ['ab[^b-d]', 'abe', 'abc'],
  ['a\\*b', 'a*b', 'ab'],
  ['a?b', 'a☺b', 'ab'],
  ['a[^a]b', 'a☺b', 'aab'],
  ['a???b', 'axxxb', 'a☺b'],
  ['a[^a][^a][^a]b', 'axxxb', 'a☺b'],
  ['[a-ζ]*', 'α', 'A'],
  ['*x', 'xxx', 'xxy'],
  // And more.
  ['**', 'a', ''],
  ['?', '😀', 'ab'],
  ['*a', 'a aa', 'aab'],
  ['*ab*ab', 'abab', 'ab'],
  ['ci-*', 'ci- ci-1', 'ci'],
  // In a class a backslash takes the next character as it is.
  ['[\\]a]', '] a', '\\'],
  ['[\\-x]', '- x', 'a'],
  ['[x\\-]', '- x', 'z'],
  ['[\\-]', '-', 'x'],
];

test.each(MATCHES)(
  "%s means what it means to Go's filepath.Match: it matches %s, and not %s",
  (pattern, texts, others) => {
    for (const text of texts.split(' ')) expect(match(pattern, text), text).toBe(true);
    for (const text of others.split(' ').filter((each) => each !== '')) expect(match(pattern, text), text).toBe(false);
  },
);

test('an empty text is matched by stars and by nothing', () => {
  expect(['', '*', '**', '?', 'a'].map((pattern) => match(pattern, ''))).toEqual([true, true, true, false, false]);
  expect(match('', 'a')).toBe(false);
});

test.each([
  '[',
  '[a',
  '[^',
  '[^a',
  'a[',
  '\\',
  'a\\',
  '[]',
  '[^]',
  '[]a]',
  '[-]',
  '[x-]',
  '[-x]',
  '[a-b-c]',
  '[a-c-]',
  '[a\\]',
])('%s is malformed', (pattern) => {
  expect(parseGlob(pattern)).toBeUndefined();
});

test('stars and question marks match as a regular expression with the same does', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[ab?*]{0,8}$/), fc.stringMatching(/^[ab]{0,10}$/), (pattern, text) => {
      const expression = pattern.replaceAll('*', '.*').replaceAll('?', '.');
      expect(match(pattern, text)).toBe(new RegExp(`^${expression}$`).test(text));
    }),
  );
});

// Trying all ways to match would outlast the universe.
test.each([
  ['many stars', '*a'.repeat(1000) + 'b'],
  ['a star and a long rest', `*${'a'.repeat(1000)}b`],
])('no pattern takes a policy down, as time grows with pattern × text: %s', (_, pattern) => {
  expect(match(pattern, 'a'.repeat(10_000))).toBe(false);
});
