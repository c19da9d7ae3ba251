import { readFileSync, readdirSync } from 'node:fs';
import { posix } from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

const SRC = new URL('../src/', import.meta.url);

/** Files of src/ by their path in it. */
type Sources = ReadonlyMap<string, string>;

/** `value` is loaded with the file, `type` is gone when it is compiled, `dynamic` is loaded when it is needed. */
type Import = Readonly<{ from: string; to: string; mode: 'value' | 'type' | 'dynamic' }>;

/** A folder may import from those in the lines above its own. docs/architecture.md says what each is for. */
const LAYERS = [
  ['text'],
  ['image'],
  ['workload'],
  ['cause'],
  ['manifest'],
  ['policy'],
  ['pull'],
  ['engine'],
  ['rules'],
  ['report'],
  ['export'],
  ['admission'],
  ['registry', 'tls'],
  ['cluster'],
  ['scan', 'serve'],
  ['cli'],
  ['main.ts'],
] as const;

/** These, and whatever they load, only compute: no package, no file, no network, no clock, no process. */
const PURE = ['engine/evaluate.ts', 'admission/admit.ts', 'rules/index.ts', 'export/admission-policies.ts'];

/** Where packages may be loaded. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  // Our own, for the version.
  '../package.json': ['cli/version.ts'],
  '@kubernetes/client-node': ['cluster'],
  ajv: ['policy'],
  commander: ['cli/options.ts', 'cli/program.ts', 'main.ts'],
  leven: ['policy'],
  'node-fetch': ['cluster'],
  'node-forge': ['tls'],
  pino: ['serve', 'cli/serve.ts'],
  'prom-client': ['serve'],
  'js-yaml': ['manifest'],
  yaml: ['manifest'],
};

/** Modules of Node that compute and nothing else. */
const COMPUTES = ['node:buffer'];

describe('src/', () => {
  const sources = readSources();
  const imports = [...sources].flatMap(([file, text]) => readImports(file, text));

  test('is imported in one direction', () => {
    expect(imports.flatMap((one) => describeDirection(one))).toEqual([]);
  });

  test('keeps packages where they belong', () => {
    expect(imports.flatMap((one) => describePackage(one))).toEqual([]);
  });

  test.each(PURE)('only computes in what %s loads', (entry) => {
    expect(sources.has(entry)).toBe(true);
    expect(describeImpurities(entry, sources, imports)).toEqual([]);
  });

  test('loads each command only when it is called', () => {
    expect(imports.flatMap((one) => describeCommand(one))).toEqual([]);
    const loaded = imports.filter(({ from, mode }) => from === 'cli/program.ts' && mode === 'dynamic');
    expect(loaded.map(({ to }) => to)).toEqual(
      expect.arrayContaining(['cli/serve.ts', 'cli/check.ts', 'cli/image.ts']),
    );
  });

  test('is described folder by folder, in the order of its layers', () => {
    const page = readFileSync(new URL('../docs/architecture.md', import.meta.url), 'utf8');
    const described = [...page.matchAll(/^\| `([a-z]+)` /gm)].map(([, folder]) => folder);
    expect(described).toEqual(LAYERS.flat().filter((folder) => !folder.endsWith('.ts')));
    expect(
      [...new Set([...sources.keys()].filter((file) => file.includes('/')).map((file) => folderOf(file)))].sort(),
    ).toEqual(described.toSorted());
  });

  test('has no circles', () => {
    expect(findCircles(imports)).toEqual([]);
  });
});

