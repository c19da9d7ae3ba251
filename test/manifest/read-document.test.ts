import fc from 'fast-check';
import { parseDocument, stringify } from 'yaml';
import { describe, expect, test } from 'vitest';
import { PARSE_OPTIONS, readDocument, type DocumentContent } from '../../src/manifest/read-document.ts';

function read(text: string): DocumentContent {
  return readDocument(parseDocument(text, PARSE_OPTIONS), text);
}

/** `line:column message`, or the content. */
function outcome(text: string): unknown {
  const result = read(text);
  return result.ok ? result.content : `${result.problem.line}:${result.problem.column} ${result.problem.message}`;
}

const TEMPLATE = 'this looks like a template; check what it renders to, such as what "helm template" prints';

describe('a mistake is told in words a person can act on, at the place where it is', () => {
  test.each<[what: string, text: string, problem: string]>([
    ['a key twice', 'kind: Pod\nname: a\nkind: Job\n', '3:1 the key "kind" is there twice'],
    ['a key twice, quoted once', 'a: 1\n"a": 2\n', '2:1 the key "a" is there twice'],
    ['a number as a key twice', '1: a\n"1": b\n', '2:1 the key "1" is there twice'],
    ['a quote never closed, at its start and not at the end', 'a: 1\nb: "x\nc: 2\n', '2:4 this quote is never closed'],
    ['a single quote never closed', "b: 'x\nc: 2\n", '1:4 this quote is never closed'],
    ['an alias without an anchor', 'a: 1\nb: *image\n', '2:4 no anchor before this alias is called "image"'],
    ['an alias before its anchor', 'a: *image\nb: &image x\n', '1:4 no anchor before this alias is called "image"'],
    ['an alias within its anchor', 'spec: &a\n  b: *a\n', '2:6 "*a" stands inside what it refers to'],
    ['a merge of itself', '&a\nb: 1\n<<: *a\n', '3:5 "*a" stands inside what it refers to'],
    ['a merge of a text', 'b: 1\n<<: x\n', '1:1 Merge sources must be maps or map aliases'],
    ['a tab', 'a:\n\tb: 1\n', '2:1 Tabs are not allowed as indentation'],
    ['a template without quotes', 'a:\n  b: {{ .Values.b }}\n', `2:6 ${TEMPLATE}`],
    ['a template with control flow', 'a: 1\n{{- if .Values.b }}\nb: 2\n{{- end }}\n', `2:1 ${TEMPLATE}`],
    ['a list as a key', '? [a]\n: b\n', '1:3 this key is a list or an object, and only a text can be one'],
    [
      'a second document',
      'a: 1\n---\nb: 2\n',
      '2:1 a second document begins here, and there can be only one: leave out the "---"',
    ],
    ['lists in lists, thousands deep', '['.repeat(10_000), '1:NNN this is nested too deeply to be read'],
  ])('%s', (_what, text, problem) => {
    // How deep the parser gets depends on the stack.
    expect(String(outcome(text)).replace(/^1:\d{3,}/, '1:NNN')).toBe(problem);
  });

  test('aliases that unfold to millions are refused at once', () => {
    const levels = 'bcdefgh'
      .split('')
      .map((name, at) => `${name}: &${name} [${`*${'abcdefg'[at] ?? ''}, `.repeat(9)}]\n`);
    expect(outcome(`a: &a [x, x]\n${levels.join('')}`)).toBe('1:1 its aliases unfold to more than can be read');
  });
});

describe('what is no mistake is read', () => {
  test.each<[what: string, text: string, content: unknown]>([
    ['nothing', '', null],
    ['a comment', '# a\n', null],
    ['a template in quotes, which is a text', 'a: "{{ .b }}"\n', { a: '{{ .b }}' }],
    ['off, which is a text in YAML 1.2', 'a: off\n', { a: 'off' }],
    ['Windows line ends', 'a: 1\r\nb: 2\r\n', { a: 1, b: 2 }],
    [
      'merge keys, more than one',
      'a: &a { x: 1 }\nb: &b { y: 2 }\nc:\n  <<: *a\n  <<: *b\n',
      {
        a: { x: 1 },
        b: { y: 2 },
        c: { x: 1, y: 2 },
      },
    ],
    ['an anchor named again, which means the later', 'a: &a 1\nb: &a 2\nc: *a\n', { a: 1, b: 2, c: 2 }],
    [
      'the same alias a thousand times',
      `a: &a { x: 1 }\nb:\n${'- *a\n'.repeat(1000)}`,
      {
        a: { x: 1 },
        b: Array.from({ length: 1000 }, () => ({ x: 1 })),
      },
    ],
  ])('%s', (_what, text, content) => {
    expect(outcome(text)).toEqual(content);
  });

  test('a key called __proto__ is a key like any other', () => {
    const { content } = read('__proto__: { a: 1 }\n') as { content: Record<string, unknown> };
    expect(Object.keys(content)).toEqual(['__proto__']);
    expect(content['a']).toBeUndefined();
  });

  test('a map of fifty thousand keys is read while one waits', () => {
    const text = Array.from({ length: 50_000 }, (_, at) => `k${at}: v\n`).join('');
    const started = performance.now();
    expect(read(text).ok).toBe(true);
    // Measured: 0.5 s. With the parser's own search for equal keys it is 17 s.
    expect(performance.now() - started).toBeLessThan(8000);
  });

  test('whatever the parser can write, it reads back as it was', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const content = outcome(stringify(value));
        expect(JSON.parse(JSON.stringify(content ?? null))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});

test('no text at all makes it throw, and every problem is at a place in the text', () => {
  const yamlish = fc.string({
    unit: fc.constantFrom(...Array.from('ab:-?&*!|>\'"%@`{}[],# \n\t\r'), '<<: ', '---\n', '*a', '&a '),
  });
  fc.assert(
    fc.property(yamlish, (text) => {
      const result = read(text);
      if (result.ok) return;
      const { line, column } = result.problem;
      const lines = text.split('\n');
      expect(line).toBeGreaterThanOrEqual(1);
      expect(line).toBeLessThanOrEqual(lines.length);
      expect(column).toBeGreaterThanOrEqual(1);
      expect(column).toBeLessThanOrEqual((lines[line - 1] ?? '').length + 1);
    }),
    // The parser itself takes the line break in it for none.
    { numRuns: 500, examples: [['*}---\n{{']] },
  );
});
