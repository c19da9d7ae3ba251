import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isNull, readMembers, readText } from '../../src/pull/read-members.ts';

test('members of the same name are all there, in order, and whole', () => {
  expect(readMembers(' {"a" : 1,"b":{"a":[{"c":"}"},2]} ,\n"a":"x,\\"}:{" , "\\u0061":null}')).toEqual([
    { name: 'a', json: '1' },
    { name: 'b', json: '{"a":[{"c":"}"},2]}' },
    { name: 'a', json: '"x,\\"}:{"' },
    { name: 'a', json: 'null' },
  ]);
});

test.each(['[]', '[{"a":1}]', '"{"', 'null', '1', 'true'])('%s is no object', (json) => {
  expect(readMembers(json)).toBeUndefined();
});

test('they are those that JSON.parse sees, whatever is in them', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()), fc.nat(4), (object, indent) => {
      const members = readMembers(JSON.stringify(object, undefined, indent)) ?? [];
      const read = members.map(({ name, json }) => [name, JSON.parse(json) as unknown]);
      expect(Object.fromEntries(read)).toEqual(JSON.parse(JSON.stringify(object)));
    }),
  );
});

test.each<[json: string, text: string | undefined]>([
  ['"a\\n\\u00e9"', 'a\né'],
  ['"\\ud800a\\ud83d\\ude00"', '\uFFFDa😀'],
  ['""', ''],
  ['null', undefined],
  ['["a"]', undefined],
])('%s stands for the text %j', (json, text) => {
  expect(readText(json)).toBe(text);
});

test('null is null, with white space too, and nothing else is', () => {
  expect(['null', ' null\n', '"null"', '[null]', '{}'].map((json) => isNull(json))).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
});
