import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { locateIn, readDocument } from '../../src/manifest/document.ts';
import { joinPointer, type Pointer } from '../../src/text/json.ts';

/** `line:column message`, or the content. */
function outcome(text: string): unknown {
  const read = readDocument(text);
  return read.ok ? read.content : `${read.problem.line}:${read.problem.column} ${read.problem.message}`;
}

const TEMPLATE = 'looks like a template: check the rendered manifest, such as the output of "helm template"';

describe('a mistake is told in words a person can act on, at the place where it is', () => {
  test.each<[what: string, text: string, problem: string]>([
    ['a key twice', 'kind: Pod\nname: a\nkind: Job\n', '3:1 duplicate key "kind"'],
    ['a number as a key twice, quoted once', '1: a\n"1": b\n', '2:1 duplicate key "1"'],
    ['a quote never closed, at its start and not at the end', 'a: 1\nb: "x\nc: 2\n', '2:4 quote is never closed'],
    ['a single quote never closed', "b: 'x\nc: 2\n", '1:4 quote is never closed'],
    ['an alias before its anchor', 'a: *image\nb: &image x\n', '1:4 no anchor before this alias has the name "image"'],
    ['an alias within its anchor', 'spec: &a\n  b: *a\n', '2:6 alias "*a" is inside its own anchor'],
    ['a merge of itself', '&a\nb: 1\n<<: *a\n', '3:5 alias "*a" is inside its own anchor'],
    ['a merge of a text', 'b: 1\n<<: x\n', '1:1 Merge sources must be maps or map aliases'],
    ['a tab', 'a:\n\tb: 1\n', '2:1 tabs are not allowed as indentation: use spaces'],
    ['no space behind a key', 'a:\n  b: c\n  image:nginx\n', '3:3 a key has to be followed by ": ", with the space'],
    [
      'no space behind a key that others follow',
      'a:\n  image:nginx\n  b: c\n',
      '2:3 a key has to be followed by ": ", with the space',
    ],
    ['a template without quotes', 'a:\n  b: {{ .Values.b }}\n', `2:6 ${TEMPLATE}`],
    ['a template with control flow', 'a: 1\n{{- if .Values.b }}\nb: 2\n{{- end }}\n', `2:1 ${TEMPLATE}`],
    ['a list as a key', '? [a]\n: b\n', '1:3 key is a list or an object, but must be a string'],
    [
      'a line with the wrong indentation',
      'a: 1\n b: 2\n',
      '1:4 value contains another key: check the indentation of the next line, or quote the value',
    ],
    [
      'a second document',
      'a: 1\n---\nb: 2\n',
      '2:1 a second document starts here, but only one is allowed: remove the "---"',
    ],
    ['lists in lists, thousands deep', '['.repeat(10_000), '1:NNN nested too deeply to be read'],
  ])('%s', (_what, text, problem) => {
    // How deep the parser gets depends on the stack.
    expect(String(outcome(text)).replace(/^1:\d{3,}/, '1:NNN')).toBe(problem);
  });

  test('aliases that unfold to millions are refused at once', () => {
    const levels = 'bcdefgh'
      .split('')
      .map((name, at) => `${name}: &${name} [${`*${'abcdefg'[at] ?? ''}, `.repeat(9)}]\n`);
    expect(outcome(`a: &a [x, x]\n${levels.join('')}`)).toBe('1:1 aliases expand to more than can be read');
  });
});

describe('what is no mistake is read', () => {
  test.each<[what: string, text: string, content: unknown]>([
    ['a comment', '# a\n', null],
    ['a template in quotes, which is a text', 'a: "{{ .b }}"\n', { a: '{{ .b }}' }],
    ['off, which is a text in YAML 1.2', 'a: off\n', { a: 'off' }],
    ['Windows line ends', 'a: 1\r\nb: 2\r\n', { a: 1, b: 2 }],
    [
      'merge keys, more than one',
      'a: &a { x: 1 }\nb: &b { y: 2 }\nc:\n  <<: *a\n  <<: *b\n',
      { a: { x: 1 }, b: { y: 2 }, c: { x: 1, y: 2 } },
    ],
    ['an anchor named again, which means the later', 'a: &a 1\nb: &a 2\nc: *a\n', { a: 1, b: 2, c: 2 }],
    [
      'the same alias a thousand times',
      `a: &a { x: 1 }\nb:\n${'- *a\n'.repeat(1000)}`,
      { a: { x: 1 }, b: Array.from({ length: 1000 }, () => ({ x: 1 })) },
    ],
  ])('%s', (_what, text, content) => {
    expect(outcome(text)).toEqual(content);
  });

  test('a key called __proto__ is a key like any other', () => {
    const content = outcome('__proto__: { a: 1 }\n') as Record<string, unknown>;
    expect(Object.keys(content)).toEqual(['__proto__']);
    expect(content['a']).toBeUndefined();
  });

  // With the parser's own search for equal keys it takes a quarter of a minute.
  test('a map of fifty thousand keys among it', { timeout: 10_000 }, () => {
    expect(readDocument(Array.from({ length: 50_000 }, (_, at) => `k${at}: v\n`).join('')).ok).toBe(true);
  });
});

