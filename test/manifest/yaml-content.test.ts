import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseDocument } from 'yaml';
import { readYamlContent } from '../../src/manifest/yaml-content.ts';
import { findDisagreement } from '../support/yaml-agreement.ts';

// What is read otherwise than by the parser that reports mistakes and places would be another object than the one that is reported.

test.each<[what: string, texts: readonly string[]]>([
  ['maps and lists', ['a: 1\nb:\n  c: x\n  d:\n    - e: 1\n      f: 2\n    - g\nh:\n- i\n- j: k\n  l:\n  - m\n']],
  ['comments, marks and line ends', ['---\n# a\na: b # c\n\n  # d\n', 'a: b\r\nc:\r\n- d\r\n', 'a: b']],
  ['flow forms', ['a: [x, "y, z", \'w\']\nb: []\nc: {}\nd: {e: f, "g":h}\n']],
  [
    'numbers',
    [
      'a: 1\nb: -1\nc: +1\nd: 0755\ne: 1.5\nf: 1e3\ng: .5\nh: 1.\ni: -0\nj: 1_000\nk: 1.2.3\nl: 12345678901234567890\n',
      'a: 0x1F\nb: 0o17\nc: .inf\nd: -.INF\ne: .nan\ng: -0x1F\nh: 0b11\ni: 9007199254740993\nj: 1e-400\n',
    ],
  ],
  [
    'words that are no texts in some versions of YAML',
    [
      'a: true\nb: False\nc: null\nd: ~\ne: Null\nf: yes\ng: nUll\nh: tRue\ni: 12:30:45\nj: 2024-01-01\nk: 10m\nl: y\nm: N\nn: on\n',
      'a: 2001-12-14t21:59:43.10-05:00\nb: =\nc:\n',
    ],
  ],
  [
    'texts in several lines',
    [
      'a: |\n  x\n   y\n\n  z\n\nb: |-\n  x\n\nc: >\n  x\n  y\n\n   z\nd: >-\n\n  x\ne: |2\n   f\n',
      "a: x\n  y\n\n  z\nb: \"x\n  y\\\n  z\"\nc: 'x\n  it''s\n  z' # why\nd: e\n",
    ],
  ],
])('both parsers agree on %s', (_, texts) => {
  for (const text of texts) {
    expect(readYamlContent(text), text).not.toBeUndefined();
    expect(findDisagreement(text)).toBeUndefined();
  }
});

test.each<[what: string, texts: readonly string[]]>([
  [
    'anchors, aliases, tags and merged maps',
    ['a: &b c\n', 'a: &b c: d\n', 'a: *b\n', 'a: !!str 1\n', 'a: !x 1\n', '<<: { a: 1 }\n', '"<<": { a: 1 }\n'],
  ],
  ['a key that is there twice', ['a: 1\na: 2\n', '- a: 1\n  "a": 2\n']],
  ['keys of other types', ['1: a\n', 'true: a\n', '? [a]\n: b\n', '~: b\n', '.5: a\n']],
  ['other versions of YAML', ['%YAML 1.1\n---\na: yes\n', '%TAG ! tag:x,2000:\n---\na: b\n']],
  ['templates', ['a: {{ .x }}\n', '{{ if .x }}\na: b\n{{ end }}\n', '- {{ x }}\n']],
  [
    'mistakes',
    [
      'a: "b\n',
      "a: 'b\nc: d\n",
      'a: [b\n',
      'a: b: c\n',
      'a:\n  b: 1\n c: 2\n',
      '\ta: b\n',
      'a: b\n  c: d\n',
      '- a\nb: c\n',
    ],
  ],
  [
    'no document, and several',
    ['', '# a\n', 'a: b\n...\n', '...\na: b\n', 'a: b\n---\nc: d\n', 'a: b\n...\n---\nc: d\n'],
  ],
  [
    'numbers that are too large',
    ['a: 1e400\n', 'a: -1e400\n', `a: ${'9'.repeat(400)}\n`, `- 0x${'f'.repeat(300)}\n`, `- 0o${'7'.repeat(400)}\n`],
  ],
  ['tabs where a line begins', ['\ta\n', '? a\n \t\n  b\n', 'a: |\n  \tb\n']],
  ['quoted lines as deep as their key', ['a:\n  b: "x\ny"\n']],
  ['line breaks that are kept at the end', ['a: |+\n  b\n\n ']],
  [
    'what is nested as nothing else',
    [`${'- '.repeat(100_000)}a\n`, '['.repeat(100_000), `a: ${'{b: '.repeat(100_000)}`],
  ],
])('leaves to the parser that knows mistakes and places: %s', (_, texts) => {
  for (const text of texts) expect(readYamlContent(text), text.slice(0, 100)).toBeUndefined();
});

/** A clone of https://github.com/yaml/yaml-test-suite: `YAML_TEST_SUITE=… npx vitest run test/manifest/yaml-content.test.ts`. */
const SUITE = process.env['YAML_TEST_SUITE'];

test.skipIf(SUITE === undefined)('both parsers agree on the YAML test suite', () => {
  const folder = join(SUITE ?? '', 'src');
  const texts = readdirSync(folder).flatMap((file) => {
    const cases = parseDocument(readFileSync(join(folder, file), 'utf8')).toJS() as readonly { yaml?: string }[];
    return cases.flatMap(({ yaml }) => (yaml === undefined ? [] : [decode(yaml)]));
  });
  expect(texts.length).toBeGreaterThan(300);
  const around = (text: string): readonly string[] => [
    text,
    text.trimEnd(),
    text.replaceAll('\n', '\r\n'),
    `a:\n${text.replaceAll(/^/gm, '  ')}`,
    `a:\n- ${text.replaceAll('\n', '\n  ')}\n`,
  ];
  expect(texts.flatMap((text) => around(text)).flatMap((text) => findDisagreement(text) ?? [])).toEqual([]);
});

/** How the suite writes what is hard to see. */
function decode(yaml: string): string {
  return yaml
    .replaceAll('␣', ' ')
    .replaceAll(/—*»/g, '\t')
    .replaceAll('←', '\r')
    .replaceAll('⇔', '\ufeff')
    .replaceAll('↵', '')
    .replace(/∎\n$/, '');
}
