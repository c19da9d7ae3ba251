import { isDomain, isPath, MAX_REPOSITORY_LENGTH, normalizeName } from '../../image/reference.ts';
import { joinPointer } from '../../text/json.ts';
import { quote } from '../../text/quote.ts';
import type { ImagePrefix, Mirror } from '../policy.ts';
import { listOf, objectOf, TEXT, type Report } from '../section.ts';

export const mirrorsSchema = listOf(
  objectOf(
    {
      from: { ...TEXT, instead: 'from.invalid', description: 'a registry, or a registry and a path' },
      to: { ...TEXT, instead: 'to.invalid', description: 'what replaces it, in the same form' },
    },
    { required: ['from', 'to'], instead: { from: 'from.invalid', to: 'to.invalid' } },
  ),
  { default: [], description: 'registries whose images are pulled from a mirror instead' },
);

export type MirrorFile = Readonly<{ from: string; to: string }>;

/** `at`: the position in the file's list. */
export type BuiltMirror = Mirror & Readonly<{ at: number }>;

/** The valid mirrors. */
export function buildMirrors(file: readonly MirrorFile[] = [], report: Report): readonly BuiltMirror[] {
  const mirrors = file.flatMap(({ from, to }, at) => {
    const built = { from: parsePrefix(from), to: parsePrefix(to) };
    if (built.from === undefined) report(joinPointer('/mirrors', at, 'from'), describeNoRegistry(from));
    if (built.to === undefined) report(joinPointer('/mirrors', at, 'to'), describeNoRegistry(to));
    return built.from === undefined || built.to === undefined ? [] : [{ from: built.from, to: built.to, at }];
  });
  const { around, within } = findFirsts(mirrors);
  for (const { from, to, at } of mirrors) {
    const next = Math.min(around(to), within(to));
    if (next < Infinity) report(joinPointer('/mirrors', at, 'to'), describeAgain(next));
    const first = around(from);
    if (first < at) report(joinPointer('/mirrors', at, 'from'), describeUnused(first));
  }
  return mirrors;
}

function describeNoRegistry(text: string): string {
  return `${quote(text)} is not a registry, or a registry and a path: write host[:port][/path]`;
}

function describeAgain(next: number): string {
  return `mirrors[${next}] would mirror images on this mirror again: use a mirror outside every "from"`;
}

function describeUnused(first: number): string {
  return `never used, as mirrors[${first}] matches all these images first: put the narrower "from" first`;
}

function parsePrefix(text: string): ImagePrefix | undefined {
  const slash = text.indexOf('/');
  const domain = slash < 0 ? text : text.slice(0, slash);
  const path = slash < 0 ? '' : text.slice(slash + 1).replace(/\/$/, '');
  const named = domain === 'localhost' || /[.:]/.test(domain);
  if (!named || !isDomain(domain) || (path !== '' && !isPath(path)) || path.length > MAX_REPOSITORY_LENGTH)
    return undefined;
  return { registry: normalizeName(domain, '/').registry, path };
}

/** The index of the first mirror for all images under a prefix, and for some of them; `Infinity` for none. */
type Firsts = Readonly<Record<'around' | 'within', (prefix: ImagePrefix) => number>>;

/** Indexes mirrors by prefix, so that thousands of them need not be compared with one another. */
function findFirsts(mirrors: readonly BuiltMirror[]): Firsts {
  const ofPlace = new Map<string, number>();
  const belowPlace = new Map<string, number>();
  for (const { from, at } of mirrors.toReversed()) {
    ofPlace.set(formatPrefix(from), at);
    for (const place of listPlaces(from)) belowPlace.set(place, at);
  }
  return {
    around: (prefix) => Math.min(...listPlaces(prefix).map((place) => ofPlace.get(place) ?? Infinity)),
    within: (prefix) => belowPlace.get(formatPrefix(prefix)) ?? Infinity,
  };
}

/** `a.example`, `a.example/b` and `a.example/b/c` for the last one. */
function listPlaces(prefix: ImagePrefix): readonly string[] {
  const text = formatPrefix(prefix);
  const places = [text];
  for (let slash = text.indexOf('/'); slash >= 0; slash = text.indexOf('/', slash + 1)) {
    places.push(text.slice(0, slash));
  }
  return places;
}

export function formatPrefix({ registry, path }: ImagePrefix): string {
  return path === '' ? registry : `${registry}/${path}`;
}
