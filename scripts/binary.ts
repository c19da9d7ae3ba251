/**
 * Writes pullguard as one program that includes Node.js and needs no installation, and packs it with its licences:
 * `pullguard-linux-amd64.tar.gz`. See "Single executable applications" in the documentation of Node.js.
 *
 *     npm run build && node --import tsx scripts/binary.ts FOLDER [OS-ARCH NODE]
 *
 * Run it with Node.js 26 or newer from nodejs.org, which becomes part of the program. To build for another platform, pass the
 * Node.js of that platform, in the same version. A release builds each program on its own platform, where it can be started (and
 * signed, which macOS requires).
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = join(ROOT, 'dist');
const OS: Readonly<Record<string, string>> = { win32: 'windows' };
const ARCH: Readonly<Record<string, string>> = { x64: 'amd64' };
const own = `${OS[process.platform] ?? process.platform}-${ARCH[process.arch] ?? process.arch}`;

const [, , out, platform = own, node = process.execPath] = process.argv;
if (out === undefined) throw new Error('usage: node --import tsx scripts/binary.ts FOLDER [OS-ARCH NODE]');
if (Number(process.versions.node.split('.')[0]) < 26) throw new Error('needs Node.js 26 or newer, for --build-sea');

const folder = mkdtempSync(join(tmpdir(), 'pullguard-binary-'));
const at = (name: string): string => join(folder, name);
try {
  await bundle('main.js', at('main.js'), {});
  // The thread is started from a data: URL, which createRequire does not accept; any path will do for built-in modules.
  await bundle('chunks/decide-worker.js', at('decide-worker.js'), { 'import.meta.url': 'process.execPath' });
  const program = platform.startsWith('windows') ? 'pullguard.exe' : 'pullguard';
  writeFileSync(
    at('sea.json'),
    JSON.stringify({
      main: at('main.js'),
      mainFormat: 'module',
      executable: resolve(node),
      output: at(program),
      disableExperimentalSEAWarning: true,
      assets: { 'decide-worker.js': at('decide-worker.js'), ...listPages() },
    }),
  );
  execFileSync(process.execPath, ['--build-sea', at('sea.json')], { stdio: ['ignore', 'ignore', 'inherit'] });
  // An ad-hoc signature: macOS on arm64 starts no program without one, and the signature of Node.js is no longer valid.
  if (process.platform === 'darwin') execFileSync('codesign', ['--sign', '-', '--force', at(program)]);
  cpSync(join(ROOT, 'LICENSE'), at('LICENSE'));
  writeFileSync(
    at('THIRD-PARTY-LICENSES.txt'),
    `${read(join(DIST, 'THIRD-PARTY-LICENSES.txt'))}\n${readNodeLicence()}`,
  );
  mkdirSync(out, { recursive: true });
  const archive = `pullguard-${platform}.tar.gz`;
  // No Windows paths in the arguments: GNU tar takes "D:" for a host.
  execFileSync('tar', ['-czf', archive, program, 'LICENSE', 'THIRD-PARTY-LICENSES.txt'], { cwd: folder });
  cpSync(at(archive), join(out, archive));
  console.log(join(out, archive));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Joins what the build has split into one file, as a single program cannot load other files. */
async function bundle(from: string, to: string, define: Record<string, string>): Promise<void> {
  await build({
    entryPoints: [join(DIST, from)],
    outfile: to,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: `node${process.versions.node}`,
    minifyWhitespace: true,
    minifySyntax: true,
    // Optional packages of node-fetch and debug.
    external: ['encoding', 'supports-color'],
    define,
    logLevel: 'error',
  });
}

/** The pages that `pullguard rules ID` prints. */
function listPages(): Record<string, string> {
  const pages = readdirSync(join(ROOT, 'docs/rules')).map((name) => `docs/rules/${name}`);
  return Object.fromEntries(pages.map((page) => [page, join(ROOT, page)]));
}

/** The licences of Node.js and its parts: on Windows next to its program, on other systems in the parent folder. */
function readNodeLicence(): string {
  const bin = dirname(resolve(node));
  const file = [join(bin, 'LICENSE'), join(bin, '../LICENSE')].find((path) => existsSync(path));
  if (file === undefined) throw new Error(`${node} has no LICENSE beside it: take the Node.js of nodejs.org`);
  return read(file);
}

function read(file: string): string {
  return readFileSync(file, 'utf8');
}
