import { describe, expect, test } from 'vitest';
import { readManifest, splitPieces, splitText } from '../../src/manifest/read-manifests.ts';

const pod = (name: string): string =>
  `apiVersion: v1\nkind: Pod\nmetadata: { name: ${name} }\nspec:\n  containers:\n    - image: nginx\n`;

const podJson = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: { containers: [{ image: 'nginx' }] },
});

const [A, B] = [pod('a'), pod('b')];
const [A_JSON, B_JSON] = [JSON.stringify(podJson('a')), JSON.stringify(podJson('b'))];
const listOf = (...items: readonly string[]): string =>
  `{ "apiVersion": "v1", "kind": "List", "items": [${items.join()}] }`;

/** What was read, in a form that reads well: `Pod a`, the count of foreign documents, `line:column message`. */
function read(text: string) {
  const { objects, foreign, errors } = readManifest(text);
  return {
    objects: objects.map(({ kind, object }) => {
      const { name } = (object as { metadata?: { name?: string } }).metadata ?? {};
      return name === undefined ? kind : `${kind} ${name}`;
    }),
    foreign,
    errors: errors.map(({ line, column, message }) => `${line}:${column} ${message}`),
  };
}

describe('every way to write manifests that kubectl takes is read whole', () => {
  test.each<[what: string, text: string, ...objects: string[]]>([
    ['documents with ---', `${A}---\n${B}`, 'Pod a', 'Pod b'],
    ['empty documents between', `---\n---\n# nothing\n---\n${A}---\n`, 'Pod a'],
    ['documents with ...', `${A}...\n---\n${B}...\n`, 'Pod a', 'Pod b'],
    ['a document on the line of its ---', '--- { apiVersion: v1, kind: Pod }\n', 'Pod'],
    ['a --- with a comment', `${A}--- # b\n${B}`, 'Pod a', 'Pod b'],
    ['directives', `%YAML 1.1\n# old\n---\n${A}`, 'Pod a'],
    ['Windows line ends', `${A}---\n${B}`.replaceAll('\n', '\r\n'), 'Pod a', 'Pod b'],
    ['line ends of old Macs', `${A}---\n${B}`.replaceAll('\n', '\r'), 'Pod a', 'Pod b'],
    ['files joined on Windows, each with its mark', `\ufeff${A}---\n\ufeff${B}`, 'Pod a', 'Pod b'],
    [
      '--- in a text, which ends nothing',
      'apiVersion: v1\nkind: ConfigMap\ndata:\n  a: |\n    ---\n    b\n',
      'ConfigMap',
    ],
    ['JSON with tabs', JSON.stringify(podJson('a'), null, '\t'), 'Pod a'],
    [
      'JSON objects one after another, as jq prints them',
      `${JSON.stringify(podJson('a'), null, 2)}\n${JSON.stringify(podJson('b'), null, 2)}`,
      'Pod a',
      'Pod b',
    ],
    ['JSON objects a line each', `${A_JSON}\r\n${B_JSON}`, 'Pod a', 'Pod b'],
    ['JSON objects with nothing between, as kubectl reads them', `${A_JSON}${B_JSON}`, 'Pod a', 'Pod b'],
    ['JSON objects with a blank between', `${A_JSON} ${B_JSON}\t${A_JSON}`, 'Pod a', 'Pod b', 'Pod a'],
    [
      'JSON objects with nothing between, over several lines',
      `${JSON.stringify(podJson('a'), null, 2)}${JSON.stringify(podJson('b}{"'), null, 2)}`,
      'Pod a',
      'Pod b}{"',
    ],
    ['a List after an object', `${A_JSON}${listOf(B_JSON)}`, 'Pod a', 'Pod b'],
    ['JSON with "#" comments, which is YAML', '{ # web\n"apiVersion": "v1", "kind": "Pod" }', 'Pod'],
    ['an address where JSON has a comment', '{"apiVersion": "v1", "kind": "Pod", "a": https://a.b/c}', 'Pod'],
    ['JSON with --- between', `${A_JSON}\n---\n${B}`, 'Pod a', 'Pod b'],
    ['JSON with a comma too many, which is YAML', '{"apiVersion":"v1","kind":"Pod",}', 'Pod'],
    ['a List in a List', listOf(A_JSON, listOf(B_JSON)), 'Pod a', 'Pod b'],
    [
      'a PodList of the API, whose items do not name their kind',
      'apiVersion: v1\nkind: PodList\nitems:\n- metadata: { name: a }\n',
      'Pod a',
    ],
    [
      'a DeploymentList whose items name theirs',
      'apiVersion: apps/v1\nkind: DeploymentList\nitems:\n- { apiVersion: apps/v1, kind: Deployment, metadata: { name: a } }\n',
      'Deployment a',
    ],
    ['a List of nothing', listOf('null', 'null')],
    ['a List without items', 'apiVersion: v1\nkind: List\nitems: null\n', 'List'],
    ['a kind that only sounds like a list', 'apiVersion: a.example/v1\nkind: AllowList\nspec: {}\n', 'AllowList'],
    ['anchors and merge keys', `x: &x { image: nginx }\n${A}    - { <<: *x }\n`, 'Pod a'],
    [
      'an anchor that is used a thousand times, which is no attack',
      `x: &x { app: web }\napiVersion: v1\nkind: List\nitems:\n${'- { apiVersion: v1, kind: Pod, metadata: *x }\n'.repeat(1000)}`,
      ...Array<string>(1000).fill('Pod'),
    ],
  ])('%s', (_what, text, ...objects) => {
    expect(read(text)).toEqual({ objects, foreign: 0, errors: [] });
  });
});

