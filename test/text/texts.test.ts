import { describe, expect, test } from 'vitest';
import { describeError } from '../../src/text/error.ts';
import { isLabel, isSubdomain } from '../../src/text/kubernetes-name.ts';
import { listFirst, quoteFirst } from '../../src/text/list.ts';
import { shorten, shortenMiddle } from '../../src/text/shorten.ts';
import { formatMinute, formatSecond } from '../../src/text/time.ts';

test.each([
  [['a', 'b'], 2, 'a, b'],
  [['a', 'b', 'a', 'c', 'd'], 2, 'a, b and 2 more'],
  [[], 2, ''],
])('of %j the first %i are listed: %s', (texts, most, listed) => {
  expect(listFirst(texts, most)).toBe(listed);
});

test('quoted texts hide credentials, and what is left out is counted', () => {
  expect(quoteFirst(['u:pw@h/a', 'b', 'c'], 1)).toBe('"***@h/a" and 2 more');
});

describe('a text that is too long', () => {
  test.each([
    ['abcdef', 6, 'abcdef'],
    ['abcdefg', 6, 'abcde…'],
    ['abcd😀f', 6, 'abcd…'],
  ])('%s within %i is %s', (text, limit, shown) => {
    expect(shorten(text, limit)).toBe(shown);
  });

  test('shows both ends where they tell what it is', () => {
    expect(shortenMiddle('registry.example.com:5000', 12)).toBe('regis…m:5000');
  });
});

test('times are in UTC, to the minute or to the second', () => {
  expect(formatMinute(Date.UTC(2026, 7, 1, 10, 0, 59))).toBe('2026-08-01T10:00Z');
  expect(formatSecond(new Date(Date.UTC(2026, 7, 1, 10, 0, 7, 999)))).toBe('2026-08-01T10:00:07Z');
});

test.each([
  [new Error('no such file'), 'no such file'],
  ['a text', 'a text'],
])('%s is described as %s', (thrown, text) => {
  expect(describeError(thrown)).toBe(text);
});

test.each([
  ['default-secret', true, true],
  ['a.b-c', true, false],
  ['a'.repeat(64), true, false],
  ['a'.repeat(254), false, false],
  ['A', false, false],
  ['-a', false, false],
  ['a..b', false, false],
  ['map[name:x]', false, false],
  ['', false, false],
])('%s is a name of an object: %s, of a namespace: %s', (name, subdomain, label) => {
  expect([isSubdomain(name), isLabel(name)]).toEqual([subdomain, label]);
});
