import { BOUND } from './bounded-text.ts';
import { MOST_KEPT, MOST_KEPT_OF_NAMESPACE } from '../../text/bounds.ts';
import { describeError } from '../../text/error.ts';
import { readString } from '../../text/json.ts';
import type { KubernetesObject } from './api-server.ts';
import { reportOnce } from './retry.ts';
import { createShelf, type Shelf } from './shelf.ts';

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
