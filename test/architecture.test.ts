import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { posix } from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

const SRC = new URL('../src/', import.meta.url);

/** Files of src/ by their path in it. */
type Sources = ReadonlyMap<string, string>;

/** `value` is loaded with the file, `type` is gone when it is compiled, `dynamic` is loaded when it is needed. */
type Import = Readonly<{ from: string; to: string; mode: 'value' | 'type' | 'dynamic' }>;

/** Each folder may import those in lines above its own. `docs/decisions` has the reasons. */
const LAYERS = [
  ['image'],
  ['workload'],
  ['engine'],
  ['rules', 'admission', 'report'],
  ['config', 'server', 'tls', 'cluster', 'registry'],
  ['cli'],
  ['main.ts'],
] as const;

/** Folders of one line that may import each other, and only this way round. */
const NEIGHBOURS: Readonly<Record<string, readonly string[]>> = {
  // An answer to the API server has the findings in words.
  admission: ['report'],
  // Certificates and policies are watched in the same way, as both are mounted into the pod.
  tls: ['config'],
  // Listens with a certificate, wherever that comes from.
  server: ['tls'],
  // Makes certificates, and keeps them in a Secret.
  cluster: ['tls'],
};

/** Where packages may be imported, other than as types. One that is not here may be imported from `config` on. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  '@kubernetes/client-node': ['cluster'],
  ajv: ['config'],
  commander: ['cli/options.ts', 'cli/program.ts', 'main.ts'],
  express: ['server'],
  leven: ['config'],
  'node-fetch': ['cluster'],
  'node-forge': ['tls/authority.ts'],
  pino: ['cli/serve.ts', 'server'],
  'prom-client': ['server'],
  yaml: ['config', 'cli'],
};

/** Modules of Node that reach outside the process. */
const OUTSIDE = [
  'node:child_process',
  'node:cluster',
  'node:dgram',
  'node:dns',
  'node:fs',
  'node:http',
  'node:http2',
  'node:https',
  'node:net',
  'node:tls',
  'node:worker_threads',
];

/** Enough for one idea with its helpers; more is two ideas. */
const MAX_LINES = 250;

/** Files without a test file of their own, and why. */
const UNTESTED: Readonly<Record<string, string>> = {
  'admission/inquiry.ts': 'types',
  'cli/io.ts': 'types, an error class and a call of redactUserinfo; test/cli/*.test.ts go through them',
  'cli/serve.ts': 'wiring; test/main.test.ts runs it as a process',
  'cli/serve-certificate.ts': 'wiring; test/main.test.ts runs it as a process',
  'cluster/connection/access-rule.ts': 'types',
  'cluster/connection/api-server.ts':
    'types and an error class; test/cluster/connection/fetch-api-server.test.ts goes through them',
  'cluster/connection/in-cluster.ts': 'a question to the environment; test/main.test.ts asks it',
  'engine/facts.ts': 'types',
  'engine/image-answer.ts': 'types',
  'engine/keyring.ts': 'types',
  'engine/rule.ts': 'types; defineRule, which returns what it is given, is used in test/engine/evaluate.test.ts',
  'registry/exchange/exchange-error.ts':
    'types and an error class; test/registry/exchange/exchange.test.ts goes through them',
  'rules/index.ts': 'the list of rules; test/rules/catalogue.test.ts holds it against files and documentation',
};

