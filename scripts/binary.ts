/**
 * Writes pullguard as one program with Node.js in it, which needs no installation, and packs it with its licences:
 * `pullguard-linux-amd64.tar.gz`. Node's "single executable applications" explain how.
 *
 *     npm run build && node --import tsx scripts/binary.ts FOLDER [OS-ARCH NODE]
 *
 * Run it with Node.js 26 or newer of nodejs.org: that is what the program gets, unless the Node.js of another platform is given, of the
 * same version. A release builds each on its own platform, where it can be started (and signed, which macOS asks for).
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
  // The thread is started from a data: URL, which Node's createRequire does not take; any path does for Node's own modules.
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
  // An ad-hoc signature: macOS on arm64 starts no program without one, and that of Node.js no longer fits.
  if (process.platform === 'darwin') execFileSync('codesign', ['--sign', '-', '--force', at(program)]);
  cpSync(join(ROOT, 'LICENSE'), at('LICENSE'));
  writeFileSync(
    at('THIRD-PARTY-LICENSES.txt'),
    `${read(join(DIST, 'THIRD-PARTY-LICENSES.txt'))}\n${readNodeLicence()}`,
  );
  mkdirSync(out, { recursive: true });
  const archive = `pullguard-${platform}.tar.gz`;
  // No path of Windows in the arguments: a tar of GNU takes "D:" for a host.
  execFileSync('tar', ['-czf', archive, program, 'LICENSE', 'THIRD-PARTY-LICENSES.txt'], { cwd: folder });
  cpSync(at(archive), join(out, archive));
  console.log(join(out, archive));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** One file of what the build has split, as a program in one file can load no other. */
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
    // What node-fetch and debug try to load, and do without.
    external: ['encoding', 'supports-color'],
    define,
    logLevel: 'error',
  });
}

/** What `pullguard rules ID` prints. */
function listPages(): Record<string, string> {
  const pages = readdirSync(join(ROOT, 'docs/rules')).map((name) => `docs/rules/${name}`);
  return Object.fromEntries(pages.map((page) => [page, join(ROOT, page)]));
}

/** Node's, and of all that is in it: beside the program on Windows, and in the folder above elsewhere. */
function readNodeLicence(): string {
  const bin = dirname(resolve(node));
  const file = [join(bin, 'LICENSE'), join(bin, '../LICENSE')].find((path) => existsSync(path));
  if (file === undefined) throw new Error(`${node} has no LICENSE beside it: take the Node.js of nodejs.org`);
  return read(file);
}

function read(file: string): string {
  return readFileSync(file, 'utf8');
}
