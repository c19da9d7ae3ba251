import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { DURATION_PATTERN, formatMinute, formatSecond, parseDuration } from '../../src/text/time.ts';
import { describeError } from '../../src/text/error.ts';
import { expandPointer, formatFieldPath, joinPointer, readPointer, splitPointer } from '../../src/text/json.ts';
import { isLabel, isSubdomain } from '../../src/text/kubernetes-name.ts';
import { quoteFirst } from '../../src/text/list.ts';
import { memoize, memoizeByObject } from '../../src/text/memoize.ts';
import { shorten, shortenMiddle } from '../../src/text/quote.ts';

test.each([
  [['a', 'b'], 2, '"a", "b"'],
  [['a', 'b', 'a', 'c', 'd'], 2, '"a", "b" and 2 more'],
  [['u:pw@h/a', 'b', 'c'], 1, '"***@h/a" and 2 more'],
  [[], 2, ''],
])('of %j the first %i are listed: %s', (texts, most, listed) => {
  expect(quoteFirst(texts, most)).toBe(listed);
});

test.each([
  ['abcdef', 6, 'abcdef'],
  ['abcdefg', 6, 'abcde…'],
  ['abcd😀f', 6, 'abcd…'],
])('%s within %i is %s', (text, limit, shown) => {
  expect(shorten(text, limit)).toBe(shown);
});

test('a text that is too long shows both ends where they tell what it is', () => {
  expect(shortenMiddle('registry.example.com:5000', 12)).toBe('regis…m:5000');
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

describe('a duration', () => {
  test('is any count of any unit', () => {
    const units = fc.constantFrom(['ms', 1], ['s', 1000], ['m', 60_000], ['h', 3_600_000], ['d', 86_400_000] as const);
    fc.assert(
      fc.property(fc.nat({ max: 999_999_999 }), units, (count, [unit, factor]) => {
        expect(parseDuration(`${count}${unit}`)).toBe(count * factor);
      }),
    );
    expect(parseDuration('007s')).toBe(7000);
  });

  test.each(['250', '', 's', '1.5s', '-1s', '1 s', '1S', '1w', '1h30m', '1s\n', '1e3ms', '٣s', '1111111111s'])(
    'is not %j, nor for the schema of a policy',
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
      expect(new RegExp(DURATION_PATTERN, 'u').test(text)).toBe(false);
    },
  );
});

describe('a JSON pointer', () => {
  test('leads to the field it was made for, whatever the names of members are', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (segments) => {
        expect(splitPointer(joinPointer('', ...segments))).toEqual(segments);
      }),
    );
  });

  test.each<[document: unknown, pointer: string, found: unknown]>([
    [{ a: [1] }, '/a/1', undefined],
    [{ a: 'text' }, '/a/length', undefined],
    [{}, '/toString', undefined],
    [null, '/a', undefined],
    [[7], '', [7]],
  ])('of %j, %s leads to %j', (document, pointer, found) => {
    expect(readPointer(document, pointer)).toEqual(found);
  });

  test('is written as the API server writes fields, so that people recognise them', () => {
    expect(formatFieldPath('/spec/template/spec/containers/0/image')).toBe('spec.template.spec.containers[0].image');
    expect(formatFieldPath('/spec/roles/a.b~1c/image')).toBe('spec.roles["a.b/c"].image');
  });

  test('stands with a star for every element and member', () => {
    expect(expandPointer({ a: [{ b: 1 }, { b: 2 }] }, '/a/*/b')).toEqual(['/a/0/b', '/a/1/b']);
    expect(expandPointer({ a: null }, '/a/*/b')).toEqual([]);
  });
});

describe('what was computed', () => {
  test('is kept for texts, in bounded memory, and not for endless ones', () => {
    const work = vi.fn((text: string) => text.length);
    const length = memoize(work);
    const long = 'a'.repeat(100_000);
    expect([length('nginx'), length('nginx'), length('redis:7'), length(long), length(long)]).toEqual([
      5, 5, 7, 100_000, 100_000,
    ]);
    expect(work).toHaveBeenCalledTimes(4);
    for (let at = 0; at < 5000; at++) expect(length(`image-${at}`)).toBe(`image-${at}`.length);
    length('nginx');
    expect(work).toHaveBeenCalledTimes(5005);
  });

  test('is kept for objects, also when it is nothing', () => {
    const work = vi.fn((): string | undefined => undefined);
    const look = memoizeByObject(work);
    const image = {};
    expect([look(image), look(image), look({})]).toEqual([undefined, undefined, undefined]);
    expect(work).toHaveBeenCalledTimes(2);
  });
});
