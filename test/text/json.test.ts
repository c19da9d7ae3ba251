import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { expandPointer, formatFieldPath, joinPointer, readPointer, splitPointer } from '../../src/text/json.ts';

describe('a pointer leads to the field it was made for', () => {
  test('whatever the names of members are', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (segments) => {
        expect(splitPointer(joinPointer('', ...segments))).toEqual(segments);
      }),
    );
  });

  test('and nowhere when there is none', () => {
    expect(readPointer({ a: [1] }, '/a/1')).toBeUndefined();
    expect(readPointer({ a: 'text' }, '/a/length')).toBeUndefined();
    expect(readPointer({}, '/toString')).toBeUndefined();
    expect(readPointer(null, '/a')).toBeUndefined();
    expect(readPointer([7], '')).toEqual([7]);
  });
});

test('a denial names fields as the API server does, so that people recognise them', () => {
  expect(formatFieldPath('/spec/template/spec/containers/0/image')).toBe('spec.template.spec.containers[0].image');
  expect(formatFieldPath('/spec/roles/a.b~1c/image')).toBe('spec.roles["a.b/c"].image');
});

test('a star in a configured pointer stands for every element and member', () => {
  expect(expandPointer({ a: [{ b: 1 }, { b: 2 }] }, '/a/*/b')).toEqual(['/a/0/b', '/a/1/b']);
  expect(expandPointer({ a: null }, '/a/*/b')).toEqual([]);
});