describe('a pointer leads', () => {
  /** A text with `▶` where the pointer should lead, which is taken out. */
  test.each<[what: string, marked: string, pointer: Pointer, part?: 'key']>([
    ['to a plain value', 'spec:\n  containers:\n    - name: a\n      image: ▶nginx\n', '/spec/containers/0/image'],
    ['to a quoted value, at its quote', 'image: ▶"nginx"\n', '/image'],
    ['to a value on the next line', 'image:\n  # why\n  ▶nginx\n', '/image'],
    ['to a value with a tag, behind the tag', 'image: !x ▶nginx\n', '/image'],
    ['to a text over several lines, at its sign', 'image: ▶>-\n  nginx\n', '/image'],
    ['into a flow list', 'images: [a, ▶b]\n', '/images/1'],
    ['into JSON with tabs', '{\n\t"image":\t▶"nginx"\n}\n', '/image'],
    ['behind characters that take two units', '{ name: 😀, image: ▶nginx }\n', '/image'],
    ['behind Windows line ends', 'a: b\r\nimage: ▶nginx\r\n', '/image'],
    ['to a key with a slash and a tilde', 'a/b~c: ▶1\n', '/a~1b~0c'],
    ['to a key that is a number', '80: ▶http\n', '/80'],
    ['to a whole list', 'a:\n  ▶- b\n', '/a'],
    ['to the whole document', '# head\n▶a: 1\n', ''],
    ['to the last of two equal keys, which JSON reads', '{ "a": 1, "a": ▶2 }\n', '/a'],
    ['to where an alias for the value stands', 'x: &x nginx\nimage: ▶*x\n', '/image'],
    ['into what an alias stands for', 'x: &x { image: ▶nginx }\ny: *x\n', '/y/image'],
    ['through a merge key', 'x: &x { image: ▶nginx }\ny:\n  <<: *x\n  name: a\n', '/y/image'],
    [
      'to the first that has it in a merge of a list',
      'x: &x { image: ▶a }\nz: &z { image: b }\ny: { <<: [*x, *z] }\n',
      '/y/image',
    ],
    ['past a merge that is overridden', 'x: &x { image: a }\ny:\n  <<: *x\n  image: ▶b\n', '/y/image'],
    ['through a merge of a merge', 'x: &x { image: ▶a }\nz: &z { <<: *x }\ny: { <<: *z }\n', '/y/image'],
    ['for a missing field to what should have it', 'spec:\n  ▶containers: []\n', '/spec/imagePullSecrets'],
    ['for an item beyond the end to the list', 'a: ▶[b]\n', '/a/7'],
    ['for a field of a text to the text', 'a: ▶b\n', '/a/b/c'],
    ['for anything to the start of an empty document', '▶', '/a'],
    ['for an empty value behind its key', 'a:▶\nb: 1\n', '/a'],
    ['to a key that is wrong itself', 'rules:\n  ▶"no such": off\n', '/rules/no such', 'key'],
    ['to a key that a merge brings', 'x: &x { ▶b: 1 }\ny: { <<: *x }\n', '/y/b', 'key'],
  ])('%s', (_what, marked, pointer, part) => {
    const before = marked.slice(0, marked.indexOf('▶')).split('\n');
    const expected = { line: before.length, column: (before.at(-1) ?? '').length + 1 };
    expect(locateIn(marked.replace('▶', ''))(pointer, part)).toEqual(expected);
  });

  test('to every value of any JSON document', () => {
    const leaf = fc.uuid();
    const tree = fc.anything({
      key: fc.string({ minLength: 1, maxLength: 8 }).filter((key) => key !== '__proto__'),
      values: [leaf],
      withNullPrototype: false,
    });
    fc.assert(
      fc.property(tree, fc.constantFrom(0, 1, 2), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        const locate = locateIn(text);
        for (const [pointer, uuid] of listLeaves(value)) {
          const { line, column } = locate(pointer);
          expect(text.split('\n')[line - 1]?.slice(column - 1)).toMatch(new RegExp(`^"${uuid}"`));
        }
      }),
    );
  });

  function listLeaves(value: unknown, base: Pointer = ''): readonly (readonly [Pointer, string])[] {
    if (typeof value === 'string') return [[base, value]];
    return Object.entries(value as object).flatMap(([key, child]) => listLeaves(child, joinPointer(base, key)));
  }
});
