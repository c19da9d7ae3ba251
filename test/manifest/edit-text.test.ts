import { describe, expect, test } from 'vitest';
import { editText, type TextEdit } from '../../src/manifest/edit-text.ts';
import { readManifest } from '../../src/manifest/read-manifests.ts';
import { joinPointer, readPath, readPointer } from '../../src/text/json.ts';
import { applyReplacements } from '../../src/text/unified-diff.ts';

/** Sets `BAD` to `good:1` in all containers, and names a pull secret, in every pod of a text. */
function edit(text: string, { to = 'good:1', names = ['s'] }: { to?: string; names?: readonly string[] } = {}) {
  const edits = readManifest(text).objects.flatMap(({ object, locate }): readonly TextEdit[] => {
    const containers = readPath(object, 'spec', 'containers');
    const count = Array.isArray(containers) ? containers.length : 0;
    const pointers = Array.from({ length: count }, (_, at) => joinPointer('/spec/containers', at, 'image'));
    return [
      ...pointers
        .filter((pointer) => String(readPointer(object, pointer)).trim() === 'BAD')
        .map(
          (pointer) => ({ op: 'set', place: locate(pointer), from: String(readPointer(object, pointer)), to }) as const,
        ),
      ...(names.length > 0 ? [{ op: 'append', place: locate('/spec'), key: 'imagePullSecrets', names } as const] : []),
    ];
  });
  const { replacements, refused } = editText(text, edits);
  return { text: applyReplacements(text, replacements), refused: [...refused].map(([{ op }, why]) => `${op}: ${why}`) };
}

const HEAD = 'apiVersion: v1\nkind: Pod\n';

describe('an image is replaced in the style that it is written in', () => {
  test.each([
    ['plain', 'BAD', 'good:1'],
    ['plain with a comment', 'BAD   # why', 'good:1   # why'],
    ['in double quotes', '"BAD"', '"good:1"'],
    ['in single quotes', "'BAD' # c", "'good:1' # c"],
    ['with escapes', String.raw`"\x42AD"`, '"good:1"'],
    ['with an anchor and a tag', '&a  !!str BAD', '&a  !!str good:1'],
    ['in a folded block', '>-  # c\n        BAD', '>-  # c\n        good:1'],
    ['in a block that ends with a line break', '|\n        BAD\n', '|-\n        good:1\n'],
    ['in a block that keeps line breaks', '|+\n        BAD\n\n', '|-\n        good:1\n\n'],
    ['on the next line', '\n        BAD', '\n        good:1'],
  ])('%s', (_style, written, expected) => {
    const text = (image: string): string =>
      `${HEAD}spec:\n  containers:\n    - name: a\n      image: ${image}\n    - name: b\n      image: fine\n`;
    expect(edit(text(written), { names: [] })).toEqual({ text: text(expected), refused: [] });
  });

  test.each([
    ['a bracket at the start', '[::1]:5000/app'],
    ['nothing but digits', '1234'],
    ['a time to YAML 1.1', '12:30'],
    ['a number with an exponent', '1e3'],
    ['a word for true', 'yes'],
  ])('in quotes where plain YAML would take it for something else: %s', (_what, to) => {
    const edited = edit(`${HEAD}spec: { containers: [{ image: BAD }] }`, { to, names: [] });
    expect(edited.text).toBe(`${HEAD}spec: { containers: [{ image: ${JSON.stringify(to)} }] }`);
  });
});

