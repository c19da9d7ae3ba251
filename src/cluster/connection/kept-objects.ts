import { readString } from '../../text/json.ts';
import type { KubernetesObject } from './api-server.ts';
import type { Reporter } from './report-once.ts';

export type ObjectKey = Readonly<{ namespace: string; name: string }>;

export type KeptObjectsOptions<Kept> = Readonly<{
  /** The collection's, for messages. */
  path: string;
  keep: (object: KubernetesObject) => Kept | undefined;
  /** Whether nothing of what is kept has changed: then what was kept before stays, and nobody is told. */
  isSame?: ((before: Kept, after: Kept) => boolean) | undefined;
  onChange: (key: ObjectKey, kept: Kept | undefined) => void;
  reporter: Reporter;
}>;

/** What is kept of the objects of a collection. Objects without a name are passed over: there is no such thing. */
export type KeptObjects<Kept> = Readonly<{
  find: (namespace: string, name: string) => Kept | undefined;
  values: () => Iterable<readonly [ObjectKey, Kept]>;
  size: () => number;
  put: (object: KubernetesObject) => void;
  drop: (object: KubernetesObject) => void;
  /** A new list. Until it ends all stays as it was; then what was not in it is gone. */
  beginList: () => Readonly<{ add: (object: KubernetesObject) => void; end: () => void }>;
}>;

export function createKeptObjects<Kept>(options: KeptObjectsOptions<Kept>): KeptObjects<Kept> {
  const { path, keep, isSame, onChange, reporter } = options;
  // Neither namespaces nor names have a "/" in them.
  let known = new Map<string, Kept>();

  return {
    find: (namespace, name) => known.get(`${namespace}/${name}`),
    values: function* () {
      for (const [place, kept] of known) yield [keyAt(place), kept];
    },
    size: () => known.size,
    put: (object) => {
      const place = placeOf(object);
      if (place === undefined) return;
      const before = known.get(place);
      const kept = tryToKeep(place, object);
      if (kept !== undefined) {
        known.set(place, kept);
        if (!isUnchanged(before, kept)) tell(place, kept);
      } else if (known.delete(place)) tell(place, undefined);
    },
    drop: (object) => {
      const place = placeOf(object);
      if (place === undefined) return;
      reporter.clear(place);
      if (known.delete(place)) tell(place, undefined);
    },
    beginList: () => {
      const listed = new Map<string, Kept>();
      return {
        add: (object) => {
          const place = placeOf(object);
          const kept = place === undefined ? undefined : tryToKeep(place, object);
          if (place !== undefined && kept !== undefined) listed.set(place, kept);
        },
        end: () => {
          const before = known;
          known = listed;
          for (const place of before.keys()) if (!listed.has(place)) tell(place, undefined);
          for (const [place, kept] of listed) if (!isUnchanged(before.get(place), kept)) tell(place, kept);
        },
      };
    },
  };

  /** One object that is not as we thought objects are must not cost us the others. */
  function tryToKeep(place: string, object: KubernetesObject): Kept | undefined {
    try {
      const kept = keep(object);
      reporter.clear(place);
      const before = known.get(place);
      return before !== undefined && kept !== undefined && isSame?.(before, kept) === true ? before : kept;
    } catch (error) {
      reporter.report(place, `cannot read ${nameOf(place)} of ${path}, and goes on without it: ${messageOf(error)}`);
      return undefined;
    }
  }

  function isUnchanged(before: Kept | undefined, kept: Kept): boolean {
    return isSame !== undefined && before === kept;
  }

  function tell(place: string, kept: Kept | undefined): void {
    try {
      onChange(keyAt(place), kept);
    } catch (error) {
      reporter.report(place, `cannot deal with a change of ${nameOf(place)} of ${path}: ${messageOf(error)}`);
    }
  }
}

function placeOf(object: KubernetesObject): string | undefined {
  const name = readString(object, 'metadata', 'name');
  return name === '' ? undefined : `${readString(object, 'metadata', 'namespace')}/${name}`;
}

function keyAt(place: string): ObjectKey {
  const end = place.indexOf('/');
  return { namespace: place.slice(0, end), name: place.slice(end + 1) };
}

/** `web/default-secret`; `web` for what is in no namespace. */
function nameOf(place: string): string {
  return place.replace(/^\//, '');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
