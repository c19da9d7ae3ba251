/**
 * The pages of the documentation site, from the files in docs/. These are written for GitHub and stay unchanged; what a site
 * needs in addition is derived here. docs/README.md is the home page, and its sections are the navigation. docs/causes.md becomes
 * one page for each cause, as people search the web for the text of one event.
 */
import { posix } from 'node:path';

const INDEX = 'docs/README.md';
const CAUSES = 'docs/causes.md';
/** Number of characters of a description that search engines show. */
const DESCRIPTION_LENGTH = 160;

/** A page of VitePress: front matter and Markdown. */
type Page = Readonly<{ front: Readonly<Record<string, unknown>>; text: string }>;
export type SidebarItem = Readonly<{
  text: string;
  link?: string;
  collapsed?: boolean;
  items?: readonly SidebarItem[];
}>;

export type Site = Readonly<{
  /** Texts by path in the site, `causes/unknown-ca.md`. */
  pages: ReadonlyMap<string, string>;
  nav: readonly Readonly<{ text: string; link: string; activeMatch: string }>[];
  sidebar: readonly SidebarItem[];
}>;

type Cause = Readonly<{ code: string; name: string; text: string }>;
type Link = Readonly<{ text: string; file: string; about: string }>;
type Section = Readonly<{ title: string; text: string; links: readonly Link[] }>;

/**
 * @param sources Markdown by its path in the repository
 * @param repository base URL for files that are not pages, `https://github.com/owner/name/blob/main`
 */
export function buildSite(sources: ReadonlyMap<string, string>, repository: string): Site {
  const { intro, causes } = splitCauses(sources.get(CAUSES) ?? '');
  const relink = (text: string, file: string, route: string): string =>
    replaceLinks(text, (target) => resolveLink(target, { file, route, sources, causes, repository }));
  const sections = readSections(sources.get(INDEX) ?? '');
  const pages = new Map<string, string>();
  const add = (file: string, { front, text }: Page, route = routeOf(file)): void => {
    pages.set(route, `---\n${JSON.stringify(front)}\n---\n\n${relink(text, file, route)}`);
  };
  for (const [file, text] of sources) add(file, toPage(file, text));
  add(INDEX, unsearched(toHome(sources.get(INDEX) ?? '', sections)));
  add(CAUSES, unsearched(toPage(CAUSES, `${intro}\n## All causes\n\n${causes.map(listCause).join('\n')}\n`)));
  for (const cause of causes) add(CAUSES, toCausePage(cause), `causes/${cause.code}.md`);
  return { pages, nav: toNav(sections), sidebar: toSidebar(sections, sources, { intro, causes }) };
}

