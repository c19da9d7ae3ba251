import { existsSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { readSources } from '../../scripts/site.ts';
import { buildSite, slugify, type SidebarItem } from '../../scripts/site-pages.ts';
import { CAUSES } from '../../src/cause/causes.ts';
import { RULES } from '../../src/rules/index.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const REPOSITORY = 'https://github.com/owner/name/blob/main';

type Front = Readonly<{ title: string; description: string; search?: boolean }>;

function readFront(page: string): Front {
  return JSON.parse(page.split('\n', 2)[1] ?? '') as Front;
}

function listLinks(items: readonly SidebarItem[]): readonly string[] {
  return items.flatMap(({ link, items: below = [] }) => [...(link === undefined ? [] : [link]), ...listLinks(below)]);
}

describe('the site', () => {
  const site = buildSite(readSources(), REPOSITORY);
  const routes = [...site.pages.keys()];
  const pathOf = (route: string): string => `/${route.replace(/(?:index)?\.md$/, '')}`;

  test.each(Object.keys(CAUSES))('has a page of %s, by the words of its event', (code) => {
    const page = site.pages.get(`causes/${code}.md`) ?? '';
    expect(page).toContain(`\n# ${readFront(page).title}\n`);
    expect(readFront(page).description).toContain(readFront(page).title);
    expect(readFront(page).search).not.toBe(false);
  });

  test.each(RULES.map(({ id }) => id))('has a page of %s that says what it finds', (id) => {
    expect(readFront(site.pages.get(`rules/${id}.md`) ?? '').title).toMatch(new RegExp(`^${id}: \\w`));
  });

  test('has every page once in its sidebar, so that it can be found: add new ones to docs/README.md', () => {
    const listed = listLinks(site.sidebar);
    expect(listed.toSorted()).toEqual(
      routes
        .map(pathOf)
        .filter((path) => path !== '/')
        .toSorted(),
    );
  });

  test('gives each page a title of its own and a description that search engines show whole', () => {
    const fronts = routes.map((route) => readFront(site.pages.get(route) ?? ''));
    expect(new Set(fronts.map(({ title }) => title)).size).toBe(routes.length);
    for (const { description } of fronts) {
      expect(description).toMatch(/^[^"]*[.…]$/);
      expect(description.length).toBeGreaterThan(20);
      expect(description.length).toBeLessThanOrEqual(160);
    }
  });

  test('links to its own pages, and to files that are in the repository', () => {
    for (const [route, page] of site.pages) {
      for (const [, target = ''] of page.matchAll(/\]\(([^)\s]+)\)/g)) {
        const [path = ''] = target.split('#');
        if (target.startsWith(REPOSITORY)) {
          expect(existsSync(ROOT + path.slice(REPOSITORY.length)), `${route}: ${target}`).toBe(true);
        } else if (path.startsWith('.')) {
          const linked = posix.join(posix.dirname(route), path);
          expect(site.pages.has(linked) || existsSync(`${ROOT}docs/${linked}`), `${route}: ${target}`).toBe(true);
        }
      }
    }
  });
});

describe('pages', () => {
  const CAUSE_PAGE = [
    '# Causes\n\nWhat events mean.\n\n| item | causes |\n|---|---|\n| 5. CA | [unknown-ca](#unknown-ca-x509-unknown--authority) |\n',
    '<a id="unknown-ca"></a>\n\n## unknown-ca: x509: unknown `authority`\n\nEvents with `x509`.\n\nA [CA](policy.md#ca) is\nmissing.\n',
    '<a id="no-host"></a>\n\n## no-host: no such host\n\nEvents with `no such host`.\n\nAs in [unknown-ca](#unknown-ca).\n',
  ].join('\n');
  const INDEX =
    '# Documentation\n\nWhat it is. More.\n\n## A Pod fails\n\nLook here.\n\n- [Causes](causes.md): all\n- [Policy](policy.md): keys\n';

  function build(files: Readonly<Record<string, string>>): ReturnType<typeof buildSite> {
    return buildSite(
      new Map(Object.entries({ 'docs/README.md': INDEX, 'docs/causes.md': CAUSE_PAGE, ...files })),
      REPOSITORY,
    );
  }

  test.each([
    ['of another page', '[a](policy.md)', '[a](./policy.md)'],
    ['of an anchor of another page', '[a](policy.md#ca)', '[a](./policy.md#ca)'],
    ['of an anchor of its own', '[a](#part)', '[a](#part)'],
    ['of the web', '[a](https://example.com/causes.md#b)', '[a](https://example.com/causes.md#b)'],
    ['of mail', '[a](mailto:a@example.com)', '[a](mailto:a@example.com)'],
    ['of all causes', '[a](causes.md)', '[a](./causes/index.md)'],
    ['of a cause by its code', '[a](causes.md#unknown-ca)', '[a](./causes/unknown-ca.md)'],
    ['of a cause by its heading', '[a](causes.md#unknown-ca-x509-unknown-authority)', '[a](./causes/unknown-ca.md)'],
    ['with code as their text', '[`a`](causes.md#no-host)', '[`a`](./causes/no-host.md)'],
    ['of a file that is no page', '[a](../action.yml)', `[a](${REPOSITORY}/action.yml)`],
    ['of an anchor of the README', '[a](../README.md#policy)', `[a](${REPOSITORY}/README.md#policy)`],
    ['of a picture', '![a](images/a.svg)', '![a](./images/a.svg)'],
    ['in code', '`[a](causes.md)`', '`[a](causes.md)`'],
    ['in a block of code', '```md\n[a](causes.md)\n```', '```md\n[a](causes.md)\n```'],
  ])('have links %s that lead to the same place', (_, written, expected) => {
    const { pages } = build({ 'docs/a.md': `# A\n\n${written}\n`, 'docs/policy.md': '# Policy\n' });
    expect(pages.get('a.md')).toContain(`\n---\n\n# A\n\n${expected}\n`);
  });

  test('of causes have the text of their section, and links that fit their folder', () => {
    const { pages } = build({ 'docs/policy.md': '# Policy\n' });
    const page = pages.get('causes/unknown-ca.md') ?? '';
    expect(readFront(page)).toEqual({
      title: 'x509: unknown `authority`',
      titleTemplate: ':title · failed image pull in Kubernetes',
      description: "Kubernetes event 'x509: unknown `authority`': A CA is missing.",
    });
    expect(page).toContain(
      '\n# x509: unknown `authority`\n\nEvents with `x509`.\n\nA [CA](../policy.md#ca) is\nmissing.\n',
    );
    expect(page).not.toContain('no such host');
    expect(pages.get('causes/no-host.md')).toContain('[unknown-ca](./unknown-ca.md)');
  });

  test('of all causes still have the anchors that diagnose prints', () => {
    const page = build({}).pages.get('causes/index.md') ?? '';
    expect(page).toContain('<a id="no-host"></a>[no such host](./no-host.md): Events with `no such host`.');
    expect(page).not.toContain('missing');
  });

  test('are in the sidebar by the sections of the index, causes below theirs', () => {
    expect(build({ 'docs/policy.md': '# Policy\n' }).sidebar).toEqual([
      {
        text: 'A Pod fails',
        items: [
          {
            text: 'Causes',
            link: '/causes/',
            collapsed: true,
            items: [{ text: '5. CA', collapsed: true, items: [{ text: 'unknown-ca', link: '/causes/unknown-ca' }] }],
          },
          { text: 'Policy', link: '/policy' },
        ],
      },
    ]);
  });

  test('of causes that cannot be read end the build', () => {
    expect(() => build({ 'docs/causes.md': '# C\n\n<a id="a"></a>\n\n## without a code\n\ntext\n' })).toThrow(
      'docs/causes.md: not a section of a cause: ## without a code',
    );
  });
});

test.each([
  ['What --fix writes', 'what---fix-writes'],
  [
    "web-page: invalid character '<' looking for beginning of value",
    'web-page-invalid-character--looking-for-beginning-of-value',
  ],
  ['`pullguard image` & Co.', 'pullguard-image--co'],
  ['Größe_1', 'größe_1'],
])('the anchor of "%s" is that of GitHub', (heading, anchor) => {
  expect(slugify(heading)).toBe(anchor);
});
