/**
 * Writes `dist/`: the program and the library with every package that they load, so that an installation needs no
 * `node_modules`, and the types of the library. See docs/decisions/0032-bundle.md for the reasons.
 *
 * Each command stays a separate file in `chunks/`, which is only loaded when the command is called. `chunks/` is as deep in
 * `dist/` as the folders in `src/`, so `new URL('../../docs/rules/…', import.meta.url)` and `./decide-worker.js` work in both.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { listPackages, writeLicences } from './licences.ts';
import { writeSbom } from './sbom.ts';
import { listTypes } from './types.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const OUT = join(ROOT, 'dist');

/**
 * Marks client-node as free of side effects, which it is but does not declare. Only its kubeconfig code is used; without this the
 * models of the whole API would be included, 0.9 MB and 5 MB of memory.
 */
const onlyWhatIsUsed: Plugin = {
  name: 'only-what-is-used',
  setup(builder) {
    builder.onResolve({ filter: /./ }, async ({ path, pluginData, ...from }) => {
      const isOfClient = path.startsWith('@kubernetes/client-node') || from.importer.includes('/client-node/dist/');
      if (!isOfClient || pluginData === onlyWhatIsUsed) return undefined;
      const { kind, importer, resolveDir } = from;
      const resolved = await builder.resolve(path, { kind, importer, resolveDir, pluginData: onlyWhatIsUsed });
      return resolved.external ? resolved : { ...resolved, sideEffects: false };
    });
  },
};

/** Optional packages of node-fetch and debug, which work without them. */
const OPTIONAL: ReadonlySet<string> = new Set(['encoding', 'supports-color']);

rmSync(OUT, { recursive: true, force: true });
const { metafile } = await build({
  absWorkingDir: ROOT,
  entryPoints: { main: 'src/main.ts', index: 'src/index.ts', 'chunks/decide-worker': 'src/serve/decide-worker.ts' },
  outdir: OUT,
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: `node${oldestNode()}`,
  // Names are kept, so that stack traces are readable even without source maps.
  minifyWhitespace: true,
  minifySyntax: true,
  sourcemap: 'linked',
  sourcesContent: false,
  // All licences are in THIRD-PARTY-LICENSES.txt.
  legalComments: 'none',
  // node-fetch uses URL of Node.js, and loads this package, 0.35 MB, only for Node.js 6.
  alias: { 'whatwg-url': 'node:url' },
  plugins: [onlyWhatIsUsed],
  // CommonJS packages load built-in modules with `require`.
  banner: { js: "import{createRequire as requireOf}from'node:module';const require=requireOf(import.meta.url);" },
  // `pullguard version` prints it.
  define: { 'globalThis.PULLGUARD_COMMIT': JSON.stringify(findCommit()) },
  metafile: true,
  logLevel: 'warning',
});

const outside = Object.values(metafile.outputs)
  .flatMap(({ imports }) => imports)
  .flatMap(({ external, path }) => (external === true && !isBuiltin(path) && !OPTIONAL.has(path) ? [path] : []));
if (outside.length > 0) throw new Error(`not in the bundle, and not of Node.js: ${outside.join(', ')}`);

const packages = listPackages(metafile, ROOT);
writeFileSync(join(OUT, 'THIRD-PARTY-LICENSES.txt'), writeLicences(packages));
writeFileSync(join(OUT, 'pullguard.cdx.json'), writeSbom(packages, ROOT));
for (const [name, text] of listTypes(ROOT)) {
  mkdirSync(dirname(join(OUT, name)), { recursive: true });
  writeFileSync(join(OUT, name), text);
}
const files = Object.keys(metafile.outputs);
const bytes = files.reduce((sum, file) => sum + statSync(join(ROOT, file)).size, 0);
console.log(`dist/: ${files.length} files, ${(bytes / 1e6).toFixed(1)} MB, ${packages.length} packages in them`);

/** The lowest version that package.json allows. */
function oldestNode(): string {
  const { engines } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { engines: { node: string } };
  return engines.node.replace('>=', '');
}

/** The commit that is built; null outside of a Git clone, as when an image is built without `REVISION`. */
function findCommit(): string | null {
  const given = process.env['PULLGUARD_COMMIT'] ?? '';
  if (given !== '') return given;
  const { status, stdout } = spawnSync('git', ['rev-parse', 'HEAD'], { cwd: ROOT, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : null;
}