describe('src/', () => {
  const sources = readSources();
  const imports = [...sources].flatMap(([file, text]) => readImports(file, text));

  test('is imported in one direction', () => {
    expect(imports.flatMap((one) => describeDirection(one))).toEqual([]);
  });

  test('keeps packages, files and the network where they belong', () => {
    expect(imports.flatMap((one) => describePackage(one))).toEqual([]);
  });

  test('loads each command only when it is called', () => {
    expect(imports.flatMap((one) => describeCommand(one))).toEqual([]);
    const loaded = imports.filter(({ from, mode }) => from === 'cli/program.ts' && mode === 'dynamic');
    expect(loaded.map(({ to }) => to)).toEqual(
      expect.arrayContaining(['cli/serve.ts', 'cli/check.ts', 'cli/image.ts']),
    );
  });

  test('has no cycles', () => {
    expect(findCycles(imports)).toEqual([]);
  });

  test('has files that can be read in one go', () => {
    expect([...sources].flatMap(([file, text]) => describeLength(file, text))).toEqual([]);
  });

  test('has a test file for each file, in the same place below test/', () => {
    const missing = [...sources.keys()].filter((file) => !(file in UNTESTED) && !existsSync(testOf(file)));
    const advice = (file: string): string =>
      `src/${file} has no test/${file.replace(/\.ts$/, '.test.ts')}: write it, or say in UNTESTED what tests it instead`;
    expect(missing.map(advice)).toEqual([]);
  });

  test('has every file that is said to need no test of its own', () => {
    const stale = Object.keys(UNTESTED).filter((file) => !sources.has(file) || existsSync(testOf(file)));
    expect(stale.map((file) => `src/${file} is gone or has its test: take it out of UNTESTED`)).toEqual([]);
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
    ['report/a.ts', "import '../admission/admit.ts';", 'src/report/a.ts imports src/admission/admit.ts'],
    ['config/a.ts', "import '../tls/source.ts';", 'src/config/a.ts imports src/tls/source.ts'],
    ['cli/a.ts', "import '../main.ts';", 'src/cli/a.ts imports src/main.ts'],
    ['cli/a.ts', "import '../index.ts';", 'src/cli/a.ts imports src/index.ts'],
    ['index.ts', "import './server/app.ts';", 'src/index.ts imports src/server/app.ts'],
    ['other/a.ts', "import '../image/a.ts';", 'src/other/ is in no layer'],
    ['report/a.ts', "await import('node:fs/promises');", 'src/report/a.ts imports node:fs/promises'],
    ['admission/a.ts', "import fs from 'fs';", 'src/admission/a.ts imports fs'],
    ['rules/a.ts', "import { type Ajv } from 'ajv';", 'src/rules/a.ts imports ajv'],
    ['rules/a.ts', "import 'some-package/part';", 'src/rules/a.ts imports some-package/part'],
    ['tls/source.ts', "import forge from 'node-forge';", 'src/tls/source.ts imports node-forge'],
    ['server/a.ts', "import k8s from '@kubernetes/client-node';", 'src/server/a.ts imports @kubernetes/client-node'],
    ['cli/program.ts', "import { serve } from './serve.ts';", 'src/cli/program.ts imports src/cli/serve.ts'],
  ])('in %s: %s', (file, text, found) => {
    expect(find(file, text)).toEqual([expect.stringContaining(found)]);
  });

  test.each<[file: string, text: string]>([
    [
      'engine/a.ts',
      "import { a } from '../image/a.ts'; import { b } from './b.ts'; import { isUtf8 } from 'node:buffer';",
    ],
    ['admission/a.ts', "import { a } from '../report/a.ts'; import type { Express } from 'express';"],
    ['tls/files.ts', "import { watchFiles } from '../config/watch-files.ts'; import { readFileSync } from 'node:fs';"],
    ['cli/program.ts', "import type { A } from './serve.ts'; await import('./serve.ts'); import './io.ts';"],
  ])('nothing in %s: %s', (file, text) => {
    expect(find(file, text)).toEqual([]);
  });

  test('a cycle, once, but not one of types', () => {
    const sources = new Map([
      ['a/a.ts', "import './b.ts';"],
      ['a/b.ts', "import { c } from './c.ts'; import type { D } from './d.ts';"],
      ['a/c.ts', "export { a } from './a.ts';"],
      ['a/d.ts', "import './a.ts';"],
    ]);
    const imports = [...sources].flatMap(([file, text]) => readImports(file, text));
    expect(findCycles(imports)).toEqual([expect.stringContaining('src/a/a.ts → src/a/b.ts → src/a/c.ts → src/a/a.ts')]);
  });

  test('a file that is too long', () => {
    expect(describeLength('a.ts', 'a;\n'.repeat(250))).toEqual([]);
    expect(describeLength('a.ts', 'a;\n'.repeat(251))).toEqual([expect.stringContaining('src/a.ts has 251 lines')]);
  });
});

