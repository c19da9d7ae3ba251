import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readManifest } from '../../src/manifest/read-manifests.ts';

const pod = (name: string, image = 'nginx'): string =>
  `apiVersion: v1\nkind: Pod\nmetadata: { name: ${name} }\nspec:\n  containers:\n    - image: ${image}\n`;

const podJson = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: { containers: [{ image: 'nginx' }] },
});

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

const good = (...objects: string[]) => ({ objects, foreign: 0, errors: [] as string[] });

describe('every way to write manifests that kubectl takes is read whole', () => {
  test.each<[what: string, text: string, expected: ReturnType<typeof read>]>([
    ['one document', pod('a'), good('Pod a')],
    ['documents with ---', `${pod('a')}---\n${pod('b')}`, good('Pod a', 'Pod b')],
    ['empty documents between', `---\n---\n# nothing\n---\n${pod('a')}---\n`, good('Pod a')],
    ['documents with ...', `${pod('a')}...\n---\n${pod('b')}...\n`, good('Pod a', 'Pod b')],
    ['a document on the line of its ---', '--- { apiVersion: v1, kind: Pod }\n', good('Pod')],
    ['a --- with a comment', `${pod('a')}--- # b\n${pod('b')}`, good('Pod a', 'Pod b')],
    ['directives', `%YAML 1.1\n# old\n---\n${pod('a')}`, good('Pod a')],
    ['Windows line ends', `${pod('a')}---\n${pod('b')}`.replaceAll('\n', '\r\n'), good('Pod a', 'Pod b')],
    ['line ends of old Macs', `${pod('a')}---\n${pod('b')}`.replaceAll('\n', '\r'), good('Pod a', 'Pod b')],
    ['files joined on Windows, each with its mark', `\ufeff${pod('a')}---\n\ufeff${pod('b')}`, good('Pod a', 'Pod b')],
    [
      '--- inside a text, which ends nothing',
      'apiVersion: v1\nkind: ConfigMap\ndata:\n  a: |\n    ---\n    b\n',
      good('ConfigMap'),
    ],
    ['JSON', JSON.stringify(podJson('a')), good('Pod a')],
    ['JSON with tabs', JSON.stringify(podJson('a'), null, '\t'), good('Pod a')],
    [
      'JSON objects one after another, as jq prints them',
      [1, 2].map((at) => JSON.stringify(podJson(`p${at}`), null, 2)).join('\n'),
      good('Pod p1', 'Pod p2'),
    ],
    [
      'JSON objects a line each',
      ['a', 'b'].map((name) => JSON.stringify(podJson(name))).join('\r\n'),
      good('Pod a', 'Pod b'),
    ],
    ['JSON objects with --- between', `${JSON.stringify(podJson('a'))}\n---\n${pod('b')}`, good('Pod a', 'Pod b')],
    ['JSON with a comma too many, which is YAML', '{"apiVersion":"v1","kind":"Pod",}', good('Pod')],
    [
      'a List',
      JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [podJson('a'), podJson('b')] }),
      good('Pod a', 'Pod b'),
    ],
    [
      'a List in a List',
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'List',
        items: [{ apiVersion: 'v1', kind: 'List', items: [podJson('a')] }],
      }),
      good('Pod a'),
    ],
    [
      'a PodList of the API, whose items do not name their kind',
      'apiVersion: v1\nkind: PodList\nitems:\n- metadata: { name: a }\n',
      good('Pod a'),
    ],
    [
      'a DeploymentList whose items name theirs',
      'apiVersion: apps/v1\nkind: DeploymentList\nitems:\n- { apiVersion: apps/v1, kind: Deployment, metadata: { name: a } }\n',
      good('Deployment a'),
    ],
    ['an empty List', 'apiVersion: v1\nkind: List\nitems: []\n', good()],
    ['a List of nothing', 'apiVersion: v1\nkind: List\nitems: [null, null]\n', good()],
    ['a List without items', 'apiVersion: v1\nkind: List\nitems: null\n', good('List')],
    ['a kind that only sounds like a list', 'apiVersion: a.example/v1\nkind: AllowList\nspec: {}\n', good('AllowList')],
    ['anchors and merge keys', `x: &x { image: nginx }\n${pod('a')}    - { <<: *x }\n`, good('Pod a')],
  ])('%s', (_what, text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  test('a list with an anchor that is used a thousand times is no attack', () => {
    const labels = 'labels: &labels { app: web }\n';
    const items = Array.from(
      { length: 1000 },
      (_, at) => `- { apiVersion: v1, kind: Pod, metadata: { name: p${at}, labels: *labels } }\n`,
    );
    expect(read(`${labels}apiVersion: v1\nkind: List\nitems:\n${items.join('')}`).objects).toHaveLength(1000);
  });
});

