import { matchGlob, type Glob } from '../text/glob.ts';
import { memoizeByObject } from '../text/memoize.ts';
import type { ImageReference } from '../image/reference.ts';
import { isInDefaultRegistry, toKeyTarget, type CredentialKey } from './credential-key.ts';

/** Finds the entries whose keys match an image, in the order in which they stand. */
export type KeyIndex<Entry> = (reference: ImageReference) => readonly Entry[];

type Numbered<Entry> = Readonly<{ at: number; entry: Entry }>;

/** Keys that agree in the labels of their host from the right up to here. */
type Node<Entry> = {
  readonly labels: Map<string, Node<Entry>>;
  readonly globs: Map<string, Readonly<{ glob: Glob; node: Node<Entry> }>>;
  /** Entries whose host ends here, by the path that images have to start with. */
  readonly paths: Map<string, Numbered<Entry>[]>;
};

/**
 * Sorts entries by host and path, so that an image is compared with those keys alone that may match: a secret may hold thousands
 * of keys and an object thousands of images. Made once for each list of entries.
 */
export const indexKeys = memoizeByObject(
  (entries: readonly Readonly<{ key: CredentialKey }>[]): KeyIndex<Readonly<{ key: CredentialKey }>> => {
    const ports = new Map<string, Node<Readonly<{ key: CredentialKey }>>>();
    const defaults: Numbered<Readonly<{ key: CredentialKey }>>[] = [];
    for (const [at, entry] of entries.entries()) {
      const { pattern, isDefaultRegistry } = entry.key;
      if (isDefaultRegistry) defaults.push({ at, entry });
      if (pattern === undefined) continue;
      let node = getOrAdd(ports, pattern.port ?? '', createNode);
      for (const label of pattern.labels.toReversed()) node = stepInto(node, label);
      getOrAdd(node.paths, pattern.path, () => []).push({ at, entry });
    }
    return (reference) => {
      const found = new Map(isInDefaultRegistry(reference) ? defaults.map((each) => [each.at, each.entry]) : []);
      const target = toKeyTarget(reference);
      const root = target && ports.get(target.port ?? '');
      if (target !== undefined && root !== undefined) {
        for (const { at, entry } of collect(root, target.labels, target.repository)) found.set(at, entry);
      }
      return [...found].sort(([left], [right]) => left - right).map(([, entry]) => entry);
    };
  },
) as <Entry extends Readonly<{ key: CredentialKey }>>(entries: readonly Entry[]) => KeyIndex<Entry>;

function createNode<Entry>(): Node<Entry> {
  return { labels: new Map(), globs: new Map(), paths: new Map() };
}

function stepInto<Entry>(node: Node<Entry>, label: Glob): Node<Entry> {
  if (typeof label === 'string') return getOrAdd(node.labels, label, createNode<Entry>);
  return getOrAdd(node.globs, label.text, () => ({ glob: label, node: createNode<Entry>() })).node;
}

function getOrAdd<Value>(map: Map<string, Value>, key: string, create: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const created = create();
  map.set(key, created);
  return created;
}

function collect<Entry>(node: Node<Entry>, labels: readonly string[], repository: string): readonly Numbered<Entry>[] {
  const label = labels.at(-1);
  if (label === undefined) return listByPath(node, repository);
  const left = labels.slice(0, -1);
  const next = node.labels.get(label);
  const globs = [...node.globs.values()].filter(({ glob }) => matchGlob(glob, label)).map((each) => each.node);
  return [...(next === undefined ? [] : [next]), ...globs].flatMap((each) => collect(each, left, repository));
}

/** Paths are prefixes: there are as many of a repository as it has characters, however many keys there are. */
function listByPath<Entry>({ paths }: Node<Entry>, repository: string): readonly Numbered<Entry>[] {
  if (paths.size === 0) return [];
  const found: Numbered<Entry>[] = [];
  for (let end = 0; end <= repository.length; end++) {
    for (const each of paths.get(repository.slice(0, end)) ?? []) found.push(each);
  }
  return found;
}