describe('what is no object of Kubernetes is counted, and is no error', () => {
  test.each<[what: string, text: string, foreign: number]>([
    ['comments', '# a\n', 0],
    ['a text', 'hello\n', 1],
    ['values of a chart', 'image: nginx\n', 1],
    ['a list', '- a\n- b\n', 1],
    ['a kind without a version', 'kind: Pod\n', 1],
    ['a version that is a number', 'apiVersion: 1\nkind: Pod\n', 1],
    ['an empty kind', "apiVersion: v1\nkind: ''\n", 1],
    ['an array of objects in JSON, which kubectl refuses', `[${A_JSON}]`, 1],
    ['items of a List', listOf('3', '{}', '"hello"'), 3],
    ['two documents of three', `a: 1\n---\n- b\n---\n${A}`, 2],
  ])('%s', (_what, text, foreign) => {
    expect(read(text)).toMatchObject({ foreign, errors: [] });
  });
});

describe('a broken document is told at its place and hides no other', () => {
  test.each<[what: string, broken: string, error: string]>([
    [
      'a bracket never closed',
      'a: [1, 2\n',
      '9:1 Flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
    ['a quote never closed', 'a: "b\nc: d\n', '8:4 quote is never closed'],
    ['a tab', 'a:\n\tb: 1\n', '9:1 tabs are not allowed as indentation: use spaces'],
    ['a template', 'a: {{ .Values.a }}\n', expect.stringMatching(/^8:4 looks like a template/) as string],
    [
      'a list that contains itself',
      '&a\napiVersion: v1\nkind: List\nitems: [*a]\n',
      '11:9 alias "*a" is inside its own anchor',
    ],
  ])('%s', (_what, broken, error) => {
    expect(read(`${A}---\n${broken}---\n${B}`)).toEqual({ objects: ['Pod a', 'Pod b'], foreign: 0, errors: [error] });
  });

  // kubectl falls back to YAML, where a comment is a part of the next key.
  test.each([
    ['{ // web\n"apiVersion": "v1", "kind": "Pod" }', '1:3'],
    ['// web\n{"apiVersion": "v1", "kind": "Pod"}', '1:1'],
    [`${A_JSON}\n{\n  "apiVersion": "v1", /* or\nv2 */\n  "kind": "Pod",\n}`, '3:23'],
  ])('JSON with comments: %j', (text, place) => {
    expect(read(text).errors).toEqual([expect.stringMatching(`^${place} JSON has no comments`)]);
  });

  // Files of controller-gen, and commands in a list of Argo's samples. kubectl reads them.
  test.each([
    ['at the indentation of its key', "metadata:\n  name: b\n  note: \"a\n  b\"\nspec:\n  other: 'c\n\n  it''s: d'\n"],
    ['before that of its key', 'metadata:\n  name: b\n  list: ["\n a\n"]\n'],
  ])('a quoted text that goes on %s', (_where, rest) => {
    expect(read(`${A}---\napiVersion: v1\nkind: Pod\n${rest}`)).toEqual({
      objects: ['Pod a', 'Pod b'],
      foreign: 0,
      errors: [],
    });
  });

  test('JSON with comments that is no object of Kubernetes, such as tsconfig.json', () => {
    expect(read('{ // web\n"compilerOptions": {}, }')).toEqual({ objects: [], foreign: 1, errors: [] });
  });

  test.each([
    ['JSON', '{"apiVersion": "v1", "kind": "Secret",\n "kind": "Pod", "metadata": {"name": "a"}}', '2:2'],
    ['YAML', 'apiVersion: v1\nkind: Secret\nkind: Pod\nmetadata: { name: a }\n', '3:1'],
  ])('a key twice in %s, of which the last is checked as kubectl takes it', (_format, text, place) => {
    expect(read(text)).toEqual({
      objects: ['Pod a'],
      foreign: 0,
      errors: [`${place} duplicate key "kind"`],
    });
  });

  test('a broken JSON object among others', () => {
    expect(read(`${A_JSON}\n{"a": [1\n}\n${B_JSON}\n`)).toMatchObject({
      objects: ['Pod a', 'Pod b'],
      errors: [expect.stringMatching(/^[23]:\d+ /)],
    });
  });

  test.each([
    ['[', ']'],
    ['{a: ', '}'],
    ['{"apiVersion":"v1","kind":"List","items":[', ']}'],
  ])('%s without end', (open, close) => {
    const [opened, closed] = [open.repeat(10_000), close.repeat(10_000)];
    expect(read(`${opened}${closed}\n`).objects).toEqual([]);
    expect(read(opened).errors).toEqual([expect.stringMatching(/^1:\d+ nested too deeply/)]);
  });
});

describe('the place of a field is its line and column in the whole file', () => {
  const items = '- apiVersion: v1\n  kind: Pod\n  spec: { containers: [{ image: nginx }] }\n';
  const indented = (name: string): string => JSON.stringify(podJson(name), null, 2);
  test.each<[what: string, text: string, ...places: string[]]>([
    ['in any document of many', `# head\n${A}---\n${B}...\n${A}`, '7:14', '14:14', '21:14'],
    ['below directives', `%YAML 1.2\n---\n${A}`, '8:14'],
    ['with Windows line ends', `${A}---\n${B}`.replaceAll('\n', '\r\n'), '6:14', '13:14'],
    ['after a byte order mark', `\ufeff${A_JSON}`, `1:${A_JSON.indexOf('"nginx"') + 1}`],
    ['in JSON, also in the second object', `${indented('a')}\n${indented('b')}`, '10:18', '24:18'],
    ['in an item of a List', `apiVersion: v1\nkind: List\nitems:\n${items}`, '6:33'],
    [
      'in one of a list that names its kind for it',
      `apiVersion: v1\nkind: PodList\nitems:\n${items.replace(/apiV[^]*Pod\n {2}/, '')}`,
      '4:33',
    ],
  ])('%s', (_what, text, ...places) => {
    const found = readManifest(text).objects.map(({ locate }) => locate('/spec/containers/0/image'));
    expect(found.map(({ line, column }) => `${line}:${column}`)).toEqual(places);
  });
});

// Tenths of a second, where the YAML parser takes seconds.
test('a chart with all its dashboards is five megabytes', { timeout: 20_000 }, () => {
  const items = Array.from({ length: 10_000 }, (_, at) => ({ ...podJson(`p${at}`), padding: 'x'.repeat(400) }));
  expect(readManifest(JSON.stringify({ apiVersion: 'v1', kind: 'List', items })).objects).toHaveLength(10_000);
});

test('a text in pieces has the documents that it has as a whole, wherever between lines it is cut', () => {
  const lines = [
    '# a\n',
    A,
    '---\n',
    B,
    '--- # c\n',
    '---\r\n',
    'x: |\n  ---\n',
    '\ufeff---\n',
    A_JSON,
    '\n',
    B_JSON,
    '\n---',
    '\n',
    'a: b',
  ];
  const text = lines.join('');
  const whole = [...splitPieces([text])];
  expect(whole.map(({ text: part }) => part).join('')).toBe(text.replaceAll('\ufeff', ''));
  const ends = [...text.matchAll(/\n/g)].map(({ index }) => index + 1);
  for (const first of ends) {
    for (const second of ends.filter((end) => end >= first)) {
      const pieces = [text.slice(0, first), text.slice(first, second), text.slice(second)].filter(
        (piece) => piece !== '',
      );
      expect([...splitPieces(pieces)]).toEqual(whole);
    }
  }
  expect(splitText(text).map(({ line }) => line)).toEqual([0, 7, 14, 15, 18, 21]);
});
