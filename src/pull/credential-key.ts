import { matchHostPattern, type HostPattern, type HostTarget } from '../image/host-pattern.ts';
import { DOCKER_HUB, type ImageReference } from '../image/reference.ts';
import { matchGlob, parseGlob, type Glob } from '../text/glob.ts';
import { memoize, memoizeByObject } from '../text/memoize.ts';
import { parseUrl, splitHostPort } from './parse-url.ts';

/** A key under `auths` in a pull secret, as kubelet parses it. */
export type CredentialKey = Readonly<{
  /** As written, but without user name, query and fragment, as kubelet stores it. */
  text: string;
  /** The images that it matches; undefined if it matches none. */
  pattern: Pick<HostPattern, 'labels' | 'port' | 'path'> | undefined;
  /** The key in kubelet's index: without the scheme, and without the API version that docker writes. */
  indexed: string;
  /** Whether it is a key for the default registry, Docker Hub. */
  isDefaultRegistry: boolean;
}>;

/**
 * Parses a key as kubelet does (`pkg/credentialprovider/keyring.go`, `Add`); undefined for an invalid URL, whose entry kubelet
 * ignores. Equal keys share one object, as a cluster has thousands of Secrets for few registries.
 */
export function parseCredentialKey(text: string): CredentialKey | undefined {
  // A key that may contain credentials is not cached.
  return MAY_HOLD_MORE.test(text) ? readKey(text) : readKeyOnce(text);
}

/**
 * Whether kubelet uses a key's credentials for an image (`Lookup`): the same number of host labels, each matching its glob,
 * case-sensitive; the same port or none on both sides; the path is a prefix of the repository. The key of the default registry
 * also matches images on Docker Hub, but kubelet uses it only if no other key of the Pod's Secrets matches.
 */
export function matchCredentialKey({ pattern, isDefaultRegistry }: CredentialKey, reference: ImageReference): boolean {
  if (isDefaultRegistry && isInDefaultRegistry(reference)) return true;
  const target = pattern === undefined ? undefined : toKeyTarget(reference);
  return pattern !== undefined && target !== undefined && matchHostPattern(pattern, target);
}

/** The text before "@" is a user name; the text after "?" or "#" is not part of host or path. */
const MAY_HOLD_MORE = /[@?#]/;

const readKeyOnce = memoize((text) => readKey(text));

function readKey(text: string): CredentialKey | undefined {
  const url = parseUrl(/^https?:\/\//.test(text) ? text : `https://${text}`);
  if (url === undefined) return undefined;
  // `https://index.docker.io/v1/` and `/v2/`, as docker writes them. Without the slash at the end, they are ordinary paths.
  const path = url.path.replace(/^\/v[12]\//, '/');
  const key = path === '/' ? url.host : url.host + path;
  return {
    text: MAY_HOLD_MORE.test(text) ? key : text,
    pattern: readPattern(key),
    indexed: key,
    isDefaultRegistry: key === 'index.docker.io',
  };
}

/** kubelet parses its stored key again for each image, so escapes are decoded twice, which may now fail. */
function readPattern(key: string): CredentialKey['pattern'] {
  const url = parseUrl(`https://${key}`);
  if (url === undefined) return undefined;
  const { name, port } = splitHostPort(url.host);
  const labels = name.split('.').map((label) => parseGlob(label));
  if (!labels.every((label) => label !== undefined)) return undefined;
  return { labels, port: port === '' ? undefined : port, path: url.path.slice(1) };
}

/** An image as kubelet compares it with keys; undefined for a malformed IPv6 address, which kubelet matches with no key. */
export const toKeyTarget = memoizeByObject(({ registry, repository }: ImageReference): HostTarget | undefined => {
  const url = parseUrl(`https://${registry}`);
  if (url === undefined) return undefined;
  const { name, port } = splitHostPort(url.host);
  return { labels: name.split('.'), port: port === '' ? undefined : port, repository };
});

/** `isDefaultRegistryMatch`: true for Docker Hub, and also for a host of one word such as `localhost`. */
export function isInDefaultRegistry({ registry }: ImageReference): boolean {
  return registry === DOCKER_HUB || !/[.:]/.test(registry);
}

/** Finds the entries whose keys match an image, in their original order. */
export type KeyIndex<Entry> = (reference: ImageReference) => readonly Entry[];

type Keyed = Readonly<{ key: CredentialKey }>;

/** Keys with the same host labels from the right up to this node. */
type Node = {
  readonly labels: Map<string, Node>;
  readonly globs: Map<string, Readonly<{ glob: Glob; node: Node }>>;
  /** Positions of the entries whose host ends here, by the required prefix of the repository. */
  readonly paths: Map<string, number[]>;
};

/**
 * Indexes entries by host and path, so that an image is compared only with keys that may match: a Secret may have thousands of
 * keys, and an object thousands of images. Built once for each list of entries.
 */
export const indexKeys = memoizeByObject((entries: readonly Keyed[]): KeyIndex<Keyed> => {
  const ports = new Map<string, Node>();
  const defaults: number[] = [];
  for (const [at, { key }] of entries.entries()) {
    const { pattern, isDefaultRegistry } = key;
    if (isDefaultRegistry) defaults.push(at);
    if (pattern === undefined) continue;
    let node = getOrAdd(ports, pattern.port ?? '', createNode);
    for (const label of pattern.labels.toReversed()) node = stepInto(node, label);
    getOrAdd(node.paths, pattern.path, () => []).push(at);
  }
  // Most images of a Pod are from one registry, and matching globs takes most of the time.
  let last: Readonly<{ registry: string; nodes: readonly Node[] }> | undefined;
  const findHost = (registry: string, { labels, port = '' }: HostTarget): readonly Node[] => {
    if (last?.registry !== registry) last = { registry, nodes: collect(ports.get(port), labels) };
    return last.nodes;
  };
  return (reference) => {
    const found = new Set(isInDefaultRegistry(reference) ? defaults : []);
    const target = toKeyTarget(reference);
    for (const { paths } of target === undefined ? [] : findHost(reference.registry, target)) {
      for (const at of listByPath(paths, reference.repository)) found.add(at);
    }
    return [...found].sort((left, right) => left - right).flatMap((at) => entries[at] ?? []);
  };
}) as <Entry extends Keyed>(entries: readonly Entry[]) => KeyIndex<Entry>;

function createNode(): Node {
  return { labels: new Map(), globs: new Map(), paths: new Map() };
}

function stepInto(node: Node, label: Glob): Node {
  if (typeof label === 'string') return getOrAdd(node.labels, label, createNode);
  return getOrAdd(node.globs, label.text, () => ({ glob: label, node: createNode() })).node;
}

function getOrAdd<Value>(map: Map<string, Value>, key: string, create: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const created = create();
  map.set(key, created);
  return created;
}

function collect(node: Node | undefined, labels: readonly string[]): readonly Node[] {
  const label = labels.at(-1);
  if (node === undefined) return [];
  if (label === undefined) return [node];
  const globs = [...node.globs.values()].filter(({ glob }) => matchGlob(glob, label)).map((each) => each.node);
  return [node.labels.get(label), ...globs].flatMap((each) => collect(each, labels.slice(0, -1)));
}

/** If there are many paths, looks up every prefix of the repository; if there are few, tries each path. */
function listByPath(paths: Node['paths'], repository: string): readonly number[] {
  const starts =
    paths.size > repository.length
      ? Array.from({ length: repository.length + 1 }, (_, end) => repository.slice(0, end))
      : [...paths.keys()].filter((path) => repository.startsWith(path));
  return starts.flatMap((path) => paths.get(path) ?? []);
}
