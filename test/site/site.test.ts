import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

/** What of playwright-core is used here: its types are not where the site is not installed. */
type Locator = Readonly<{
  click: () => Promise<void>;
  fill: (text: string) => Promise<void>;
  first: () => Locator;
  textContent: () => Promise<string | null>;
  waitFor: () => Promise<void>;
}>;
type Page = Readonly<{
  goto: (url: string, options?: { waitUntil: 'networkidle' }) => Promise<unknown>;
  title: () => Promise<string>;
  url: () => string;
  waitForURL: (url: RegExp) => Promise<void>;
  locator: (selector: string, options?: { hasText: string }) => Locator;
  evaluate: <Result>(read: string) => Promise<Result>;
  on: (event: 'console' | 'pageerror' | 'request', listener: (seen: never) => void) => void;
  keyboard: { press: (key: string) => Promise<void> };
}>;
type Context = Readonly<{ newPage: () => Promise<Page>; close: () => Promise<void> }>;
type Browser = Readonly<{
  newContext: (options: { viewport: { width: number; height: number }; colorScheme: string }) => Promise<Context>;
  close: () => Promise<void>;
}>;
type Playwright = Readonly<{
  chromium: { launch: (options: { executablePath: string; args: readonly string[] }) => Promise<Browser> };
}>;

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BASE = '/pullguard/latest/';
const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml',
  '.xml': 'text/xml',
};

/** What `kubectl describe pod` prints: the words that decide stand at its end. */
const EVENT = [
  'Failed to pull image "harbor.example.com/team/app:v1": rpc error: code = Unknown desc = failed to pull and unpack image',
  '"harbor.example.com/team/app:v1": failed to resolve reference "harbor.example.com/team/app:v1": failed to do request: Head',
  '"https://harbor.example.com/v2/team/app/manifests/v1": tls: failed to verify certificate: x509: certificate signed by',
  'unknown authority',
].join(' ');

