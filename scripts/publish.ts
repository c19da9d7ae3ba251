/**
 * Publishes what scripts/release.ts wrote into a folder: the image and the chart, signed; then the files and their signed
 * checksums as a GitHub release; and last the package, as npm never takes one back. Prints each command; with --dry-run it runs
 * none.
 *
 *     npx tsx scripts/publish.ts FOLDER --dry-run
 *
 * Needs docker with buildx, cosign, helm, gh and npm, all logged in, as in .github/workflows/release.yml.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readDockerfile } from './dockerfile.ts';
import { CHECKSUMS, chartFile, IMAGE, NOTES, packageFile } from './release.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CHARTS = 'ghcr.io/pullguard/charts';
const BUNDLE = `${CHECKSUMS}.sigstore.json`;

/** Runs a command and returns what it printed. */
export type Run = (program: string, ...args: readonly string[]) => string;

export type Release = Readonly<{
  version: string;
  commit: string;
  folder: string;
  /** The files of the folder. */
  files: readonly string[];
  /** The arguments of the Dockerfile that name its bases, with their values. */
  bases: Readonly<Record<string, string>>;
}>;

export function publish(run: Run, { version, commit, folder, files, bases }: Release): void {
  const isPrerelease = version.includes('-');
  const at = (name: string): string => join(folder, name);
  const digestOf = (image: string): string =>
    run('docker', 'buildx', 'imagetools', 'inspect', image, '--format', '{{.Manifest.Digest}}').trim();

  // Base images by digest, as their tags may move meanwhile; the provenance contains the digests.
  const pinned = Object.entries(bases).flatMap(([name, image]) => [
    '--build-arg',
    `${name}=${image.includes('@') ? image : `${image}@${digestOf(image)}`}`,
  ]);
  const tags = [version, ...(isPrerelease ? [] : ['latest'])].flatMap((tag) => ['--tag', `${IMAGE}:${tag}`]);
  const proofs = ['--provenance=mode=max', '--sbom=true'];
  const own = ['--build-arg', `VERSION=${version}`, '--build-arg', `REVISION=${commit}`];
  const platforms = ['--platform', 'linux/amd64,linux/arm64'];
  run('docker', 'buildx', 'build', ...platforms, ...pinned, ...own, ...proofs, ...tags, '--push', '.');
  run('cosign', 'sign', '--yes', '--recursive', `${IMAGE}@${digestOf(`${IMAGE}:${version}`)}`);

  const pushed = run('helm', 'push', at(chartFile(version)), `oci://${CHARTS}`);
  run('cosign', 'sign', '--yes', `${CHARTS}/pullguard@${/sha256:[0-9a-f]{64}/.exec(pushed)?.[0] ?? DIGEST}`);

  run('cosign', 'sign-blob', '--yes', '--bundle', at(BUNDLE), at(CHECKSUMS));
  const assets = [...files.filter((name) => name !== NOTES), BUNDLE].map(at);
  const flags = ['--verify-tag', '--title', `pullguard ${version}`, '--notes-file', at(NOTES)];
  run('gh', 'release', 'create', `v${version}`, ...flags, ...(isPrerelease ? ['--prerelease'] : []), ...assets);

  const channel = isPrerelease ? ['--tag', 'next'] : [];
  run('npm', 'publish', at(packageFile(version)), '--access', 'public', '--provenance', ...channel);
}

/** Stands for a digest that is unknown before a push, or without a network. */
const DIGEST = 'sha256:DIGEST';

function main([folder, flag]: readonly string[]): void {
  if (folder === undefined || ![undefined, '--dry-run'].includes(flag))
    throw new Error('usage: tsx scripts/publish.ts FOLDER [--dry-run]');
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  const { status, stdout } = spawnSync('git', ['rev-parse', 'HEAD'], { cwd: ROOT, encoding: 'utf8' });
  if (status !== 0) throw new Error('not a clone of the repository: the image would not name its commit');
  const [build, final] = readDockerfile(readFileSync(join(ROOT, 'Dockerfile'), 'utf8'));
  if (build === undefined || final === undefined) throw new Error('the Dockerfile does not have two stages');
  publish(flag === '--dry-run' ? print : execute, {
    version,
    commit: stdout.trim(),
    // npm takes a/b for a repository on GitHub.
    folder: resolve(folder),
    files: readdirSync(folder).filter((name) => name !== BUNDLE),
    bases: { BUILD_IMAGE: build.base, NODE_IMAGE: final.base },
  });
}

function print(program: string, ...args: readonly string[]): string {
  const words = args.map((word) => (/^[\w@:/.,=+-]+$/.test(word) ? word : `'${word}'`));
  console.log(`$ ${[program, ...words].join(' ')}`);
  return DIGEST;
}

/** @throws Error if the command fails, as the next ones would publish an incomplete release */
function execute(program: string, ...args: readonly string[]): string {
  print(program, ...args);
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd: ROOT, encoding: 'utf8' });
  process.stdout.write(`${stdout}${stderr}`);
  if (status !== 0) throw new Error(`${program} failed: ${error?.message ?? `exit code ${String(status)}`}`);
  return `${stdout}${stderr}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.slice(2));
