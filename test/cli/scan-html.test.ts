import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import axe from 'axe-core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatScanHtml } from '../../src/cli/formats/scan-html.ts';
import { CHROMIUM, startChromium, type Browser, type Page } from '../support/chromium.ts';
import { scanReport } from '../support/scan-reports.ts';
import { pullFailure, UNKNOWN_CA, waitingPod, warning } from '../support/waiting-objects.ts';

const HARBOR = 'harbor.example.com/team/app:v1';

/** Something of everything that a report shows. */
const SHOP = scanReport({
  deployments: [
    ['shop', 'web', 'NGINX:1.25'],
    ['shop', 'cart', 'nginx:1.25'],
    ['bank', 'ledger', 'registry.example.com:5000'],
    ['bank', 'fine', 'ghcr.io/a/b:1'],
  ],
  pods: [waitingPod({ name: 'api-5d9-a', image: HARBOR, deployment: 'api' })],
  events: [warning({ about: 'api-5d9-a', message: pullFailure(HARBOR, UNKNOWN_CA) })],
  errors: ['daemonsets.apps cannot be listed'],
});

/** Attributes of elements, as a browser would read them. */
const attributes = (page: string, name: string): readonly string[] =>
  [...page.matchAll(new RegExp(`<[a-z][^>]*\\s${name}="([^"]*)"`, 'g'))].map(([, value = '']) => value);

test('what fails now comes first, with the reason and what to do, and then what may', () => {
  const page = formatScanHtml(SHOP);
  const heads = [...page.matchAll(/<h3>(.*?)<\/h3>/gs)].map(([, head = '']) => head.replaceAll(/<[^>]*>/g, '').trim());
  expect(heads).toEqual([
    'waiting 1 Pod of 1 Deployment: harbor.example.com: unknown CA (FAQ check item 5)',
    'error 1 finding: reference-valid',
    'warning 1 finding: docker.io: reference-valid',
  ]);
  expect(page).toContain('<title>Image pulls in prod-eu, 2026-06-01T12:15Z</title>');
  expect(page).toContain('Add the CA on each node');
  expect(page).toContain('This report is incomplete: 1 problem reading the cluster');
});

test('names and messages of users are text: they end no element, attribute, style or script, and reorder no line', () => {
  const attack = `"'><img src=x onerror=alert(1)></style></script><script>alert(2)</script>\u202Ecod`;
  const pod = waitingPod({ namespace: attack, name: attack, image: attack, node: attack, message: attack });
  const page = formatScanHtml(
    scanReport(
      {
        deployments: [
          [attack, attack, attack],
          ['shop', attack, `${attack}:1`],
        ],
        pods: [
          pod,
          waitingPod({ name: 'b', image: HARBOR, reason: 'ErrImagePull', message: pullFailure(attack, attack) }),
        ],
        errors: [attack],
      },
      { cluster: attack, policy: attack, namespaces: [attack] },
    ),
  );
  expect(page.includes('<img')).toBe(false);
  expect(page.match(/<script/g)).toHaveLength(1);
  expect(page.match(/<\/style/g)).toHaveLength(1);
  const bare = page.replaceAll(/"[^"]*"/g, '');
  expect([...bare.matchAll(/<[^>]*\son[a-z]+=/g)]).toEqual([]);
  expect(page.includes('\u202E')).toBe(false);
  expect(page.includes('alert(1)')).toBe(true);
});

/** What begins, ends or hides markup. */
const ATTACKS = [
  '<',
  '>',
  '&',
  '"',
  "'",
  '`',
  '/',
  '=',
  '!--',
  ' ',
  'script',
  'on',
  'x',
  '\n',
  '\u0000',
  '\u2028',
  '\ud800',
];