describe('these checks find', () => {
  const find = (from: string, text: string): readonly string[] =>
    readImports(from, text).flatMap((one) => [
      ...describeDirection(one),
      ...describePackage(one),
      ...describeCommand(one),
    ]);

  test.each<[file: string, text: string, found: string]>([
    ['image/a.ts', "import { a } from '../workload/a.ts';", 'src/image/a.ts imports src/workload/a.ts'],
    ['image/a.ts', "import type { A } from '../workload/a.ts';", 'src/image/a.ts imports src/workload/a.ts'],
    ['image/a.ts', "type A = import('../workload/a.ts').A;", 'src/image/a.ts imports src/workload/a.ts'],
    ['engine/a.ts', "export * from '../rules/index.ts';", 'src/engine/a.ts imports src/rules/index.ts'],
    ['registry/a.ts', "import '../tls/source.ts';", 'src/registry/a.ts imports src/tls/source.ts'],
    ['cli/a.ts', "import '../main.ts';", 'src/cli/a.ts imports src/main.ts'],
    ['cli/a.ts', "import '../index.ts';", 'src/cli/a.ts imports src/index.ts'],
    ['index.ts', "import './serve/app.ts';", 'src/index.ts imports src/serve/app.ts'],
    ['other/a.ts', "import '../image/a.ts';", 'src/other/ is in no layer'],
    ['rules/a.ts', "import { type Ajv } from 'ajv';", 'src/rules/a.ts imports ajv'],
    ['rules/a.ts', "import 'some-package/part';", 'src/rules/a.ts imports some-package/part'],
    ['serve/a.ts', "import k8s from '@kubernetes/client-node';", 'src/serve/a.ts imports @kubernetes/client-node'],
    ['cli/program.ts', "import { serve } from './serve.ts';", 'src/cli/program.ts imports src/cli/serve.ts'],
  ])('in %s: %s', (file, text, found) => {
    expect(find(file, text)).toEqual([expect.stringContaining(found)]);
  });

  test.each<[file: string, text: string]>([
    ['engine/a.ts', "import { a } from '../image/a.ts'; import { b } from './b.ts';"],
    ['admission/a.ts', "import { a } from '../report/a.ts'; import type { Logger } from 'pino';"],
    ['cli/program.ts', "import type { A } from './serve.ts'; await import('./serve.ts'); import './io.ts';"],
  ])('nothing in %s: %s', (file, text) => {
    expect(find(file, text)).toEqual([]);
  });

  test('a circle, once, of types as well', () => {
    const imports = readAll([
      ['a/a.ts', "import './b.ts';"],
      ['a/b.ts', "import { c } from './c.ts'; import type { D } from './d.ts';"],
      ['a/c.ts', "export { a } from './a.ts';"],
      ['a/d.ts', "import './e.ts';"],
      ['a/e.ts', "import type { D } from './d.ts';"],
    ]);
    expect(findCircles(imports)).toEqual([
      expect.stringContaining('src/a/a.ts → src/a/b.ts → src/a/c.ts → src/a/a.ts'),
      expect.stringContaining('src/a/d.ts → src/a/e.ts → src/a/d.ts'),
    ]);
  });

  test.each<[text: string, found: string]>([
    ["import { readFileSync } from 'node:fs';", 'loads node:fs'],
    ["import fs from 'fs/promises';", 'loads fs/promises'],
    ["await import('node:net');", 'loads node:net'],
    ["import { parse } from 'yaml';", 'loads yaml'],
    ['const a = Date.now();', 'reads the clock'],
    ['const a = new Date();', 'reads the clock'],
    ['const a = performance.now();', 'reads the clock'],
    ['setTimeout(() => undefined, 1);', 'waits'],
    ['const a = Promise.resolve();', 'waits'],
    ['const a = async () => 1;', 'waits'],
    ['const a = process.env;', 'reads the process'],
    ['const a = Math.random();', 'is not the same twice'],
  ])('that it is not pure: %s', (text, found) => {
    const files: readonly (readonly [string, string])[] = [
      ['engine/evaluate.ts', "import '../image/a.ts';"],
      ['image/a.ts', text],
    ];
    const sources = new Map(files);
    const impurities = describeImpurities('engine/evaluate.ts', sources, readAll(files));
    expect(impurities).toEqual([expect.stringContaining(`src/image/a.ts ${found}`)]);
  });

  test('nothing in what only computes', () => {
    const files: readonly (readonly [string, string])[] = [
      [
        'engine/evaluate.ts',
        "import type { A } from 'ajv'; const a = new Date(0); /* Date.now() */ const b = (now: () => number) => now();",
      ],
    ];
    expect(describeImpurities('engine/evaluate.ts', new Map(files), readAll(files))).toEqual([]);
  });
});

function describeDirection({ from, to }: Import): readonly string[] {
  if (!to.endsWith('.ts')) return [];
  const [own, other] = [folderOf(from), folderOf(to)];
  const says = `src/${from} imports src/${to}`;
  if (other === 'index.ts')
    return [`${says}: that is for those who use pullguard as a library, import the file itself`];
  if (own === 'index.ts') {
    return ['cli', 'serve', 'main.ts'].includes(other) ? [`${says}: the library is to be loaded without a server`] : [];
  }
  for (const folder of [own, other]) {
    if (layerOf(folder) < 0)
      return [`src/${folder}/ is in no layer: give it a place in LAYERS, as far up as it can be`];
  }
  if (own === other || layerOf(other) < layerOf(own)) return [];
  const layers = LAYERS.map((layer) => layer.join(', ')).join(' ← ');
  return [
    `${says}, against the direction ${layers}: either it does not belong here and goes where both are at hand, or what it needs is an argument that the caller gathers, or the imported part is of a more general kind and moves left`,
  ];
}

