import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Json } from './objects.ts';

export type StoredObject = Json & { metadata: Json & { name: string; namespace?: string; resourceVersion: string } };

/** `/api/v1/namespaces/web/secrets/one` → collection `/api/v1/secrets`, namespace `web`, name `one`. */
export type Target = Readonly<{ collection: string; namespace?: string; name?: string }>;

export type Change = Readonly<{
  version: number;
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  collection: string;
  object: StoredObject;
}>;

/** The objects of the stand-in API server, each write with the next resource version, and the history of the writes. */
export type Store = Readonly<{
  version: () => number;
  /** The oldest version that is still known: what happened before it is forgotten. */
  oldest: () => number;
  find: (target: Target) => StoredObject | undefined;
  /** All of a collection, or of one namespace in it, in the order of namespace and name. */
  list: (target: Target) => readonly StoredObject[];
  /** Creates or replaces; an object that is as it was keeps its version. */
  write: (target: Target, object: Json) => StoredObject;
  remove: (target: Target) => StoredObject | undefined;
  changesAfter: (version: number) => readonly Change[];
  compact: () => void;
  onChange: (listener: (change: Change) => void) => void;
}>;

export function createStore(): Store {
  const collections = new Map<string, { objects: Map<string, StoredObject>; sorted: StoredObject[] | undefined }>();
  const listeners: ((change: Change) => void)[] = [];
  let history: Change[] = [];
  let version = 1;
  let oldest = 1;

  const collectionOf = (name: string) => {
    const known = collections.get(name) ?? { objects: new Map<string, StoredObject>(), sorted: undefined };
    collections.set(name, known);
    return known;
  };
  const record = (type: Change['type'], collection: string, object: StoredObject): void => {
    const change = { version, type, collection, object };
    history.push(change);
    collectionOf(collection).sorted = undefined;
    for (const listener of listeners) listener(change);
  };

  return {
    version: () => version,
    oldest: () => oldest,
    find: (target) => collectionOf(target.collection).objects.get(keyOf(target)),
    list: ({ collection, namespace }) => {
      const known = collectionOf(collection);
      known.sorted ??= [...known.objects].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
      return namespace === undefined
        ? known.sorted
        : known.sorted.filter(({ metadata }) => metadata.namespace === namespace);
    },
    write: (target, object) => {
      const { objects } = collectionOf(target.collection);
      const metadata = { ...(object['metadata'] as Json | undefined), name: target.name ?? '' };
      const namespace = target.namespace ?? (metadata as Json)['namespace'];
      const key = keyOf({ ...target, ...(typeof namespace === 'string' && { namespace }) });
      const old = objects.get(key);
      const kept = {
        ...metadata,
        ...(typeof namespace === 'string' && { namespace }),
        uid: old?.metadata['uid'] ?? randomUUID(),
        creationTimestamp: old?.metadata['creationTimestamp'] ?? new Date().toISOString().replace(/\.\d+/, ''),
      };
      if (old !== undefined) {
        const same = { ...object, metadata: { ...kept, resourceVersion: old.metadata.resourceVersion } };
        if (isDeepStrictEqual(same, old)) return old;
      }
      version += 1;
      const stored = { ...object, metadata: { ...kept, resourceVersion: String(version) } };
      objects.set(key, stored);
      record(old === undefined ? 'ADDED' : 'MODIFIED', target.collection, stored);
      return stored;
    },
    remove: (target) => {
      const { objects } = collectionOf(target.collection);
      const old = objects.get(keyOf(target));
      if (old === undefined) return undefined;
      version += 1;
      objects.delete(keyOf(target));
      const last = { ...old, metadata: { ...old.metadata, resourceVersion: String(version) } };
      record('DELETED', target.collection, last);
      return last;
    },
    changesAfter: (after) => history.filter((change) => change.version > after),
    compact: () => {
      history = [];
      // Kubernetes' versions count all that etcd does; this makes the one before old even when nothing was written.
      version += 1;
      oldest = version;
    },
    onChange: (listener) => listeners.push(listener),
  };
}

/** Undefined for what is no resource, such as `/healthz`. */
export function parsePath(path: string): Target | undefined {
  const [, base, rest = ''] = /^\/(api\/v1|apis\/[^/]+\/[^/]+)\/(.+)$/.exec(path) ?? [];
  if (base === undefined) return undefined;
  const parts = rest.split('/').map(decodeURIComponent);
  // `namespaces/web` is a namespace, `namespaces/web/secrets` what is in it.
  const isInside = parts[0] === 'namespaces' && parts[2] !== undefined && !['status', 'finalize'].includes(parts[2]);
  const [resource = '', name] = isInside ? parts.slice(2) : parts;
  return {
    collection: `/${base}/${resource}`,
    ...(isInside && { namespace: parts[1] ?? '' }),
    ...(name !== undefined && { name }),
  };
}

function keyOf({ namespace = '', name = '' }: Target): string {
  return `${namespace}/${name}`;
}
