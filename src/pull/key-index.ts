import { matchGlob, type Glob } from '../text/glob.ts';
import { memoizeByObject } from '../text/memoize.ts';
import type { HostTarget } from '../image/host-pattern.ts';
import type { ImageReference } from '../image/reference.ts';
import { isInDefaultRegistry, toKeyTarget, type CredentialKey } from './credential-key.ts';

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
