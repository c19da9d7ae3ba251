/**
 * Builds the documentation site: static files, each version in a separate folder, OUT/latest/ or OUT/v0.1/. Other versions in OUT
 * stay, and are offered in the navigation. `--dev` serves the pages, and follows changes in docs/.
 *
 *     npm run docs:install
 *     npm run docs:build -- [--version latest] [--out site/build] [--url https://pullguard.github.io/pullguard/]
 *     npm run docs:dev
 */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildSite } from './site-pages.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const GENERATED = join(ROOT, 'site/.generated');
const VITEPRESS = join(ROOT, 'site/node_modules/vitepress/bin/vitepress.js');
/** Pages outside of docs/. */
const OTHER_PAGES = ['CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md'];
/** The version that search engines are directed to, whichever version they found. */
const LATEST = 'latest';

// GitHub Actions set the repository, and the branch or tag.
const { GITHUB_REPOSITORY: repository = 'pullguard/pullguard', GITHUB_REF_NAME: ref = 'main' } = process.env;
const [owner = '', name = ''] = repository.split('/');

async function build(out: string, version: string, url: string): Promise<void> {
  mkdirSync(out, { recursive: true });
  const released = [...readdirSync(out), version].filter((folder) => /^v\d/.test(folder));
  writePages(url, version, [LATEST, ...new Set(released.sort(compareVersions))]);
  const base = `${new URL(url).pathname}${version}/`;
  await runVitePress('build', join(ROOT, 'site'), '--base', base, '--outDir', join(out, version));
  if (version !== LATEST) return;
  writeFileSync(join(out, 'index.html'), redirectTo(`${url}${LATEST}/`));
  // Servers of static files use the one at their root.
  cpSync(join(out, LATEST, '404.html'), join(out, '404.html'));
}

async function serve(url: string): Promise<void> {
  const write = (): void => {
    writePages(url, LATEST, [LATEST]);
  };
  write();
  watch(join(ROOT, 'docs'), { recursive: true }, write);
  await runVitePress('dev', join(ROOT, 'site'));
}

/** Newest first. */
function compareVersions(a: string, b: string): number {
  return b.localeCompare(a, 'en', { numeric: true });
}

function writePages(url: string, version: string, versions: readonly string[]): void {
  const { pages, ...site } = buildSite(readSources(), `https://github.com/${repository}/blob/${ref}`);
  const folder = join(GENERATED, 'pages');
  for (const route of existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : []) {
    if (route.endsWith('.md') && !pages.has(route)) rmSync(join(folder, route));
  }
  for (const [route, text] of pages) writeChanged(join(folder, route), text);
  cpSync(join(ROOT, 'docs/images'), join(folder, 'images'), { recursive: true });
  // VitePress publishes files in public/ under their own names.
  cpSync(join(ROOT, 'docs/images/icon.svg'), join(folder, 'public/icon.svg'));
  const settings = { ...site, url, version, versions, latest: LATEST, repository: `https://github.com/${repository}` };
  writeChanged(join(GENERATED, 'site.json'), JSON.stringify(settings));
}

/** VitePress reloads every file that is written, so unchanged ones are not written. */
function writeChanged(file: string, text: string): void {
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/** The files that are pages, by their path in the repository. */
export function readSources(): ReadonlyMap<string, string> {
  const docs = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md') && !file.endsWith('TEMPLATE.md'))
    .sort()
    .map((file) => `docs/${file}`);
  return new Map([...docs, ...OTHER_PAGES].map((file) => [file, readFileSync(join(ROOT, file), 'utf8')]));
}

function redirectTo(target: string): string {
  return [
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>pullguard</title>',
    `<meta http-equiv="refresh" content="0; url=${target}"><link rel="canonical" href="${target}">`,
    `<a href="${target}">Documentation of pullguard</a></html>\n`,
  ].join('\n');
}

async function runVitePress(...args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [VITEPRESS, ...args], { stdio: 'inherit' });
  const code = await new Promise((done) => child.once('exit', done));
  if (code !== 0) throw new Error(`vitepress ${args[0] ?? ''} failed`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      version: { type: 'string', default: LATEST },
      out: { type: 'string', default: join(ROOT, 'site/build') },
      url: { type: 'string', default: `https://${owner}.github.io/${name}/` },
      dev: { type: 'boolean', default: false },
    },
  });
  if (!existsSync(VITEPRESS)) throw new Error('the site is not installed: run "npm run docs:install"');
  const url = values.url.replace(/\/*$/, '/');
  await (values.dev ? serve(url) : build(resolve(values.out), values.version, url));
}
