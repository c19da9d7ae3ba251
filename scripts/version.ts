/**
 * Checks or sets the version in the package, the chart, the image, the manifests and the pages.
 *
 *     npx tsx scripts/version.ts              # fails unless it is the same everywhere, and prints its tag: v0.1.0
 *     npx tsx scripts/version.ts v0.1.0       # also fails if that is not its tag, or CHANGELOG.md is not ready for it
 *     npx tsx scripts/version.ts --set 0.2.0  # writes it everywhere, and makes [Unreleased] its section in CHANGELOG.md
 */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findUnreleased, headUnreleased, readSection } from './changelog.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CHANGELOG = 'CHANGELOG.md';

/** Folders with the version, besides the root. Versions in decisions are history. */
const FOLDERS = ['charts', 'ci', 'docs', 'manifests'];
const HISTORY = /^(?:CHANGELOG\.md|docs\/decisions\/.*)$/;

export const VERSION = String.raw`\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?`;

/** What precedes the version: in packages, charts, the Dockerfile, images and files of pullguard, and after its name. */
const BEFORE = [
  String.raw`"name": "pullguard",\s+"version": "`,
  String.raw`^(?:appVersion|version): `,
  'VERSION=',
  'app.kubernetes.io/version: ',
  'releases/download/v',
  String.raw`pullguard(?:-npm|-chart)?[:@-]v?`,
  String.raw`pullguard\S*\s+(?:newTag: |re[fv]: v|--version )`,
];
const PLACE = new RegExp(`(?<=${BEFORE.join('|')})${VERSION}`, 'gm');

/** The versions of pullguard in each file, by path. */
export function findVersions(texts: ReadonlyMap<string, string>): ReadonlyMap<string, readonly string[]> {
  const found = [...texts].map(
    ([path, text]) => [path, [...text.matchAll(PLACE)].map(([version]) => version)] as const,
  );
  return new Map(found.filter(([, versions]) => versions.length > 0));
}

/** What prevents a release of the texts under this tag; without a tag, what prevents them from being one version. */
export function findMistakes(texts: ReadonlyMap<string, string>, tag?: string): readonly string[] {
  const version = readVersion(texts);
  const others = [...findVersions(texts)].flatMap(([path, versions]) =>
    versions.filter((each) => each !== version).map((each) => `${path}: ${each}, but package.json has ${version}`),
  );
  if (tag === undefined) return others;
  const changelog = texts.get(CHANGELOG) ?? '';
  return [
    ...others,
    ...(tag === `v${version}` ? [] : [`tag ${tag}: package.json has ${version}`]),
    ...(readSection(changelog, version) === undefined ? [`${CHANGELOG}: no section [${version}] with a date`] : []),
    ...(findUnreleased(changelog) === '' ? [] : [`${CHANGELOG}: lines under [Unreleased], which ${tag} has too`]),
  ];
}

export function setVersion(
  texts: ReadonlyMap<string, string>,
  version: string,
  day: string,
): ReadonlyMap<string, string> {
  return new Map(
    [...texts].map(([path, text]) => [
      path,
      path === CHANGELOG ? headUnreleased(text, version, day) : text.replaceAll(PLACE, version),
    ]),
  );
}

/** The texts that may contain the version, by path. */
export function readTexts(): ReadonlyMap<string, string> {
  const names = [
    ...readdirSync(ROOT),
    ...FOLDERS.flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`),
    ),
  ];
  const files = names.filter((name) => statSync(join(ROOT, name)).isFile());
  const texts = files.filter((name) => name === CHANGELOG || !HISTORY.test(name));
  return new Map(texts.map((name) => [name, readFileSync(join(ROOT, name), 'utf8')]));
}

export function readVersion(texts: ReadonlyMap<string, string>): string {
  return (JSON.parse(texts.get('package.json') ?? '') as { version: string }).version;
}

function main([first, second]: readonly string[]): void {
  const texts = readTexts();
  if (first === '--set') {
    if (second === undefined || !new RegExp(`^${VERSION}$`).test(second)) throw new Error('usage: --set VERSION');
    const written = setVersion(texts, second, new Date().toISOString().slice(0, 10));
    for (const [path, text] of written) if (text !== texts.get(path)) writeFileSync(join(ROOT, path), text);
    return;
  }
  const mistakes = findMistakes(texts, first);
  for (const mistake of mistakes) console.error(mistake);
  if (mistakes.length > 0) process.exitCode = 1;
  else console.log(`v${readVersion(texts)}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.slice(2));
