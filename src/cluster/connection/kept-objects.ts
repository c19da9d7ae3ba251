import { MOST_KEPT, MOST_KEPT_OF_NAMESPACE } from '../../text/bounds.ts';
import { describeError } from '../../text/error.ts';
import { readString } from '../../text/json.ts';
import type { KubernetesObject } from './api-server.ts';
import { BOUND } from './bounded-text.ts';
import { reportOnce } from './retry.ts';

export type KeptObjectsOptions<Kept> = Readonly<{
  /** The path of the collection in all namespaces or in one: `/api/v1/secrets`, `/api/v1/namespaces/pullguard/secrets`. */
  path: string;
  /** Returns what is kept of an object. If it throws, nothing is known of the object. */
  keep: (object: KubernetesObject) => Kept;
  /** Whether the kept value is unchanged: then the earlier value stays. */
  isSame?: ((before: Kept, after: Kept) => boolean) | undefined;
  /** Called after an object was added or changed (`kept`) or removed (undefined). */
  onChange?: ((kept: Kept | undefined) => void) | undefined;
  /** Called once for each object that cannot be read, until it can, and for each namespace that is full. */
  onError: (message: string) => void;
}>;

/** The kept values of a collection's objects, within limits. Objects without a name are ignored. */
export type KeptObjects<Kept> = Pick<Shelf<Kept>, 'find' | 'mayHold' | 'isWhole' | 'values' | 'size' | 'hasRoomAgain'> &
  Readonly<{
    put: (object: KubernetesObject) => void;
    /** For an object that exists, but is too large to be read. */
    passOver: (object: KubernetesObject) => void;
    drop: (object: KubernetesObject) => void;
    /** Starts a new list. At its end, objects that are not in it are removed; until then all stay. */
    beginList: () => Readonly<Record<'add' | 'passOver', (object: KubernetesObject) => void> & { end: () => void }>;
  }>;

export function createKeptObjects<Kept>(options: KeptObjectsOptions<Kept>): KeptObjects<Kept> {
  const { path, keep, isSame = () => false, onChange = () => undefined, onError } = options;
  const reporter = reportOnce(onError);
  let known = createShelf<Kept>();
  let full = new Set<string>();

  return {
    find: (namespace, name) => known.find(namespace, name),
    mayHold: (namespace, name) => known.mayHold(namespace, name),
    isWhole: () => known.isWhole(),
    values: () => known.values(),
    size: () => known.size(),
    hasRoomAgain: () => known.hasRoomAgain(),
    put: (object) => {
      change(object, tryToKeep(object));
    },
    passOver: (object) => {
      reportTooLarge(object);
      change(object, undefined);
    },
    drop: (object) => {
      const { namespace, name } = placeOf(object);
      reporter.clear(nameOf(object));
      const before = known.find(namespace, name);
      known.remove(namespace, name);
      if (before !== undefined) onChange(undefined);
    },
    beginList: () => {
      const listed = createShelf<Kept>();
      const fullOfListed = new Set<string>();
      const add = (object: KubernetesObject, kept: Kept | undefined): void => {
        const { namespace, name } = placeOf(object);
        if (name !== '') for (const each of listed.put(namespace, name, kept)) fullOfListed.add(each);
      };
      return {
        add: (object) => {
          add(object, tryToKeep(object));
        },
        passOver: (object) => {
          reportTooLarge(object);
          add(object, undefined);
        },
        end: () => {
          const before = known;
          known = listed;
          for (const namespace of full) if (!fullOfListed.has(namespace)) reporter.clear(`${namespace}/`);
          full = fullOfListed;
          for (const namespace of full) reportFull(namespace);
          for (const [namespace, name] of before.places())
            if (listed.find(namespace, name) === undefined) onChange(undefined);
          for (const [namespace, name, kept] of listed.places())
            if (before.find(namespace, name) !== kept) onChange(kept);
        },
      };
    },
  };

  function change(object: KubernetesObject, kept: Kept | undefined): void {
    const { namespace, name } = placeOf(object);
    if (name === '') return;
    const before = known.find(namespace, name);
    const lost = known.put(namespace, name, kept);
    const now = known.find(namespace, name);
    for (const each of lost) reportFull(each);
    if (now !== before) onChange(now);
    else if (lost.size > 0) onChange(undefined);
  }

  /** A malformed object must not make the others unavailable. */
  function tryToKeep(object: KubernetesObject): Kept | undefined {
    const { namespace, name } = placeOf(object);
    if (name === '') return undefined;
    try {
      const kept = keep(object);
      reporter.clear(nameOf(object));
      const before = known.find(namespace, name);
      return before !== undefined && isSame(before, kept) ? before : kept;
    } catch (error) {
      report(object, describeError(error));
      return undefined;
    }
  }

  function reportTooLarge(object: KubernetesObject): void {
    if (placeOf(object).name !== '') report(object, `it is larger than ${BOUND}`);
  }

  function report(object: KubernetesObject, problem: string): void {
    const name = nameOf(object);
    reporter.report(name, `ignored ${name} of ${path}: ${problem}`);
  }

  function reportFull(namespace: string): void {
    full.add(namespace);
    const [where, most] = namespace === '' ? ['', MOST_KEPT] : [` in namespace ${namespace}`, MOST_KEPT_OF_NAMESPACE];
    const more = `${path}${where} has more than ${most / 1024 / 1024} MiB to keep, or more than other namespaces leave room for`;
    reporter.report(`${namespace}/`, `${more}, so the last ones by name are ignored: delete what is not needed`);
  }
}

