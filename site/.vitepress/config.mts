import { readFileSync } from 'node:fs';
import { defineConfig, type DefaultTheme } from 'vitepress';
import { slugify, type Site } from '../../scripts/site-pages.ts';

/** What scripts/site.ts wrote beside the pages. */
type Settings = Omit<Site, 'pages'> &
  Readonly<{ url: string; version: string; versions: readonly string[]; latest: string; repository: string }>;

const site = JSON.parse(readFileSync(new URL('../.generated/site.json', import.meta.url), 'utf8')) as Settings;
const latestUrl = `${site.url}${site.latest}/`;

export default defineConfig({
  title: 'pullguard',
  titleTemplate: ':title · pullguard',
  description: 'Prevents failed image pulls in Kubernetes, and explains those that happen',
  lang: 'en',
  srcDir: '.generated/pages',
  metaChunk: true,
  head: [['link', { rel: 'icon', href: `${new URL(site.url).pathname}${site.version}/icon.svg` }]],
  markdown: {
    anchor: { slugify },
    attrs: { disable: true },
    config: ({ renderer: { rules } }) => {
      // Code has the braces of Helm and of Go templates, which are also those of Vue.
      const render = rules.code_inline!;
      rules.code_inline = (...args) => render(...args).replace('<code', '<code v-pre');
    },
  },
  ...(site.version === site.latest && { sitemap: { hostname: latestUrl } }),
  // Search engines are to show one version of a page.
  transformHead: ({ page, title, description }) => [
    [
      'link',
      { rel: 'canonical', href: `${latestUrl}${page.replace(/(^|\/)index\.md$/, '$1').replace(/\.md$/, '.html')}` },
    ],
    ['meta', { property: 'og:title', content: title }],
    ['meta', { property: 'og:description', content: description }],
  ],
  themeConfig: {
    logo: '/icon.svg',
    nav: [
      ...site.nav,
      {
        text: site.version,
        items: site.versions.map((text) => ({ text, link: `${site.url}${text}/`, target: '_self', noIcon: true })),
      },
    ],
    sidebar: site.sidebar as DefaultTheme.SidebarItem[],
    outline: [2, 3],
    socialLinks: [{ icon: 'github', link: site.repository }],
    search: {
      provider: 'local',
      options: {
        translations: { button: { buttonText: 'Search an event', buttonAriaLabel: 'Search an event' } },
        // The words of an event stand on many pages; most people who search for them want the page of its cause.
        miniSearch: {
          searchOptions: {
            boostDocument: (id: string) =>
              /\/causes\/[^#]/.test(id) ? 2 : /\/(?:decisions|changelog|contributing|style)\b/.test(id) ? 0.5 : 1,
          },
        },
      },
    },
  },
});