/** The id of a heading, as GitHub creates it. VitePress uses the same, so that one link works on both. */
export function slugify(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

/** `docs/rules/README.md` is `rules/index.md`, `SECURITY.md` is `security.md`. A folder and a page never have the same name. */
export function routeOf(file: string): string {
  if (file === CAUSES) return 'causes/index.md';
  const route = file.startsWith('docs/') ? file.slice('docs/'.length) : file.toLowerCase();
  return route.replace(/(^|\/)README\.md$/, '$1index.md');
}

/** The sections of docs/causes.md, each with its anchor, and the text above them. */
function splitCauses(page: string): Readonly<{ intro: string; causes: readonly Cause[] }> {
  const [intro = '', ...sections] = page.split(/^<a id="[a-z\d-]+"><\/a>\n\n(?=## )/m);
  const causes = sections.map((section) => {
    const [, code = '', name = '', text = ''] = /^## ([a-z\d-]+): (.*)\n\n([^]*)$/.exec(section) ?? [];
    if (code === '') throw new Error(`${CAUSES}: not a section of a cause: ${section.slice(0, 60)}`);
    return { code, name, text };
  });
  return { intro, causes };
}

/** A line with the anchor that `diagnose` prints. */
function listCause({ code, name, text }: Cause): string {
  const [events = ''] = text.split('\n\n');
  return `- <a id="${code}"></a>[${name}](#${code}): ${events.replaceAll('\n', ' ')}`;
}

function toCausePage({ code, name, text }: Cause): Page {
  const [, meaning = ''] = text.split('\n\n');
  const more = [
    'Replace the names in capitals, and the sample registry `harbor.example.com`.',
    `[\`pullguard diagnose\`](diagnose.md) prints what to do with the real names; its code of this cause is \`${code}\`:`,
  ].join(' ');
  const command = '```sh\nkubectl -n NAMESPACE describe pod POD | pullguard diagnose -\n```';
  return {
    front: {
      title: name,
      titleTemplate: ':title · failed image pull in Kubernetes',
      description: shorten(`Kubernetes event "${name}": ${toPlain(meaning)}`),
    },
    // Without a heading: the search would find it on every page.
    text: `# ${name}\n\n${text.trim()}\n\n---\n\n${more}\n\n${command}\n\n[All causes of failed image pulls](causes.md)\n`,
  };
}

/** A file in docs/, unchanged. On the page of a rule, the line below the title says what it finds. */
function toPage(file: string, text: string): Page {
  const [, title = ''] = /^# (.*)$/m.exec(text) ?? [];
  const paragraphs = text
    .slice(text.indexOf(title) + title.length)
    .split('\n\n')
    .map((paragraph) => paragraph.trim())
    .filter((paragraph) => /^[^#|`<\s-]|^`(?!``)/.test(paragraph));
  const [first = '', second = ''] = paragraphs.map(toPlain);
  const isRule = file.startsWith('docs/rules/');
  return {
    front: {
      title: isRule ? `${title}: ${first.replace(/^Finds /, '').replace(/[,:.].*$/, '')}` : toPlain(title),
      description: shorten(isRule ? `${first} ${second}` : first),
    },
    text,
  };
}

/** Excludes a page from the search. The pages that it links to have the same text, and should be found instead. */
function unsearched({ front, text }: Page): Page {
  return { front: { ...front, search: false }, text };
}

/** The index, with its sections as cards at the top. */
function toHome(text: string, sections: readonly Section[]): Page {
  const [, lead = ''] = text.split('\n\n');
  const tagline = toPlain(lead.replace(/\. .*$/s, '.'));
  const linked = sections.flatMap((section) => {
    const [first] = section.links;
    return first === undefined ? [] : [{ ...section, link: toPath(first.file) }];
  });
  return {
    front: {
      title: 'pullguard',
      titleTemplate: 'failed image pulls in Kubernetes',
      description: shorten(tagline),
      layout: 'home',
      hero: { name: 'pullguard', tagline },
      features: linked
        .slice(0, 3)
        .map((section) => ({ title: section.title, details: section.text, link: section.link })),
    },
    text: text.split('\n\n').slice(2).join('\n\n'),
  };
}

function readSections(index: string): readonly Section[] {
  return index
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const [title = '', ...rest] = section.split('\n');
      const links = [...section.matchAll(/^- \[([^\]]+)\]\(([^)]+)\): (.*)$/gm)].map(
        ([, text = '', file = '', about = '']) => ({ text, file: posix.join('docs', file), about }),
      );
      return { title, text: toPlain(rest.join('\n').trim().split('\n\n')[0] ?? ''), links };
    });
}

function toNav(sections: readonly Section[]): Site['nav'] {
  return sections.flatMap(({ title, links: [first, ...others] }) =>
    first === undefined
      ? []
      : [{ text: title, link: toPath(first.file), activeMatch: [first, ...others].map(matchPath).join('|') }],
  );
}

/** The pages in a folder belong to its index. */
function matchPath({ file }: Link): string {
  const path = toPath(file);
  return path.endsWith('/') ? `^${path}` : `^${path}(?:\\.html)?$`;
}

function toSidebar(
  sections: readonly Section[],
  sources: ReadonlyMap<string, string>,
  causes: ReturnType<typeof splitCauses>,
): readonly SidebarItem[] {
  const below: Readonly<Record<string, readonly SidebarItem[]>> = {
    [CAUSES]: groupCauses(causes),
    'docs/decisions/README.md': [...sources]
      .filter(([file]) => /^docs\/decisions\/\d/.test(file))
      .map(([file, text]) => ({ text: toPlain(/^# (.*)$/m.exec(text)?.[1] ?? file), link: toPath(file) })),
  };
  return sections.map(({ title, links }) => ({
    text: title,
    items: links.map(({ text, file }) => {
      const items = below[file];
      return { text, link: toPath(file), ...(items !== undefined && { items, collapsed: true }) };
    }),
  }));
}

/** The rows of the table above the causes, `| 4. no disk space | [disk-full](#…) |`. */
function groupCauses({ intro, causes }: ReturnType<typeof splitCauses>): readonly SidebarItem[] {
  const known = new Set(causes.map(({ code }) => code));
  return [...intro.matchAll(/^\| (.*?) \| (\[.*) \|$/gm)].map(([, title = '', cells = '']) => ({
    text: toPlain(title),
    collapsed: true,
    items: [...cells.matchAll(/\[([^\]]+)\]/g)]
      .map(([, code = '']) => code)
      .filter((code) => known.has(code))
      .map((code) => ({ text: code, link: `/causes/${code}` })),
  }));
}

function toPath(file: string): string {
  return `/${routeOf(file).replace(/(?:index)?\.md$/, '')}`;
}

type Place = Readonly<{
  file: string;
  route: string;
  sources: ReadonlyMap<string, string>;
  causes: readonly Cause[];
  repository: string;
}>;

/** Converts a link in a file for its page: to another page, to the page of a cause, or to the repository. */
function resolveLink(target: string, { file, route, sources, causes, repository }: Place): string {
  if (/^[a-z]+:/.test(target)) return target;
  const [path = '', anchor] = target.split('#');
  const linked = path === '' ? file : posix.join(posix.dirname(file), path);
  if (/\.(?:svg|png)$/.test(linked)) return relate(route, linked.replace(/^docs\//, ''));
  if (!sources.has(linked)) return `${repository}/${linked}${anchor === undefined ? '' : `#${anchor}`}`;
  const cause =
    linked === CAUSES && causes.find(({ code, name }) => anchor === code || anchor === slugify(`${code}: ${name}`));
  if (cause) return relate(route, `causes/${cause.code}.md`);
  if (anchor === undefined) return relate(route, routeOf(linked));
  return path === '' ? `#${anchor}` : `${relate(route, routeOf(linked))}#${anchor}`;
}

function relate(from: string, to: string): string {
  const path = posix.relative(posix.dirname(from), to);
  return path.startsWith('.') ? path : `./${path}`;
}

/** Replaces links in text, but not in code. A link may have code as its text. */
function replaceLinks(text: string, replace: (target: string) => string): string {
  return text.replaceAll(
    /^ *```[^]*?^ *```$|`[^`\n]+`|\]\(([^)\s]+)\)/gm,
    (whole: string, target: string | undefined) => (target === undefined ? whole : `](${replace(target)})`),
  );
}

/** Markdown without its markup. */
function toPlain(markdown: string): string {
  return markdown
    .replaceAll(/\[([^\]]+)\]\([^)]*\)/g, '$1')
    .replaceAll(/`([^`]*)`/g, '$1')
    .replaceAll('**', '')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

/** Ends after a sentence if one fits, otherwise after a word. Without double quotes, as VitePress does not escape attributes. */
function shorten(text: string): string {
  const whole = text.replace(/:$/, '.').replaceAll('"', "'");
  if (whole.length <= DESCRIPTION_LENGTH && whole.endsWith('.')) return whole;
  const cut = whole.slice(0, DESCRIPTION_LENGTH - 1);
  const sentence = cut.lastIndexOf('. ');
  return sentence > DESCRIPTION_LENGTH / 3 ? cut.slice(0, sentence + 1) : `${cut.slice(0, cut.lastIndexOf(' '))}…`;
}
