/** An item in the queue. */
export type Waiting = Readonly<{
  namespace: string;
  /** Whether it is about a workload, and not about one Pod of many: it comes first in its namespace, and goes last. */
  isOfOwner: boolean;
}>;

/**
 * A bounded queue in which no namespace delays another: namespaces take turns, and if the queue is full, the last item of the
 * largest namespace is dropped.
 */
export type FairQueue<T extends Waiting> = Readonly<{
  /** Adds an item, or replaces it at its place; returns the key that there was no room for, which may be the same. */
  put: (key: string, item: T) => string | undefined;
  /** Takes the next one, of a namespace that may have one now. */
  take: (mayHave?: (namespace: string) => boolean) => readonly [key: string, item: T] | undefined;
}>;

export function createFairQueue<T extends Waiting>(most: number): FairQueue<T> {
  // The namespace whose turn it is comes first, and its longest waiting item. None is empty.
  const namespaces = new Map<string, Map<string, T>>();
  const all = new Map<string, string>();

  return {
    put: (key, item) => {
      const { namespace } = item;
      const items = namespaces.get(namespace) ?? new Map<string, T>();
      namespaces.set(namespace, items.set(key, item));
      all.set(key, namespace);
      if (all.size <= most) return undefined;
      const victim = findLast(findLongest(items));
      if (victim !== undefined) remove(victim);
      return victim;
    },
    take: (mayHave = () => true) => {
      for (const [namespace, items] of namespaces) {
        if (!mayHave(namespace)) continue;
        const found = [...items].find(([, { isOfOwner }]) => isOfOwner) ?? [...items][0];
        if (found === undefined) continue;
        remove(found[0]);
        // To the end of the line.
        if (namespaces.delete(namespace) && items.size > 0) namespaces.set(namespace, items);
        return found;
      }
      return undefined;
    },
  };

  function remove(key: string): void {
    const namespace = all.get(key) ?? '';
    const items = namespaces.get(namespace);
    all.delete(key);
    items?.delete(key);
    if (items?.size === 0) namespaces.delete(namespace);
  }

  /** The items of the largest namespace; among equal ones, `newest` counts first. */
  function findLongest(newest: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
    let longest = newest;
    for (const items of namespaces.values()) if (items.size > longest.size) longest = items;
    return longest;
  }
}

function findLast<T extends Waiting>(items: ReadonlyMap<string, T>): string | undefined {
  const newestFirst = [...items].toReversed();
  return (newestFirst.find(([, { isOfOwner }]) => !isOfOwner) ?? newestFirst[0])?.[0];
}
