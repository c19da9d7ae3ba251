import { matchGlob, parseGlob, type Glob } from '../text/glob.ts';
import { splitDomain, splitPrefix, type ImageReference } from './reference.ts';

/**
 * A set of images by registry and path, `swr.*.otc.t-systems.com/team`. Matches as kubelet matches the keys of a pull secret
 * (`pkg/credentialprovider/keyring.go`): the same number of host labels, each matching its glob, case-sensitive; the same port or
 * none on both sides; the path is a prefix of the repository.
 */
export type HostPattern = Readonly<{ text: string; labels: readonly Glob[]; port: string | undefined; path: string }>;

/** Reads a pattern; undefined when a glob in it is malformed. */
export function parseHostPattern(text: string): HostPattern | undefined {
  const { registry, path } = splitPrefix(text);
  const { host, port } = splitDomain(registry);
  const labels = splitLabels(host).map((label) => parseGlob(label));
  if (!labels.every((label) => label !== undefined)) return undefined;
  return { text, labels, port, path };
}

/** The parts of an image that patterns are compared with; split once for any number of patterns. */
export type HostTarget = Readonly<{ labels: readonly string[]; port: string | undefined; repository: string }>;

export function toHostTarget({ registry, repository }: ImageReference): HostTarget {
  const { host, port } = splitDomain(registry);
  return { labels: splitLabels(host), port, repository };
}

export function matchHostPattern(
  pattern: Pick<HostPattern, 'labels' | 'port' | 'path'>,
  { labels, port, repository }: HostTarget,
): boolean {
  if (labels.length !== pattern.labels.length || port !== pattern.port) return false;
  return repository.startsWith(pattern.path) && pattern.labels.every((glob, at) => matchGlob(glob, labels[at] ?? ''));
}

/** An IPv6 address is one label, without its brackets, which would be read as a character class. */
function splitLabels(host: string): readonly string[] {
  return host.startsWith('[') && host.endsWith(']') ? [host.slice(1, -1)] : host.split('.');
}