describe('a pull secret is added in the style of what is around it', () => {
  test.each([
    [
      'a block whose lists are not indented; the comment stays with its key',
      `${HEAD}spec:\n  # c\n  containers:\n  - image: a\n`,
      `${HEAD}spec:\n  imagePullSecrets:\n  - name: s\n  # c\n  containers:\n  - image: a\n`,
    ],
    [
      'a block whose lists are indented',
      `${HEAD}spec:\n    hostNetwork: true\n    containers:\n      - image: a\n`,
      `${HEAD}spec:\n    hostNetwork: true\n    imagePullSecrets:\n      - name: s\n    containers:\n      - image: a\n`,
    ],
    [
      'behind those that are there, whatever follows',
      `${HEAD}spec:\n  imagePullSecrets:\n    - name: a # x\n  # c\n\n  containers: []\n`,
      `${HEAD}spec:\n  imagePullSecrets:\n    - name: a # x\n    - name: s\n  # c\n\n  containers: []\n`,
    ],
    [
      'behind the last line, which is not ended',
      `${HEAD}spec:\n  containers: []\n  imagePullSecrets:\n  - name: a`,
      `${HEAD}spec:\n  containers: []\n  imagePullSecrets:\n  - name: a\n  - name: s`,
    ],
    [
      'a list of nothing',
      `${HEAD}spec: { imagePullSecrets: [], containers: [] }`,
      `${HEAD}spec: { imagePullSecrets: [{ name: s }], containers: [] }`,
    ],
    [
      'a key without a value',
      `${HEAD}spec:\n  imagePullSecrets: # none\n  containers: []\n`,
      `${HEAD}spec:\n  imagePullSecrets: [{ name: s }] # none\n  containers: []\n`,
    ],
    [
      'null',
      `${HEAD}spec:\n  imagePullSecrets: ~\n  containers: []\n`,
      `${HEAD}spec:\n  imagePullSecrets: [{ name: s }]\n  containers: []\n`,
    ],
    ['braces', `${HEAD}spec: { containers: [] }`, `${HEAD}spec: { imagePullSecrets: [{ name: s }], containers: [] }`],
    [
      'a list in brackets',
      `${HEAD}spec:\n  imagePullSecrets: [{name: 'a'}]\n`,
      `${HEAD}spec:\n  imagePullSecrets: [{name: 'a'}, {name: "s"}]\n`,
    ],
    [
      'lines that end as on Windows',
      `${HEAD}spec:\n  containers:\n  - image: a\n`.replaceAll('\n', '\r\n'),
      `${HEAD}spec:\n  imagePullSecrets:\n  - name: s\n  containers:\n  - image: a\n`.replaceAll('\n', '\r\n'),
    ],
    [
      'lines that end as on old Macs, behind a byte order mark',
      `\ufeff${HEAD}spec:\n  containers:\n  - image: a\n`.replaceAll('\n', '\r'),
      `\ufeff${HEAD}spec:\n  imagePullSecrets:\n  - name: s\n  containers:\n  - image: a\n`.replaceAll('\n', '\r'),
    ],
    [
      'the second of two files that were joined with their marks',
      `\ufeff${HEAD}spec: {}\n\ufeff---\n${HEAD}spec:\n  containers: []\n`,
      `\ufeff${HEAD}spec: {}\n\ufeff---\n${HEAD}spec:\n  imagePullSecrets:\n    - name: s\n  containers: []\n`,
    ],
  ])('%s', (what, before, after) => {
    const { text, refused } = edit(before);
    expect(text).toBe(after);
    expect(refused).toEqual(what.startsWith('the second') ? ['append: form'] : []);
  });

  const pod = (spec: object): object => ({ apiVersion: 'v1', kind: 'Pod', spec });
  const containers = [{ name: 'a', image: 'a' }];

  test.each<[what: string, space: number | undefined, list: readonly object[]]>([
    ['JSON on one line', undefined, []],
    ['JSON on one line with a list', undefined, [{ name: 'a' }]],
    ['JSON on many lines', 2, []],
    ['JSON on many lines with a list', 4, [{ name: 'a' }]],
  ])('%s', (_what, space, list) => {
    const before = list.length === 0 ? { containers } : { imagePullSecrets: list, containers };
    const after = { imagePullSecrets: [...list, { name: 's' }, { name: 't' }], containers };
    const text = `${JSON.stringify(pod(before), null, space)}\n${JSON.stringify(pod(before), null, space)}\n`;
    const expected = `${JSON.stringify(pod(after), null, space)}\n${JSON.stringify(pod(after), null, space)}\n`;
    expect(edit(text, { names: ['s', 't'] })).toEqual({ text: expected, refused: [] });
  });
});

describe('what counts in more than one place', () => {
  test('is changed once where all of them want it', () => {
    const text = (image: string): string => `${HEAD}spec:\n  containers: [{ image: &i ${image} }, { image: *i }]\n`;
    expect(edit(text('BAD'), { names: [] })).toEqual({ text: text('good:1'), refused: [] });
  });

  test.each([
    ['a label', `${HEAD}metadata: { labels: { of: &i BAD } }\nspec:\n  containers: [{ image: *i }]\n`],
    [
      'another object of a list',
      `apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  spec: &s { containers: [{ image: BAD }] }\n- { apiVersion: v1, kind: ConfigMap, data: *s }\n`,
    ],
    [
      'a container that merges it',
      `${HEAD}spec:\n  initContainers: [{ <<: &c { image: BAD } }]\n  containers: [{ <<: *c }]\n`,
    ],
  ])('is left as it is where %s does not', (_what, text) => {
    expect(edit(text, { names: [] })).toEqual({ text, refused: ['set: shared'] });
  });

  test('is left where a list of pull secrets is merged in, as one of its own would take its place', () => {
    const text = `${HEAD}metadata: { annotations: &m { imagePullSecrets: [{ name: a }] } }\nspec:\n  <<: *m\n  containers: []\n`;
    expect(edit(text)).toEqual({ text, refused: ['append: shared'] });
  });
});

test.each([
  ['in quotes', `${HEAD}metadata: { name: "{{ .Release.Name }}" }\nspec: { containers: [{ image: BAD }] }\n`],
  ['in a comment', `${HEAD}# {{- if .Values.web }}\nspec: { containers: [{ image: BAD }] }\n`],
])('a template is never changed: %s', (_where, text) => {
  expect(edit(text)).toEqual({ text, refused: ['set: template', 'append: template'] });
});

test('a text in a block may hold a template for others', () => {
  const text = (image: string): string =>
    `${HEAD}metadata:\n  annotations:\n    vault: |\n      {{ with secret "a" }}{{ end }}\nspec: { containers: [{ image: ${image} }] }\n`;
  expect(edit(text('BAD'), { names: [] })).toEqual({ text: text('good:1'), refused: [] });
});
