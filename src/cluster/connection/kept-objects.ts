import { describeError } from '../../text/error.ts';
import { readString } from '../../text/json.ts';
import type { KubernetesObject } from './api-server.ts';
import { reportOnce } from './retry.ts';

export type KeptObjectsOptions<Kept> = Readonly<{
  /** The collection in all namespaces or in one: `/api/v1/secrets`, `/api/v1/namespaces/pullguard/secrets`. */
  path: string;
  /** What is kept of an object; the object itself is let go. */
  keep: (object: KubernetesObject) => Kept;
  /** Whether nothing of what is kept has changed: then what was kept before stays. */
  isSame?: ((before: Kept, after: Kept) => boolean) | undefined;
  /** Called after an object came or changed (`kept`) or went (undefined). */
  onChange?: ((kept: Kept | undefined) => void) | undefined;
  /** Called once for each object that cannot be read, until it can. */
  onError: (message: string) => void;
}>;

/** What is kept of the objects of a collection. Objects without a name are passed over: there is no such thing. */
export type KeptObjects<Kept> = Readonly<{
  find: (namespace: string, name: string) => Kept | undefined;
  values: () => Iterable<Kept>;
  size: () => number;
  put: (object: KubernetesObject) => void;
  drop: (object: KubernetesObject) => void;
  /** A new list. Until it ends all stays as it was; then what was not in it is gone. */
  beginList: () => Readonly<{ add: (object: KubernetesObject) => void; end: () => void }>;
}>;

export function createKeptObjects<Kept>(options: KeptObjectsOptions<Kept>): KeptObjects<Kept> {
  const { path, keep, isSame = () => false, onChange = () => undefined, onError } = options;
  const reporter = reportOnce(onError);
  // Neither namespaces nor names have a "/" in them.
  let known = new Map<string, Kept>();

  return {
    find: (namespace, name) => known.get(`${namespace}/${name}`),
    values: () => known.values(),
    size: () => known.size,
    put: (object) => {
      const place = placeOf(object);
      const before = known.get(place);
      const kept = tryToKeep(place, object);
      if (kept === undefined) remove(place);
      else known.set(place, kept);
      if (kept !== undefined && kept !== before) onChange(kept);
    },
    drop: (object) => {
      const place = placeOf(object);
      reporter.clear(place);
      remove(place);
    },
    beginList: () => {
      const listed = new Map<string, Kept>();
      return {
        add: (object) => {
          const place = placeOf(object);
          const kept = tryToKeep(place, object);
          if (kept !== undefined) listed.set(place, kept);
        },
        end: () => {
          const before = known;
          known = listed;
          for (const place of before.keys()) if (!listed.has(place)) onChange(undefined);
          for (const [place, kept] of listed) if (before.get(place) !== kept) onChange(kept);
        },
      };
    },
  };

  function remove(place: string): void {
    if (known.delete(place)) onChange(undefined);
  }

  /** One object that is not as objects should be must not cost us the others. */
  function tryToKeep(place: string, object: KubernetesObject): Kept | undefined {
    if (place === NOWHERE) return undefined;
    try {
      const kept = keep(object);
      reporter.clear(place);
      const before = known.get(place);
      return before !== undefined && isSame(before, kept) ? before : kept;
    } catch (error) {
      // `web/default-secret`; `web` for what is in no namespace.
      const name = place.replace(/^\//, '');
      reporter.report(place, `cannot read ${name} of ${path}, and goes on without it: ${describeError(error)}`);
      return undefined;
    }
  }
}

/** Where there is no object, as none is without a name. */
const NOWHERE = '';

function placeOf(object: KubernetesObject): string {
  const name = readString(object, 'metadata', 'name');
  return name === '' ? NOWHERE : `${readString(object, 'metadata', 'namespace')}/${name}`;
}
