import { stripPrefix, type ImagePrefix, type Mirror } from './policy.ts';
import { isDomain, isPath, normalizeName } from '../image/reference.ts';
import { quote } from '../text/quote.ts';
import { joinPointer } from '../text/json.ts';
import type { Report } from './describe-schema-error.ts';

/** A mirror in a policy file, as its schema lets it be. */
export type MirrorFile = Readonly<{ from: string; to: string }>;

/** `at`: where it stands in the file's list. */
export type BuiltMirror = Mirror & Readonly<{ at: number }>;

/** Mirrors as far as they make sense. */
export function buildMirrors(mirrors: readonly MirrorFile[], report: Report): readonly BuiltMirror[] {
  const built = mirrors.flatMap(({ from, to }, at) => {
    const prefixes = { from: parsePrefix(from), to: parsePrefix(to) };
    for (const side of ['from', 'to'] as const) {
      const given = side === 'from' ? from : to;
      const message = `${quote(given)} is not a registry, with or without a path: write host[:port][/path]`;
      if (prefixes[side] === undefined) report(joinPointer('/mirrors', at, side), message);
    }
    return prefixes.from === undefined || prefixes.to === undefined
      ? []
      : [{ from: prefixes.from, to: prefixes.to, at }];
  });
  for (const [position, mirror] of built.entries()) checkMirror(mirror, built, built.slice(0, position), report);
  return built;
}

function checkMirror(
  { from, to, at }: BuiltMirror,
  all: readonly BuiltMirror[],
  earlier: readonly BuiltMirror[],
  report: Report,
): void {
  const next = all.find((other) => overlaps(to, other.from));
  if (next !== undefined) {
    const message = `images on this mirror would be mirrored again by mirrors[${next.at}]; a mirror must lie outside every "from"`;
    report(joinPointer('/mirrors', at, 'to'), message);
  }
  const first = earlier.find((other) => isWithin(from, other.from));
  if (first !== undefined) {
    const message = `never used, as mirrors[${first.at}] takes all these images before; put the narrower "from" first`;
    report(joinPointer('/mirrors', at, 'from'), message);
  }
}

/** Whether an image under `to` is, or can be, under `from` as well. */
function overlaps(to: ImagePrefix, from: ImagePrefix): boolean {
  return isWithin(to, from) || isWithin(from, to);
}

/** Whether every image under `inner` is under `outer`. */
function isWithin(inner: ImagePrefix, outer: ImagePrefix): boolean {
  const repository = inner.path === '' ? 'any' : `${inner.path}/any`;
  return stripPrefix({ registry: inner.registry, repository }, outer) !== undefined;
}

function parsePrefix(text: string): ImagePrefix | undefined {
  const slash = text.indexOf('/');
  const domain = slash < 0 ? text : text.slice(0, slash);
  const path = slash < 0 ? '' : text.slice(slash + 1).replace(/\/$/, '');
  const named = domain === 'localhost' || /[.:]/.test(domain);
  if (!named || !isDomain(domain) || (path !== '' && !isPath(path))) return undefined;
  return { registry: normalizeName(domain, '/').registry, path };
}
