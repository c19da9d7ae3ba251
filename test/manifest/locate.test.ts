import fc from 'fast-check';
import { LineCounter, parseDocument } from 'yaml';
import { describe, expect, test } from 'vitest';
import { locate, type Position } from '../../src/manifest/locate.ts';
import { PARSE_OPTIONS } from '../../src/manifest/read-document.ts';
import { joinPointer, type Pointer } from '../../src/text/json.ts';

function find(text: string, pointer: Pointer, part?: 'key'): Position {
  const lines = new LineCounter();
  return locate(parseDocument(text, { ...PARSE_OPTIONS, lineCounter: lines }), lines, pointer, part);
}

/** A text with `▶` where the pointer should lead, which is taken out. */
function expectAt(marked: string, pointer: Pointer, part?: 'key'): void {
  const before = marked.slice(0, marked.indexOf('▶')).split('\n');
  const expected = { line: before.length, column: (before.at(-1) ?? '').length + 1 };
  expect(find(marked.replace('▶', ''), pointer, part)).toEqual(expected);
}

describe('an editor that jumps to the place lands on the value', () => {
  test.each<[what: string, marked: string, pointer: Pointer]>([
    ['of a plain value', 'spec:\n  containers:\n    - name: a\n      image: ▶nginx\n', '/spec/containers/0/image'],
    ['of a quoted value, at its quote', 'image: ▶"nginx"\n', '/image'],
    ['of a value on the next line', 'image:\n  # why\n  ▶nginx\n', '/image'],
    ['of a value with a tag, behind the tag', 'image: !x ▶nginx\n', '/image'],
    ['of a text over several lines, at its sign', 'image: ▶>-\n  nginx\n', '/image'],
    ['in a flow list', 'images: [a, ▶b]\n', '/images/1'],
    ['in JSON with tabs', '{\n\t"image":\t▶"nginx"\n}\n', '/image'],
    ['behind characters that take two units', '{ name: 😀, image: ▶nginx }\n', '/image'],
    ['after Windows line ends', 'a: b\r\nimage: ▶nginx\r\n', '/image'],
    ['of a key with a slash and a tilde', 'a/b~c: ▶1\n', '/a~1b~0c'],
    ['of a key that is a number', '80: ▶http\n', '/80'],
    ['of a whole list', 'a:\n  ▶- b\n', '/a'],
    ['of the whole document', '# head\n▶a: 1\n', ''],
    ['of the last of two equal keys, which JSON reads', '{ "a": 1, "a": ▶2 }\n', '/a'],
  ])('%s', (_what, marked, pointer) => {
    expectAt(marked, pointer);
  });
});

describe('where YAML repeats itself, the place is that of the text that has to change', () => {
  test.each<[what: string, marked: string, pointer: Pointer]>([
    ['an alias for the value: where the alias stands', 'x: &x nginx\nimage: ▶*x\n', '/image'],
    ['an alias for what holds it: in what it stands for', 'x: &x { image: ▶nginx }\ny: *x\n', '/y/image'],
    ['a merge key', 'x: &x { image: ▶nginx }\ny:\n  <<: *x\n  name: a\n', '/y/image'],
    [
      'a merge of a list: the first that has it',
      'x: &x { image: ▶a }\nz: &z { image: b }\ny: { <<: [*x, *z] }\n',
      '/y/image',
    ],
    ['a merge that is overridden', 'x: &x { image: a }\ny:\n  <<: *x\n  image: ▶b\n', '/y/image'],
    ['a merge of a merge', 'x: &x { image: ▶a }\nz: &z { <<: *x }\ny: { <<: *z }\n', '/y/image'],
  ])('%s', (_what, marked, pointer) => {
    expectAt(marked, pointer);
  });
});

describe('what is not there is located at the nearest thing that is', () => {
  test.each<[what: string, marked: string, pointer: Pointer]>([
    ['a missing field', 'spec:\n  ▶containers: []\n', '/spec/imagePullSecrets'],
    ['an item beyond the end', 'a: ▶[b]\n', '/a/7'],
    ['a field of a text', 'a: ▶b\n', '/a/b/c'],
    ['anything in an empty document', '▶', '/a'],
    ['an empty value: after its key', 'a:▶\nb: 1\n', '/a'],
  ])('%s', (_what, marked, pointer) => {
    expectAt(marked, pointer);
  });
});

describe('a key that is wrong is shown itself, and not its value', () => {
  test.each<[what: string, marked: string, pointer: Pointer]>([
    ['a plain key', 'a: 1\n▶mirors: []\n', '/mirors'],
    ['a key further in', 'rules:\n  ▶"no such": off\n', '/rules/no such'],
    ['a key that a merge brings', 'x: &x { ▶b: 1 }\ny: { <<: *x }\n', '/y/b'],
  ])('%s', (_what, marked, pointer) => {
    expectAt(marked, pointer, 'key');
  });
});

test('in any JSON document, every value is found where it stands', () => {
  const key = fc.string({ minLength: 1, maxLength: 8 }).filter((text) => text !== '__proto__');
  const { tree } = fc.letrec<{ tree: unknown; leaf: string }>((tie) => ({
    leaf: fc.uuid(),
    tree: fc.oneof(
      { maxDepth: 4 },
      tie('leaf'),
      fc.array(tie('tree'), { maxLength: 4 }),
      fc.dictionary(key, tie('tree'), { maxKeys: 4 }),
    ),
  }));
  fc.assert(
    fc.property(tree, fc.constantFrom(0, 1, 2), (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      const lines = text.split('\n');
      for (const [pointer, leaf] of listLeaves(value)) {
        const { line, column } = find(text, pointer);
        expect(lines[line - 1]?.slice(column - 1).startsWith(JSON.stringify(leaf))).toBe(true);
      }
    }),
  );
});

function listLeaves(value: unknown, base: Pointer = ''): readonly (readonly [Pointer, string])[] {
  if (typeof value === 'string') return [[base, value]];
  return Object.entries(value as object).flatMap(([key, child]) => listLeaves(child, joinPointer(base, key)));
}
