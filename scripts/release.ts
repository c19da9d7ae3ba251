/**
 * Writes the files of a release into a folder that already has the binaries: the package for npm, the chart, install.yaml, the
 * SBOM, the manifest for krew, the notes, and the checksums of all files.
 *
 *     npm run build && npx tsx scripts/release.ts FOLDER [--partial]
 *
 * Fails if the binary of a platform is missing, unless --partial is given, for a preview.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { readSection, toNotes } from './changelog.ts';
import { buildInstallYaml } from './install-yaml.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
export const REPOSITORY = 'https://github.com/pullguard/pullguard';
export const IMAGE = 'ghcr.io/pullguard/pullguard';

/** As Go and krew name them. */
export const PLATFORMS = [
  'darwin-amd64',
  'darwin-arm64',
  'linux-amd64',
  'linux-arm64',
  'windows-amd64',
  'windows-arm64',
];
export const NOTES = 'notes.md';
export const CHECKSUMS = 'checksums.txt';
export const packageFile = (version: string): string => `pullguard-npm-${version}.tgz`;
export const chartFile = (version: string): string => `pullguard-chart-${version}.tgz`;

/** The manifest of the plugin `kubectl pullguard`, for these archives and their SHA-256. */
export function writeKrew(version: string, sums: ReadonlyMap<string, string>): string {
  return stringify(
    {
      apiVersion: 'krew.googlecontainertools.github.com/v1alpha2',
      kind: 'Plugin',
      metadata: { name: 'pullguard' },
      spec: {
        version: `v${version}`,
        homepage: REPOSITORY,
        shortDescription: 'Explain and prevent image pull failures',
        description:
          'Says why Pods wait for images and what to do (diagnose), what would fail in a cluster (scan) and in manifests ' +
          '(check), and whether an image can be pulled (image --probe).\n',
        platforms: [...sums].map(([platform, sha256]) => {
          const [os = '', arch = ''] = platform.split('-');
          return {
            selector: { matchLabels: { os, arch } },
            uri: `${REPOSITORY}/releases/download/v${version}/${archiveOf(platform)}`,
            sha256,
            bin: os === 'windows' ? 'pullguard.exe' : 'pullguard',
          };
        }),
      },
    },
    { lineWidth: 0 },
  );
}

/** As `sha256sum --check` reads them. */
export function writeChecksums(folder: string): string {
  const names = readdirSync(folder).filter((name) => ![NOTES, CHECKSUMS].includes(name));
  return names.map((name) => `${hash(join(folder, name))}  ${name}\n`).join('');
}

function main([folder, flag]: readonly string[]): void {
  if (folder === undefined) throw new Error('usage: tsx scripts/release.ts FOLDER [--partial]');
  mkdirSync(folder, { recursive: true });
  const missing = PLATFORMS.filter((platform) => !existsSync(join(folder, archiveOf(platform))));
  if (missing.length > 0 && flag !== '--partial') throw new Error(`no binary for ${missing.join(', ')}`);

  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  pack(join(folder, packageFile(version)), (out) => [
    'npm',
    'pack',
    ROOT,
    '--silent',
    '--ignore-scripts',
    '--pack-destination',
    out,
  ]);
  pack(join(folder, chartFile(version)), (out) => [
    'helm',
    'package',
    join(ROOT, 'charts/pullguard'),
    '--destination',
    out,
  ]);
  writeFileSync(join(folder, 'install.yaml'), buildInstallYaml(`${IMAGE}:${version}`));
  cpSync(join(ROOT, 'dist/pullguard.cdx.json'), join(folder, 'pullguard.cdx.json'));
  const built = PLATFORMS.filter((platform) => !missing.includes(platform));
  const sums = built.map((platform) => [platform, hash(join(folder, archiveOf(platform)))] as const);
  writeFileSync(join(folder, 'pullguard.yaml'), writeKrew(version, new Map(sums)));
  const section = readSection(readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8'), version);
  if (section === undefined) throw new Error(`CHANGELOG.md has no section [${version}] with a date`);
  writeFileSync(join(folder, NOTES), `${toNotes(section, `${REPOSITORY}/blob/v${version}`)}\n\n${footOf(version)}`);
  writeFileSync(join(folder, CHECKSUMS), writeChecksums(folder));
  process.stdout.write(readFileSync(join(folder, CHECKSUMS), 'utf8'));
}

/** npm and helm use the same file name, so each writes into a separate folder. */
function pack(to: string, command: (out: string) => readonly string[]): void {
  const out = mkdtempSync(join(tmpdir(), 'pullguard-release-'));
  try {
    const [program = '', ...args] = command(out);
    execFileSync(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    const [file = ''] = readdirSync(out);
    cpSync(join(out, file), resolve(to));
  } finally {
    rmSync(out, { recursive: true });
  }
}

function footOf(version: string): string {
  const page = `${REPOSITORY}/blob/v${version}/docs/release.md`;
  return `[How to get each part of this release](${page}#what-a-release-has), and [how to verify it](${page}#verify-a-release).\n`;
}

function archiveOf(platform: string): string {
  return `pullguard-${platform}.tar.gz`;
}

function hash(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.slice(2));
