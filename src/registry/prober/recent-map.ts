/** A map that holds so many entries at most, and lets go of those that were not asked for the longest. */
export type RecentMap<Value> = Readonly<{
  find: (key: string) => Value | undefined;
  set: (key: string, value: Value) => void;
  delete: (key: string) => void;
  size: () => number;
}>;

/** `most` is asked each time, as a policy may change it. */
export function createRecentMap<Value extends object>(most: () => number): RecentMap<Value> {
  // A Map goes through its entries in the order in which they were put in.
  const entries = new Map<string, Value>();
  const set = (key: string, value: Value): void => {
    entries.delete(key);
    entries.set(key, value);
    for (const [oldest] of entries) {
      if (entries.size <= most()) break;
      entries.delete(oldest);
    }
  };
  return {
    find: (key) => {
      const value = entries.get(key);
      if (value === undefined) return undefined;
      entries.delete(key);
      entries.set(key, value);
      return value;
    },
    set,
    delete: (key) => entries.delete(key),
    size: () => entries.size,
  };
}