function describePackage({ from, to, mode }: Import): readonly string[] {
  if (to.endsWith('.ts') || to.startsWith('node:') || mode === 'type' || from === 'index.ts') return [];
  const places = PACKAGES[to] ?? PACKAGES[nameOfPackage(to)] ?? [];
  if (places.some((place) => from === place || folderOf(from) === place)) return [];
  return [
    `src/${from} imports ${to}, which is for ${places.join(', ') || 'nobody yet'}: import the type alone, call what is there already, or give the package a line in PACKAGES and in docs/decisions/0008-dependencies.md`,
  ];
}

/** What the commands share, and what costs next to nothing to load. */
const SHARED = ['cli/io.ts', 'cli/options.ts', 'cli/version.ts'];

/** Everything that program.ts loads, all commands wait for, help too. */
function describeCommand({ from, to, mode }: Import): readonly string[] {
  if (from !== 'cli/program.ts' || mode !== 'value' || SHARED.includes(to) || !to.endsWith('.ts')) return [];
  return [`src/${from} imports src/${to} at its start: import the type, and the code within the command's action`];
}

/** What makes a result depend on more than the arguments, and the word for it. */
const IMPURE: readonly (readonly [pattern: RegExp, what: string])[] = [
  [/\b(?:Date|performance)\.now\(|\bnew Date\(\)/, 'reads the clock'],
  [/\bset(?:Timeout|Immediate|Interval)\(|\bPromise\b|\basync\b|\bawait\b/, 'waits'],
  [/\bprocess\./, 'reads the process'],
  [/\bMath\.random\(/, 'is not the same twice'],
];

function describeImpurities(entry: string, sources: Sources, imports: readonly Import[]): readonly string[] {
  const loads = imports.filter(({ mode }) => mode !== 'type');
  return [...reach(entry, loads)].flatMap((file) => {
    const outside = loads
      .filter(({ from, to }) => from === file && !to.endsWith('.ts') && !COMPUTES.includes(to))
      .map(({ to }) => `loads ${to}`);
    const code = stripComments(sources.get(file) ?? '');
    const used = IMPURE.filter(([pattern]) => outside.length === 0 && pattern.test(code)).map(([, what]) => what);
    return [...outside, ...used].map(
      (what) => `src/${file} ${what}, and ${entry} loads it: hand it in as an argument, or move it to who calls`,
    );
  });
}

function reach(entry: string, loads: readonly Import[], seen = new Set<string>()): ReadonlySet<string> {
  if (seen.has(entry) || !entry.endsWith('.ts')) return seen;
  seen.add(entry);
  for (const { from, to } of loads) if (from === entry) reach(to, loads, seen);
  return seen;
}

function stripComments(text: string): string {
  return ts.transpileModule(text, {
    compilerOptions: { removeComments: true, target: ts.ScriptTarget.ES2023, verbatimModuleSyntax: true },
  }).outputText;
}

/** Types too: two files that need each other are one idea, or hold a third. */
function findCircles(imports: readonly Import[]): readonly string[] {
  const circles: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) {
      const circle = [...path.slice(path.indexOf(file)), file].map((each) => `src/${each}`).join(' → ');
      circles.push(`${circle}: move what they share to a file of its own`);
    } else if (!done.has(file)) {
      for (const { from, to } of imports) if (from === file) visit(to, [...path, file]);
      done.add(file);
    }
  };
  for (const { from } of imports) visit(from, []);
  return circles;
}

function readAll(files: readonly (readonly [file: string, text: string])[]): readonly Import[] {
  return files.flatMap(([file, text]) => readImports(file, text));
}

function readImports(from: string, text: string): readonly Import[] {
  const found: Import[] = [];
  const add = (specifier: ts.Node | undefined, mode: Import['mode']): void => {
    if (specifier === undefined || !ts.isStringLiteral(specifier)) return;
    found.push({ from, to: resolveSpecifier(from, specifier.text), mode });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      // `import { type A } from 'b'` is not one of types: it still loads b.
      const isType = node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
      add(node.moduleSpecifier, isType ? 'type' : 'value');
    } else if (ts.isExportDeclaration(node)) {
      add(node.moduleSpecifier, node.isTypeOnly ? 'type' : 'value');
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(node.argument.literal, 'type');
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], 'dynamic');
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(from, text, ts.ScriptTarget.ES2023));
  return found;
}

/** The path in src/ of a file of ours; a package or module of Node as it is written. */
function resolveSpecifier(from: string, specifier: string): string {
  if (!specifier.startsWith('.')) return specifier;
  return posix.join(posix.dirname(from), specifier);
}

/** `@scope/name/part` → `@scope/name`. */
function nameOfPackage(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

function folderOf(file: string): string {
  return file.split('/', 1)[0] ?? '';
}

function layerOf(folder: string): number {
  return LAYERS.findIndex((layer) => (layer as readonly string[]).includes(folder));
}

function readSources(): Sources {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  return new Map(files.map((file) => [file.replaceAll('\\', '/'), readFileSync(new URL(file, SRC), 'utf8')]));
}