test('whatever a text has in it, the elements of the page are the same', () => {
  const tagsOf = (text: string): readonly string[] => {
    const page = formatScanHtml(
      scanReport({ deployments: [['shop', text, 'NGINX']] }, { cluster: text, policy: text }),
    );
    return [...page.replaceAll(/"[^"]*"/g, '').matchAll(/<[!/]?[a-z]+|-->|\son[a-z]+=/gi)].map(([tag]) => tag);
  };
  const usual = tagsOf('web');
  const text = fc.string({ unit: fc.constantFrom(...ATTACKS), maxLength: 40 });
  fc.assert(
    fc.property(text, (written) => {
      expect(tagsOf(`x${written}`)).toEqual(usual);
    }),
    { numRuns: 50, seed: 1 },
  );
});

test('no password of an image is in it', () => {
  const image = 'https://admin:s3cret@registry.example/app:1';
  const message = pullFailure(image, `Get "https://admin:s3cret@registry.example/v2/?token=abc": EOF`);
  const pod = waitingPod({ name: 'a', image, reason: 'ErrImagePull', message });
  const page = formatScanHtml(scanReport({ deployments: [['shop', 'web', image]], pods: [pod] }));
  expect([page.includes('***@'), page.includes('s3cret')]).toEqual([true, false]);
});

test('it asks for nothing from anywhere, and lets nothing run but its own style and script', () => {
  const page = formatScanHtml(SHOP);
  const [policy = ''] = attributes(page, 'content').filter((value) => value.startsWith('default-src'));
  expect(policy).toContain('default-src &#39;none&#39;;');
  for (const element of ['style', 'script']) {
    const [, text = ''] = new RegExp(`<${element}>(.*?)</${element}>`, 's').exec(page) ?? [];
    expect(policy).toContain(`${element}-src &#39;sha256-${createHash('sha256').update(text).digest('base64')}&#39;`);
  }
  expect(
    [...attributes(page, 'href'), ...attributes(page, 'src')].filter(
      (to) => !/^(?:#|data:,$|https:\/\/github\.com\/pullguard\/pullguard\/blob\/main\/docs\/)/.test(to),
    ),
  ).toEqual([]);
  expect(page).not.toMatch(/@import|url\(|style="/);
});

test('of a huge cluster it has the most urgent, some of each namespace, and says how much it leaves out', () => {
  const many = Array.from({ length: 2100 }, (_, at) => ['noisy', `web-${at}`, 'NGINX:1'] as const);
  const few = Array.from({ length: 40 }, (_, at) => [`team-${at}`, 'web', 'NGINX:1'] as const);
  const pods = Array.from({ length: 700 }, (_, at) => waitingPod({ name: `p${at}`, image: `${HARBOR}-${at}` }));
  const page = formatScanHtml(scanReport({ deployments: [...many, ...few], pods }));
  expect(Buffer.byteLength(page)).toBeLessThan(4_000_000);
  expect(/[\d,]+ of [\d,]+ findings/.exec(page)?.[0]).toMatch(/^2,000 of \d,\d{3} findings$/);
  expect(/[\d,]+ more not shown/.exec(page)?.[0]).toBe('200 more not shown');
  const namespaces = new Set(attributes(page, 'data-namespace'));
  for (const [namespace] of few) expect(namespaces).toContain(namespace);
});

test('each id is there once, and what is named by one is there', () => {
  const page = formatScanHtml(SHOP);
  const ids = attributes(page, 'id');
  expect(ids).toEqual([...new Set(ids)]);
  const wanted = [
    ...attributes(page, 'aria-labelledby'),
    ...attributes(page, 'href').flatMap((to) => (to.startsWith('#') ? [to.slice(1)] : [])),
  ];
  expect(wanted.filter((id) => !ids.includes(id))).toEqual([]);
});

if (CHROMIUM === undefined) test.skip('the page was not opened: there is no chromium on PATH', () => undefined);

describe.runIf(CHROMIUM !== undefined)('in Chromium', { timeout: 60_000 }, () => {
  let browser: Browser;
  let page: Page;
  let folder = '';
  let url = '';

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'pullguard-html-'));
    const file = join(folder, 'report.html');
    writeFileSync(file, formatScanHtml(SHOP));
    url = pathToFileURL(file).href;
    browser = startChromium();
    page = await browser.newPage();
  }, 60_000);

  afterAll(async () => {
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Owners of the findings that are to be seen, each once. */
  const listShown = async (): Promise<readonly string[]> =>
    page.evaluate(
      `[...new Set([...document.querySelectorAll('#rows tr')].filter((row) => row.checkVisibility()).map((row) => row.cells[1].firstChild.textContent.trim()))]`,
    );
  const set = async (field: string, value: string): Promise<void> =>
    page.evaluate(
      `{ const field = document.querySelector('#filter [name=${field}]'); field.value = ${JSON.stringify(value)}; field.dispatchEvent(new Event('input', { bubbles: true })); }`,
    );
  const click = async (selector: string): Promise<void> =>
    page.evaluate(
      `document.querySelector(${JSON.stringify(selector)}).click(), new Promise((done) => setTimeout(done, 50))`,
    );

  test('findings are searched and filtered, also by a click on a bar, and shown again', async () => {
    await page.open(url);
    const all = await listShown();
    expect(all[0]).toBe('Deployment/web');
    await set('search', 'LEDGER  5000');
    expect(await listShown()).toEqual(['Deployment/ledger']);
    expect(await page.evaluate(`document.querySelector('#count').textContent`)).toMatch(/^\d of \d+ shown$/);
    await set('search', '');
    await set('level', 'error');
    expect(await listShown()).toEqual(['Deployment/web']);
    await click('#filter button');
    expect(await listShown()).toEqual(all);
    await click('a[data-value=bank]');
    expect(await listShown()).toEqual(['Deployment/ledger']);
  });

  test('it asks for nothing, and neither it nor the browser complains', async () => {
    await page.open(url);
    expect(new Set(page.requests)).toEqual(new Set([url]));
    expect(page.complaints).toEqual([]);
  });

  test('without its script, as where a server forbids it, everything is there but the filter', async () => {
    await page.send('Emulation.setScriptExecutionDisabled', { value: true });
    await page.open(url);
    await page.send('Emulation.setScriptExecutionDisabled', { value: false });
    expect((await listShown()).length).toBeGreaterThan(2);
    expect(await page.evaluate(`document.querySelector('#filter').checkVisibility()`)).toBe(false);
  });

  // The colors go by the scheme alone, and the layout by the width alone.
  test.each([
    ['light', 1280],
    ['dark', 320],
  ])('it meets WCAG 2.2 AA and fits, %s, %i pixels wide', async (scheme, width) => {
    await page.send('Emulation.setDeviceMetricsOverride', {
      width,
      height: 800,
      deviceScaleFactor: 1,
      mobile: width < 500,
    });
    await page.send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] });
    // Its own policy forbids the script of the checker.
    await page.send('Page.setBypassCSP', { enabled: true });
    await page.open(url);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
    await page.evaluate(`${axe.source};0`);
    const violations = `axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes[0].html]))`;
    expect(await page.evaluate(violations)).toEqual([]);
  });

  test('on paper it is light, has no filter, and every finding', async () => {
    await page.send('Emulation.setEmulatedMedia', {
      media: 'print',
      features: [{ name: 'prefers-color-scheme', value: 'dark' }],
    });
    await page.open(url);
    expect(await page.evaluate(`getComputedStyle(document.body).backgroundColor`)).toBe('rgb(255, 255, 255)');
    expect(await page.evaluate(`document.querySelector('#filter').checkVisibility()`)).toBe(false);
    const { data } = await page.send('Page.printToPDF');
    expect(
      Buffer.from(data as string, 'base64')
        .subarray(0, 5)
        .toString(),
    ).toBe('%PDF-');
  });
});