const HAS_SITE = existsSync(join(ROOT, 'site/node_modules/vitepress'));
const CHROMIUM = ['chromium', 'chromium-browser', 'google-chrome'].find(
  (name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0,
);
if (!HAS_SITE) console.log('the site is not built: that needs "npm run docs:install"');
else if (CHROMIUM === undefined) console.log('the site is not looked at in a browser: that needs Chromium');

describe.skipIf(!HAS_SITE)('the built site', () => {
  let out = '';
  let server: Server;
  let url = '';
  let pages: ReadonlyMap<string, string> = new Map();

  beforeAll(async () => {
    out = mkdtempSync(join(tmpdir(), 'pullguard-site-'));
    server = createServer(({ url: path = '/' }, response) => {
      const name = decodeURIComponent(path.replace(/[?#].*$/, '').replace(/^\/pullguard\//, ''));
      const file = join(out, name.endsWith('/') || name === '' ? `${name}index.html` : name);
      const isThere = existsSync(file) && statSync(file).isFile();
      response.writeHead(isThere ? 200 : 404, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' });
      response.end(isThere ? readFileSync(file) : 'not found');
    }).listen(0, '127.0.0.1');
    await new Promise((listening) => server.once('listening', listening));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/pullguard/`;
    // As a release has left it.
    mkdirSync(join(out, 'v0.1'));
    const args = ['--import', 'tsx', 'scripts/site.ts', '--out', out, '--url', url];
    await promisify(execFile)(process.execPath, args, { cwd: ROOT });
    const names = readdirSync(join(out, 'latest'), { recursive: true, encoding: 'utf8' });
    pages = new Map(
      names
        .filter((name) => name.endsWith('.html') && name !== '404.html')
        .map((name) => [name, readFileSync(join(out, 'latest', name), 'utf8')]),
    );
    expect(pages.size).toBeGreaterThan(60);
  }, 600_000);

  afterAll(() => {
    server.close();
    rmSync(out, { recursive: true, force: true });
  });

  const all = (page: string, pattern: RegExp): readonly string[] =>
    [...page.matchAll(pattern)].map(([, value = '']) => value.replaceAll('&amp;', '&'));

  test('has no dead links, of pages, parts of pages or files', () => {
    const ids = new Map([...pages].map(([name, page]) => [name, new Set(all(page, /\sid="([^"]+)"/g))]));
    const dead = [...pages].flatMap(([name, page]) =>
      all(page, /<(?:a|link|img|script)\b[^>]*?\s(?:href|src)="([^"]+)"/g)
        .filter((target) => !/^(?:https?:(?!\/\/127)|mailto:|data:)/.test(target))
        .filter((target) => {
          const { pathname, hash } = new URL(target, `${url}latest/${name}`);
          if (pathname === '/pullguard/v0.1/') return false;
          const linked = posix.relative(BASE, pathname.endsWith('/') ? `${pathname}index.html` : pathname);
          if (!existsSync(join(out, 'latest', linked))) return true;
          return hash !== '' && ids.get(linked)?.has(decodeURIComponent(hash.slice(1))) !== true;
        })
        .map((target) => `${name}: ${target}`),
    );
    expect(dead).toEqual([]);
  });

  test('gives search engines one address for each page, in the sitemap too', () => {
    const listed = all(readFileSync(join(out, 'latest/sitemap.xml'), 'utf8'), /<loc>([^<]+)<\/loc>/g);
    const canonical = [...pages.values()].flatMap((page) => all(page, /<link rel="canonical" href="([^"]+)">/g));
    expect(canonical.length).toBe(pages.size);
    expect(listed.toSorted()).toEqual(canonical.toSorted());
    expect(listed).toContain(`${url}latest/causes/unknown-ca.html`);
  });

  test('has the words of an event in the title and the description of its page', () => {
    const page = pages.get('causes/unknown-ca.html') ?? '';
    const words = 'x509: certificate signed by unknown authority';
    expect(page).toContain(`<title>${words} · failed image pull in Kubernetes</title>`);
    expect(all(page, /<meta name="description" content="([^"]+)">/g)).toEqual([expect.stringContaining(words)]);
  });

  test('sends from the top to the latest version', () => {
    expect(readFileSync(join(out, 'index.html'), 'utf8')).toContain(`content="0; url=${url}latest/"`);
    expect(existsSync(join(out, '404.html'))).toBe(true);
  });

  describe.skipIf(CHROMIUM === undefined)('in Chromium', () => {
    let browser: Browser;
    const problems: string[] = [];

    beforeAll(async () => {
      const require = createRequire(join(ROOT, 'site/package.json'));
      const { chromium } = require('playwright-core') as Playwright;
      const executablePath = spawnSync('sh', ['-c', `command -v ${CHROMIUM ?? ''}`], {
        encoding: 'utf8',
      }).stdout.trim();
      browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
    }, 120_000);

    afterAll(async () => {
      await browser.close();
    });

    async function open(path: string, { width = 1366, colorScheme = 'light' } = {}): Promise<Page> {
      const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme });
      const page = await context.newPage();
      page.on('console', (message: { type: () => string; text: () => string }) => {
        if (message.type() === 'error') problems.push(message.text());
      });
      page.on('pageerror', (error: Error) => problems.push(error.message));
      page.on('request', (request: { url: () => string }) => {
        if (!request.url().startsWith(url)) problems.push(`a request to ${request.url()}`);
      });
      await page.goto(`${url}latest/${path}`, { waitUntil: 'networkidle' });
      return page;
    }

    test('a user with a failing Pod comes from the first page to the page of the event', async () => {
      const page = await open('');
      await page.locator('.VPFeature', { hasText: 'A Pod fails' }).click();
      await page.waitForURL(/\/causes\/$/);
      await page.locator('.vp-doc a', { hasText: 'no space left on device' }).first().click();
      await page.waitForURL(/\/causes\/disk-full\.html$/);
      expect(await page.locator('h1').first().textContent()).toContain('no space left on device');
    }, 120_000);

    test.each([
      ['x509: certificate signed by unknown authority', 'unknown-ca'],
      ['no such host', 'no-such-host'],
      ['You have reached your pull rate limit', 'rate-limited'],
      [EVENT, 'unknown-ca'],
    ])(
      'the search finds "%s"',
      async (words, code) => {
        const page = await open('policy.html');
        // The page listens to keys when its scripts have run.
        const isOpen = async (): Promise<boolean> => {
          await page.keyboard.press('Control+k');
          return page.evaluate<boolean>("document.querySelector('#localsearch-input') !== null");
        };
        await expect.poll(isOpen, { interval: 500 }).toBe(true);
        await page.locator('#localsearch-input').fill(words);
        const listFound = (): Promise<readonly string[]> =>
          page.evaluate("[...document.querySelectorAll('.results a.result')].slice(0, 2).map((a) => a.pathname)");
        await expect.poll(listFound).toContain(`${BASE}causes/${code}.html`);
      },
      120_000,
    );

    test('each page fits a phone: only tables and code scroll', async () => {
      const page = await open('', { width: 360 });
      const wide: string[] = [];
      for (const name of pages.keys()) {
        await page.goto(`${url}latest/${name}`);
        const width = await page.evaluate<number>('document.documentElement.scrollWidth');
        if (width > 360) wide.push(`${name}: ${width}`);
      }
      expect(wide).toEqual([]);
    }, 300_000);

    test('it is dark where the system is, and light where it is not', async () => {
      const lightness = async (colorScheme: string): Promise<number> => {
        const page = await open('causes/', { colorScheme });
        const color = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
        return Number(/\d+/.exec(color)?.[0]);
      };
      expect(await lightness('dark')).toBeLessThan(60);
      expect(await lightness('light')).toBeGreaterThan(240);
    }, 120_000);

    test('other versions are offered', async () => {
      const page = await open('rules/tag-explicit.html');
      const versions = await page.evaluate<string[]>(
        "[...document.querySelectorAll('.VPNavBarMenuGroup .VPMenu a')].map((a) => a.href)",
      );
      expect(versions).toEqual([`${url}latest/`, `${url}v0.1/`]);
    }, 120_000);

    test('nothing fails, and nothing is loaded from elsewhere', () => {
      expect(problems).toEqual([]);
    });
  });
});