describe('what is no object of Kubernetes is counted, and is no error', () => {
  test.each<[what: string, text: string, foreign: number]>([
    ['nothing', '', 0],
    ['comments', '# a\n', 0],
    ['a text', 'hello\n', 1],
    ['values of a chart', 'image: nginx\n', 1],
    ['a list', '- a\n- b\n', 1],
    ['a kind without a version', 'kind: Pod\n', 1],
    ['a version that is a number', 'apiVersion: 1\nkind: Pod\n', 1],
    ['an empty kind', "apiVersion: v1\nkind: ''\n", 1],
    ['an array of objects in JSON, which kubectl refuses', JSON.stringify([podJson('a')]), 1],
    ['items of a List', 'apiVersion: v1\nkind: List\nitems: [3, {}, hello]\n', 3],
    ['two documents of three', `a: 1\n---\n- b\n---\n${pod('a')}`, 2],
  ])('%s', (_what, text, foreign) => {
    expect(read(text)).toMatchObject({ foreign, errors: [] });
  });
});

describe('a broken document is told at its place and hides no other', () => {
  const TEMPLATE = 'this looks like a template; check what it renders to, such as what "helm template" prints';
  test.each<[what: string, broken: string, error: string]>([
    [
      'a bracket never closed',
      'a: [1, 2\n',
      '9:1 Flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
    ['a quote never closed', 'a: "b\nc: d\n', '8:4 this quote is never closed'],
    ['a single quote never closed', "a: 'b\nc: d\n", '8:4 this quote is never closed'],
    [
      'a line with the wrong indentation',
      'a: 1\n b: 2\n',
      '8:4 this value goes on to a key of its own: check the indentation of the next line, or put the value in quotes',
    ],
    ['a tab', 'a:\n\tb: 1\n', '9:1 Tabs are not allowed as indentation'],
    ['a key twice', 'a: 1\na: 2\n', '9:1 the key "a" is there twice'],
    ['a template', 'a: {{ .Values.a }}\n', `8:4 ${TEMPLATE}`],
    ['a template with control flow', '{{- if .Values.a }}\na: 1\n{{- end }}\n', `8:1 ${TEMPLATE}`],
    ['an alias for nothing', 'a: *b\n', '8:4 no anchor before this alias is called "b"'],
    [
      'a list that contains itself',
      '&a\napiVersion: v1\nkind: List\nitems: [*a]\n',
      '11:9 "*a" stands inside what it refers to',
    ],
  ])('%s', (_what, broken, error) => {
    const { objects, errors } = read(`${pod('a')}---\n${broken}---\n${pod('b')}`);
    expect(objects).toEqual(['Pod a', 'Pod b']);
    expect(errors).toEqual([error]);
  });

  test('a broken JSON object among others', () => {
    const text = `${JSON.stringify(podJson('a'))}\n{"a": [1\n}\n${JSON.stringify(podJson('b'))}\n`;
    expect(read(text)).toMatchObject({ objects: ['Pod a', 'Pod b'], errors: [expect.stringMatching(/^[23]:\d+ /)] });
  });

  test.each([
    ['lists in lists', '[', 20_000],
    ['maps in maps', '{a: ', 20_000],
    ['Lists in Lists', '{"apiVersion":"v1","kind":"List","items":[', 20_000],
  ])('%s without end', (_what, open, times) => {
    const close = open.replaceAll(/[^[{]/g, '').split('').reverse().join('').replaceAll('[', ']').replaceAll('{', '}');
    const closed = open.repeat(times) + close.repeat(times);
    expect(read(`${closed}\n`).objects).toEqual([]);
    expect(read(open.repeat(times)).errors).toEqual([expect.stringMatching(/^1:\d+ this is nested too deeply/)]);
  });
});

describe('the place of a field is its line and column in the whole file', () => {
  const placeOf = (text: string, at: number, pointer: string): string => {
    const { line, column } = readManifest(text).objects[at]!.locate(pointer);
    return `${line}:${column}`;
  };
  const image = '/spec/containers/0/image';

  test('in any document of many', () => {
    expect(placeOf(`# head\n${pod('a')}---\n${pod('b')}...\n${pod('c')}`, 0, image)).toBe('7:14');
    expect(placeOf(`# head\n${pod('a')}---\n${pod('b')}...\n${pod('c')}`, 1, image)).toBe('14:14');
    expect(placeOf(`# head\n${pod('a')}---\n${pod('b')}...\n${pod('c')}`, 2, image)).toBe('21:14');
  });

  test('below directives, with Windows line ends, after a byte order mark', () => {
    expect(placeOf(`%YAML 1.2\n---\n${pod('a')}`, 0, image)).toBe('8:14');
    expect(placeOf(`${pod('a')}---\n${pod('b')}`.replaceAll('\n', '\r\n'), 1, image)).toBe('13:14');
    expect(placeOf('\ufeff{ "apiVersion": "v1", "kind": "Pod" }', 0, '/kind')).toBe('1:31');
  });

  test('in JSON, also in the second object of many', () => {
    const text = ['a', 'b'].map((name) => JSON.stringify(podJson(name), null, 2)).join('\n');
    const [first, second] = text
      .split('\n')
      .flatMap((line, at) => (line.includes('"image"') ? [`${at + 1}:${line.indexOf('"nginx"') + 1}`] : []));
    expect([placeOf(text, 0, image), placeOf(text, 1, image)]).toEqual([first, second]);
  });

  test('in an item of a List, and of a list that names its kind for it', () => {
    const list = `apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  spec: { containers: [{ image: nginx }] }\n`;
    expect(placeOf(list, 0, image)).toBe('6:33');
    expect(placeOf(list.replace('List', 'PodList').replace('- apiVersion: v1\n  kind: Pod\n  ', '- '), 0, image)).toBe(
      '4:33',
    );
  });
});

test('an object as a real API server holds it is read', () => {
  const review = JSON.parse(
    readFileSync(new URL('../fixtures/admission-reviews/deployment-create.json', import.meta.url), 'utf8'),
  ) as { request: { object: object } };
  expect(read(JSON.stringify(review.request.object)).objects).toEqual([expect.stringMatching(/^Deployment /)]);
});

test('it never throws, and what stands alone is read the same among others', () => {
  const yamlish = fc.string({
    unit: fc.constantFrom(...Array.from('ab:-?&*|>\'"%{}[],# \n\t\r'), 'kind: ', '---\n', '...\n', '*a', '&a '),
  });
  fc.assert(
    fc.property(yamlish, (text) => {
      const lines = text.split(/\r\n|\r|\n/).length;
      for (const { line, column } of readManifest(text).errors) {
        expect(line).toBeGreaterThanOrEqual(1);
        expect(line).toBeLessThanOrEqual(lines);
        expect(column).toBeGreaterThanOrEqual(1);
      }
      // A directive would belong to the next document.
      if (text.includes('%')) return;
      expect(
        read(`${pod('a')}---\n${text}\n---\n${pod('b')}`).objects.filter((name) => name.startsWith('Pod ')),
      ).toEqual(['Pod a', 'Pod b']);
    }),
    { numRuns: 300 },
  );
});

test('five megabytes take seconds: a chart with all its dashboards is that large', () => {
  const documents = Array.from({ length: 10_000 }, (_, at) => podJson(`p${at}`));
  const padded = documents.map((document) => ({ ...document, padding: 'x'.repeat(400) }));
  const json = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: padded });
  expect(json.length).toBeGreaterThan(5_000_000);
  const started = performance.now();
  expect(readManifest(json).objects).toHaveLength(10_000);
  // Measured: 0.1 s, where the YAML parser takes seconds.
  expect(performance.now() - started).toBeLessThan(4000);
});
