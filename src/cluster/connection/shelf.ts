import { MOST_KEPT, MOST_KEPT_OF_NAMESPACE } from '../../text/bounds.ts';

/**
 * Values by namespace and name, of which there is no room for any number: each namespace has its share, so that none can take the
 * others' room. When all together are too many, the shares are halved, so that those lose that have most. In a namespace that is
 * over its share those are kept that come first by name: the same whatever the order they came in.
 */
export type Shelf<Value> = Readonly<{
  find: (namespace: string, name: string) => Value | undefined;
  /** Whether there may be a value that is not kept: it was put as undefined, or there was no room. */
  mayHold: (namespace: string, name: string) => boolean;
  /** Whether no value is missing. */
  isWhole: () => boolean;
  values: () => Iterable<Value>;
  places: () => Iterable<readonly [namespace: string, name: string, value: Value]>;
  /** How many values there are. */
  size: () => number;
  /** Undefined for what is there and is not known. Returns the namespaces that have lost values by it. */
  put: (namespace: string, name: string, value: Value | undefined) => ReadonlySet<string>;
  remove: (namespace: string, name: string) => void;
  /** Whether what had no room may have some by now. */
  hasRoomAgain: () => boolean;
}>;

type Slot<Value> = Readonly<{ value: Value | undefined; bytes: number }>;

/** `end`: what is called this or comes after it had no room. */
type Share<Value> = { slots: Map<string, Slot<Value>>; bytes: number; end: string | undefined };

export function createShelf<Value>(mostBytes = MOST_KEPT, mostOfNamespace = MOST_KEPT_OF_NAMESPACE): Shelf<Value> {
  const shares = new Map<string, Share<Value>>();
  let limit = mostOfNamespace;
  let bytes = 0;
  let size = 0;
  let unknown = 0;

  return {
    find: (namespace, name) => shares.get(namespace)?.slots.get(name)?.value,
    mayHold: (namespace, name) => {
      const share = shares.get(namespace);
      if (share === undefined) return false;
      const slot = share.slots.get(name);
      return slot === undefined ? isBeyond(share, name) : slot.value === undefined;
    },
    isWhole: () => unknown === 0 && ![...shares.values()].some(({ end }) => end !== undefined),
    values: function* () {
      for (const { slots } of shares.values())
        for (const { value } of slots.values()) if (value !== undefined) yield value;
    },
    places: function* () {
      for (const [namespace, { slots }] of shares)
        for (const [name, { value }] of slots) if (value !== undefined) yield [namespace, name, value];
    },
    size: () => size,
    put: (namespace, name, value) => {
      const share = shares.get(namespace) ?? { slots: new Map(), bytes: 0, end: undefined };
      shares.set(namespace, share);
      drop(share, name);
      const lost = new Set<string>();
      if (isBeyond(share, name)) return lost;
      add(share, name, { value, bytes: SLOT_BYTES + name.length + estimateBytes(value) });
      if (trim(namespace, share)) lost.add(namespace);
      while (bytes > mostBytes) {
        limit = Math.floor(limit / 2);
        for (const [each, its] of shares) if (trim(each, its)) lost.add(each);
      }
      return lost;
    },
    remove: (namespace, name) => {
      const share = shares.get(namespace);
      if (share === undefined) return;
      drop(share, name);
      if (share.slots.size === 0 && share.end === undefined) shares.delete(namespace);
    },
    hasRoomAgain: () =>
      [...shares].some(([namespace, share]) => share.end !== undefined && share.bytes < limitOf(namespace) / 2),
  };

  function add(share: Share<Value>, name: string, slot: Slot<Value>): void {
    share.slots.set(name, slot);
    count(share, slot, 1);
  }

  function drop(share: Share<Value>, name: string): void {
    const slot = share.slots.get(name);
    if (slot === undefined) return;
    share.slots.delete(name);
    count(share, slot, -1);
  }

  function count(share: Share<Value>, slot: Slot<Value>, by: 1 | -1): void {
    share.bytes += by * slot.bytes;
    bytes += by * slot.bytes;
    if (slot.value === undefined) unknown += by;
    else size += by;
  }

  /** Takes the last ones out, until it fits. */
  function trim(namespace: string, share: Share<Value>): boolean {
    const most = limitOf(namespace);
    if (share.bytes <= most) return false;
    const names = [...share.slots.keys()].sort();
    for (let name = names.pop(); name !== undefined && share.bytes > most; name = names.pop()) {
      drop(share, name);
      share.end = name;
    }
    return true;
  }

  /** What is in no namespace has no neighbours to take room from. */
  function limitOf(namespace: string): number {
    return namespace === '' ? mostBytes : limit;
  }
}

function isBeyond({ end }: Pick<Share<unknown>, 'end'>, name: string): boolean {
  return end !== undefined && name >= end;
}

/** An entry of a map, its key and the slot. */
const SLOT_BYTES = 150;

/** Roughly what a value takes of the heap. */
export function estimateBytes(value: unknown): number {
  if (typeof value === 'string') return 16 + value.length;
  if (typeof value !== 'object' || value === null) return 8;
  // Those of images, which are the same texts on all nodes.
  if (value instanceof Set) return 32 + 32 * value.size;
  return Object.entries(value).reduce((sum, [key, each]) => sum + 8 + key.length + estimateBytes(each), 32);
}
