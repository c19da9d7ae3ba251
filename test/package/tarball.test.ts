import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RULES } from '../../src/rules/index.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const POD =
  'apiVersion: v1\nkind: Pod\nmetadata: { name: web }\nspec:\n  containers:\n    - { name: app, image: NGINX }\n';

type Packed = Readonly<{ filename: string; unpackedSize: number; files: readonly Readonly<{ path: string }>[] }>;

/** An empty folder with the tarball in it: nothing above it has packages that could stand in for what is missing. */
let folder = '';
let packed: Packed;
let installed = '';

function run(command: string, args: readonly string[], input = ''): Readonly<{ code: number | null; output: string }> {
  // Node.js warns where both are there, be they empty.
  const env = { ...process.env, FORCE_COLOR: undefined, NO_COLOR: undefined };
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, input, env, encoding: 'utf8' });
  return { code: status, output: stdout + stderr };
}

const pullguard = (args: string, input = '') => run('node_modules/.bin/pullguard', args.split(' '), input);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pullguard-package-'));
  installed = join(folder, 'node_modules/pullguard');
  const pack = ['pack', ROOT, '--json', '--ignore-scripts', '--pack-destination', folder];
  [packed] = JSON.parse(spawnSync('npm', pack, { cwd: folder, encoding: 'utf8' }).stdout) as [Packed];
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  const { code, output } = run('npm', ['install', '--offline', '--no-audit', '--no-fund', packed.filename]);
  expect(output).toContain('added 1 package');
  expect(code).toBe(0);
}, 60_000);

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

test('it has what runs, what is read and the licences, and neither sources nor tests', () => {
  const kinds = packed.files.map(({ path }) =>
    path
      .replace(/^dist\/chunks\/.*\.js(\.map)?$/, 'dist/chunks/*.js$1')
      .replace(/^dist\/.*\.d\.ts$/, 'dist/**/*.d.ts')
      .replace(/^docs\/rules\/.*\.md$/, 'docs/rules/*.md'),
  );
  expect([...new Set(kinds)].sort()).toEqual([
    'LICENSE',
    'README.md',
    'dist/**/*.d.ts',
    'dist/THIRD-PARTY-LICENSES.txt',
    'dist/chunks/*.js',
    'dist/chunks/*.js.map',
    'dist/index.js',
    'dist/index.js.map',
    'dist/main.js',
    'dist/main.js.map',
    'dist/pullguard.cdx.json',
    'docs/rules/*.md',
    'package.json',
    'schema/policy.json',
    'schema/report.json',
  ]);
  const pages = RULES.map(({ id }) => `docs/rules/${id}.md`);
  expect(packed.files.map(({ path }) => path)).toEqual(expect.arrayContaining(pages));
});

test('it is small, as every Pod and every CI job fetches it', () => {
  expect(packed.unpackedSize).toBeLessThan(4_500_000);
  expect(readdirSync(join(folder, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual(['pullguard']);
});

test.each<[args: string, input: string, code: number, says: string]>([
  ['version', '', 0, 'pullguard '],
  ['check -', POD, 1, 'reference-valid'],
  ['image nginx:1.25', '', 0, 'docker.io'],
  ['image --probe localhost:1/app:1', '', 1, 'localhost:1'],
  ['rules tag-explicit', '', 0, '# tag-explicit'],
  ['certs --dns-name localhost --out certs', '', 0, ''],
  ['serve --tls-cert none --tls-key none', '', 2, 'none'],
  ['scan --kubeconfig none', '', 2, 'none'],
])('pullguard %s works without a package beside it', (args, input, code, says) => {
  const ended = pullguard(args, input);
  expect(ended.output).toContain(says);
  expect(ended.output).not.toMatch(/bug in pullguard|ERR_MODULE_NOT_FOUND|Cannot find/);
  expect(ended.code).toBe(code);
});

test('npx runs it without installing it, from the tarball and without a network', () => {
  const { code, output } = run(
    'npm',
    ['exec', '--offline', '--yes', `--package=./${packed.filename}`, '--', 'pullguard', 'check', '-'],
    POD,
  );
  expect(output).toContain('reference-valid');
  expect(code).toBe(1);
});

test('a program that imports it compiles against its types alone, and runs', () => {
  const code = `import { evaluate, explainImage, loadPolicy, PolicyError, type Decision } from 'pullguard';
export const run: (input: Parameters<typeof evaluate>[0]) => Decision = evaluate;
const problem: string | undefined = explainImage('NGINX:1.25', loadPolicy('apiVersion: pullguard.dev/v1alpha1\\nkind: Policy\\n')).problem?.suggestion;
console.log(problem, PolicyError.name);
`;
  writeFileSync(join(folder, 'program.ts'), code);
  // The compiler's own declarations it need not check.
  const flags = ['--strict', '--skipDefaultLibCheck', '--module', 'nodenext', '--target', 'es2023', 'program.ts'];
  expect(run(join(ROOT, 'node_modules/.bin/tsc'), flags)).toEqual({ code: 0, output: '' });
  expect(run('node', ['program.js'])).toEqual({ code: 0, output: 'nginx:1.25 PolicyError\n' });
}, 120_000);

test('the licence of everything that is in it travels along, and so does an SBOM that scanners find it by', () => {
  const licences = readFileSync(join(installed, 'dist/THIRD-PARTY-LICENSES.txt'), 'utf8');
  const maps = readdirSync(join(installed, 'dist'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.map'),
  );
  const sources = maps.flatMap(
    (name) => (JSON.parse(readFileSync(join(installed, 'dist', name), 'utf8')) as { sources: string[] }).sources,
  );
  const names = new Set(
    sources.flatMap((source) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(source)?.[1] ?? []),
  );
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Readonly<Record<string, { version: string; license: string; integrity: string }>>;
  };
  expect(names.size).toBeGreaterThan(20);
  const { components } = JSON.parse(readFileSync(join(installed, 'dist/pullguard.cdx.json'), 'utf8')) as {
    components: readonly Readonly<{
      name: string;
      version: string;
      purl: string;
      hashes: readonly [{ content: string }];
    }>[];
  };
  for (const name of names) {
    const { version, license, integrity } = packages[`node_modules/${name}`]!;
    expect(licences).toContain(`\n${name}@${version} (${license})\n`);
    const component = components.find((each) => each.name === name && each.version === version);
    expect(component?.purl).toBe(`pkg:npm/${encodeURIComponent(name).replace('%2F', '/')}@${version}`);
    expect(Buffer.from(component!.hashes[0].content, 'hex').toString('base64')).toBe(integrity.replace('sha512-', ''));
  }
});

test('a stack trace leads to the sources where it is asked to', () => {
  const { output } = run('node', [
    '--enable-source-maps',
    '--input-type=module',
    '-e',
    "import { loadPolicy } from 'pullguard'; loadPolicy('a: [');",
  ]);
  expect(output).toMatch(/\/src\/policy\/load\.ts:\d+:\d+/);
});