function describeDirection({ from, to }: Import): readonly string[] {
  if (!to.endsWith('.ts')) return [];
  const [own, other] = [folderOf(from), folderOf(to)];
  const says = `src/${from} imports src/${to}`;
  if (other === 'index.ts')
    return [`${says}: that is for those who use pullguard as a library, import the file itself`];
  if (own === 'index.ts') {
    return ['cli', 'server', 'main.ts'].includes(other)
      ? [`${says}: the library is to be loaded without a server`]
      : [];
  }
  for (const folder of [own, other]) {
    if (layerOf(folder) < 0)
      return [`src/${folder}/ is in no layer: give it a place in LAYERS, as far left as it can be`];
  }
  if (own === other || layerOf(other) < layerOf(own) || NEIGHBOURS[own]?.includes(other) === true) return [];
  const layers = LAYERS.map((layer) => layer.join(', ')).join(' ← ');
  return [
    `${says}, against the direction ${layers}: either it does not belong here and goes where both are at hand, or what it needs is an argument that the caller gathers, or the imported part is of a more general kind and moves left`,
  ];
}

function describePackage({ from, to, mode }: Import): readonly string[] {
  if (to.endsWith('.ts') || mode === 'type') return [];
  const name = nameOfPackage(to);
  const says = `src/${from} imports ${to}`;
  const places = PACKAGES[name];
  if (places?.some((place) => from === place || folderOf(from) === place) === true) return [];
  const isPure = layerOf(folderOf(from)) < layerOf('config') && from !== 'index.ts';
  if (OUTSIDE.includes(name) && isPure) {
    return [
      `${says}: left of config nothing reaches outside the process; either it does not belong here but in cli or server, or what it reads is an argument that the caller gathers`,
    ];
  }
  if (places !== undefined) {
    return [
      `${says}: that is for ${places.join(', ')} only; either it does not belong here, or import the type alone, or call what is there already`,
    ];
  }
  if (isPure && !name.startsWith('node:')) {
    return [`${says}: left of config no package is loaded, as each command and each test would wait for it`];
  }
  return [];
}

/** What the commands share, and what costs next to nothing to load. */
const SHARED = ['cli/io.ts', 'cli/options.ts'];

/** Everything that program.ts loads, all commands wait for, help too. */
function describeCommand({ from, to, mode }: Import): readonly string[] {
  if (from !== 'cli/program.ts' || mode !== 'value' || SHARED.includes(to) || !to.endsWith('.ts')) return [];
  return [`src/${from} imports src/${to} at its start: import the type, and the code within the command's action`];
}

/** Types may go round, as they are gone at run time; what is loaded may not, as one of them would see the other unfinished. */
function findCycles(imports: readonly Import[]): readonly string[] {
  const loads = imports.filter(({ mode }) => mode !== 'type');
  const cycles: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) {
      const cycle = [...path.slice(path.indexOf(file)), file].map((each) => `src/${each}`).join(' → ');
      cycles.push(`${cycle}: move what they share to a file of its own`);
    } else if (!done.has(file)) {
      for (const { to } of loads.filter(({ from }) => from === file)) visit(to, [...path, file]);
      done.add(file);
    }
  };
  for (const { from } of loads) visit(from, []);
  return cycles;
}

function describeLength(file: string, text: string): readonly string[] {
  const lines = text.trimEnd().split('\n').length;
  return lines <= MAX_LINES
    ? []
    : [`src/${file} has ${lines} lines, more than ${MAX_LINES}: it holds two ideas, give each a file named for it`];
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

/** `node:fs/promises` → `node:fs`, `fs` → `node:fs`, `@scope/name/part` → `@scope/name`. */
function nameOfPackage(specifier: string): string {
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
  return OUTSIDE.includes(`node:${name}`) ? `node:${name}` : name;
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

function testOf(file: string): URL {
  return new URL(file.replace(/\.ts$/, '.test.ts'), import.meta.url);
}
