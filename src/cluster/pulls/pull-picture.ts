import { causeOf, type CauseCode } from '../../cause/causes.ts';
import { formatReference, type ImageReference } from '../../image/reference.ts';
import type { FailedPulls, PullFacts } from '../../pull/facts.ts';
import {
  MOST_FAILED_PULLS,
  MOST_NODES_OF_FAILURE,
  MOST_PODS_OF_FAILURE,
  MOST_PULLED,
  shareOfNamespace,
} from '../../text/bounds.ts';

/** A pull that failed on a node. Times are milliseconds since 1970. */
export type SeenFailure = Readonly<{
  cause: CauseCode;
  reference: ImageReference;
  namespace: string;
  pod: string;
  /** Empty where kubelet did not say. */
  node: string;
  since: number;
  last: number;
}>;

/** A pull that went well. */
export type SeenPull = Readonly<{
  reference: ImageReference;
  namespace: string;
  pod: string;
  node: string;
  at: number;
}>;

/** The current results of pulls on nodes: bounded, and dropped if they do not happen again. */
export type PullPicture = PullFacts &
  Readonly<{
    noteFailure: (failure: SeenFailure) => void;
    /** A node has pulled an image. */
    notePulled: (pulled: SeenPull) => void;
    /** How many Pods wait, by cause. */
    countWaiting: () => ReadonlyMap<CauseCode, number>;
  }>;

/** kubelet retries after at most five minutes, and reports it again: a failure that is not reported for this time is over. */
const LASTS_MS = 10 * 60 * 1000;

type Entry = Readonly<{
  cause: CauseCode;
  of: FailedPulls['of'];
  registry: string;
  image: string;
  /** The namespace in which it was first seen; it counts for the share of this namespace. */
  namespace: string;
  since: number;
  /** When each was seen last. */
  nodes: Map<string, number>;
  pods: Map<string, number>;
}> & { last: number };

export function createPullPicture(now: () => number): PullPicture {
  const entries = new Map<string, Entry>();
  /** Registries, and when a node pulled from them last. */
  const pulled = new Map<string, number>();
  let sweptAt = -Infinity;

  return {
    noteFailure: (failure) => {
      const { namespace, pod, node, last } = failure;
      if (last < now() - LASTS_MS) return;
      sweep();
      const key = keyOf(failure);
      const entry = entries.get(key) ?? addEntry(key, failure);
      if (entry === undefined) return;
      entry.last = Math.max(entry.last, last);
      setWithin(entry.pods, `${namespace}/${pod}`, last, MOST_PODS_OF_FAILURE);
      if (node !== '') setWithin(entry.nodes, node, last, MOST_NODES_OF_FAILURE);
    },
    notePulled: ({ reference, namespace, pod, node, at }) => {
      if (at < now() - LASTS_MS) return;
      setLatest(pulled, reference.registry, at);
      if (entries.size === 0) return;
      const image = formatReference(reference);
      for (const [key, entry] of entries) {
        if (entry.last > at || entry.registry !== reference.registry) continue;
        if (entry.of === 'image' && (entry.image !== image || entry.namespace !== namespace)) continue;
        // Other nodes may still be without a CA, or a route.
        entry.nodes.delete(node);
        entry.pods.delete(`${namespace}/${pod}`);
        if (entry.nodes.size === 0 || entry.pods.size === 0) entries.delete(key);
      }
    },
    find: (reference, namespace) => {
      // Nearly always there is nothing, and an admission waits for it.
      if (entries.size === 0) return NONE;
      const image = formatReference(reference);
      const oldest = now() - LASTS_MS;
      const found = [...entries.values()].filter(
        (entry) =>
          entry.last >= oldest &&
          entry.registry === reference.registry &&
          (entry.of === 'registry' || (entry.namespace === namespace && entry.image === image)),
      );
      return found.map((entry) => describe(entry, oldest)).toSorted((a, b) => b.pods - a.pods);
    },
    hasPulled: (registry) => (pulled.get(registry) ?? -Infinity) >= now() - LASTS_MS,
    countWaiting: () => {
      const oldest = now() - LASTS_MS;
      const counts = new Map<CauseCode, number>();
      for (const { cause, pods } of entries.values()) {
        counts.set(cause, (counts.get(cause) ?? 0) + countSince(pods, oldest));
      }
      return counts;
    },
  };

  function addEntry(key: string, { cause, reference, namespace, since }: SeenFailure): Entry | undefined {
    const ofNamespace = [...entries.values()].filter((entry) => entry.namespace === namespace).length;
    if (entries.size >= MOST_FAILED_PULLS || ofNamespace >= shareOfNamespace(MOST_FAILED_PULLS)) return undefined;
    const { registry } = reference;
    const image = formatReference(reference);
    const [nodes, pods] = [new Map<string, number>(), new Map<string, number>()];
    const entry: Entry = { cause, of: scopeOf(cause), registry, image, namespace, since, last: since, nodes, pods };
    entries.set(key, entry);
    return entry;
  }

  /** Removes entries that are over, from time to time; they do not count before that either. */
  function sweep(): void {
    const oldest = now() - LASTS_MS;
    if (sweptAt > now() - SWEEP_MS) return;
    sweptAt = now();
    for (const [key, entry] of entries) {
      if (entry.last < oldest) entries.delete(key);
      else for (const seen of [entry.nodes, entry.pods]) deleteBefore(seen, oldest);
    }
  }
}

function deleteBefore(seen: Map<string, number>, oldest: number): void {
  for (const [name, at] of seen) if (at < oldest) seen.delete(name);
}

const SWEEP_MS = 30_000;

const NONE: readonly FailedPulls[] = [];

/**
 * A failure on the way to a registry, or one that shows that the whole registry fails, is expected for its other images too. A
 * missing layer, a policy of the registry or an invalid response is not: a real node pulled other images of the same registry.
 */
function scopeOf(cause: CauseCode): FailedPulls['of'] {
  const { about, blamesRegistry, outcome } = causeOf(cause);
  return about === 'way' || blamesRegistry || outcome === 'rate-limited' ? 'registry' : 'image';
}

function keyOf({ cause, reference, namespace }: SeenFailure): string {
  return JSON.stringify(
    scopeOf(cause) === 'registry' ? [cause, reference.registry] : [cause, formatReference(reference), namespace],
  );
}

function describe({ cause, of, registry, nodes, pods, since }: Entry, oldest: number): FailedPulls {
  return { cause, of, registry, nodes: countSince(nodes, oldest), pods: countSince(pods, oldest), since };
}

function countSince(seen: ReadonlyMap<string, number>, oldest: number): number {
  let count = 0;
  for (const at of seen.values()) if (at >= oldest) count++;
  return count;
}

/** Entries above the limit are not counted. */
function setWithin(seen: Map<string, number>, name: string, at: number, most: number): void {
  const known = seen.get(name);
  if (known === undefined && seen.size >= most) return;
  seen.set(name, Math.max(known ?? -Infinity, at));
}

/** Replaces the entry that was set the longest time ago if the map is full. */
function setLatest(seen: Map<string, number>, name: string, at: number): void {
  const latest = Math.max(seen.get(name) ?? -Infinity, at);
  seen.delete(name);
  seen.set(name, latest);
  if (seen.size > MOST_PULLED) for (const [oldest] of seen) return void seen.delete(oldest);
}