function placeOf(object: KubernetesObject): Readonly<{ namespace: string; name: string }> {
  return {
    namespace: readString(object, 'metadata', 'namespace'),
    name: readString(object, 'metadata', 'name'),
  };
}

/** `web/default-secret`, or `web` for an object without a namespace. Names cannot contain a "/". */
function nameOf(object: KubernetesObject): string {
  const { namespace, name } = placeOf(object);
  return namespace === '' ? name : `${namespace}/${name}`;
}

/**
 * Values by namespace and name, with limited space. Each namespace has a share, so that none can use the space of others. If the
 * total exceeds the limit, the shares are halved, so that the namespaces with most values lose some. In a namespace above its
 * share, the first values by name are kept, so the result does not depend on the order of arrival.
 */
export type Shelf<Value> = Readonly<{
  find: (namespace: string, name: string) => Value | undefined;
  /** Whether there may be a value that is not kept: it was put as undefined, or there was no space. */
  mayHold: (namespace: string, name: string) => boolean;
  /** Whether no value is missing. */
  isWhole: () => boolean;
  values: () => Iterable<Value>;
  places: () => Iterable<readonly [namespace: string, name: string, value: Value]>;
  /** The number of known values. */
  size: () => number;
  /** Puts a value; undefined for an object that exists, but is unknown. Returns the namespaces that lost values because of it. */
  put: (namespace: string, name: string, value: Value | undefined) => ReadonlySet<string>;
  remove: (namespace: string, name: string) => void;
  /** Whether there may be space again for values that were dropped. */
  hasRoomAgain: () => boolean;
}>;

type Slot<Value> = Readonly<{ value: Value | undefined; bytes: number }>;

/** `end`: values with this name or a later one had no space. */
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

  /** Removes the last values by name until the share fits. */
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

  /** Objects without a namespace share space with no others. */
  function limitOf(namespace: string): number {
    return namespace === '' ? mostBytes : limit;
  }
}

function isBeyond({ end }: Pick<Share<unknown>, 'end'>, name: string): boolean {
  return end !== undefined && name >= end;
}

/** An entry of a map, its key and the slot. */
const SLOT_BYTES = 150;

/** A rough estimate of a value's heap. */
export function estimateBytes(value: unknown): number {
  if (typeof value === 'string') return 16 + value.length;
  if (typeof value !== 'object' || value === null) return 8;
  // Names of images, whose strings are shared by all nodes.
  if (value instanceof Set) return 32 + 32 * value.size;
  return Object.entries(value).reduce((sum, [key, each]) => sum + 8 + key.length + estimateBytes(each), 32);
}
