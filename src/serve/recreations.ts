import { createHash } from 'node:crypto';
import type { Admission, Endpoint } from '../admission/admit.ts';
import { writeLoopNotice, type Notice } from '../admission/notices.ts';
import type { AdmissionRequest } from '../admission/review.ts';
import type { Policy } from '../engine/rule.ts';
import type { RecreationFacts, ReplacedImage } from '../pull/facts.ts';
import { adviseSource, mirrorUsed } from '../rules/mirror-used.ts';
import {
  ACQUITTAL_MS,
  LOOP_WINDOW_MS,
  MOST_RECREATED,
  RECREATIONS_OF_ACQUITTAL,
  RECREATIONS_OF_LOOP,
  SAME_CREATION_MS,
  shareOfNamespace,
  STOP_MS,
} from '../text/bounds.ts';
import { escapeUnprintable, quote } from '../text/quote.ts';
import { redact } from '../text/redact.ts';
import { readPath, readString } from '../text/json.ts';
import { findController, isPod, WORKLOAD_KINDS } from '../workload/kinds.ts';

/**
 * Notices operators that compare the image of a Pod with their own, delete the Pod because pullguard replaced it, and create it
 * again: that would never end (docs/decisions/0055).
 */
export type Recreations = Readonly<{
  /** What is known for the Pod of a review; undefined if nothing is. */
  find: (request: AdmissionRequest) => RecreationFacts | undefined;
  /** Counts an answered review. */
  note: (endpoint: Endpoint, request: AdmissionRequest, admission: Pick<Admission, 'findings'>) => void;
}>;

export type RecreationsOptions = Readonly<{
  policy: () => Policy;
  /** Called when a loop is noticed, and when it turns out that replaced images were not its reason. Texts may be long. */
  onChange: (
    result: 'stopped' | 'resumed',
    place: Readonly<{ namespace: string; source: string; pod: string }>,
  ) => void;
  /** For an Event on the owner. */
  onNotices: (notices: readonly Notice[]) => void;
  /** Milliseconds of a monotonic clock. */
  clock?: () => number;
}>;

/** A Pod, by its creator and name, and when it was created with the same images replaced. */
type Recreated = Readonly<{ namespace: string; replacement: string; times: readonly number[] }>;

/** Images of one creator that stay as they are; or, when acquitted, that are replaced whatever is counted. */
type Stop = Readonly<{
  namespace: string;
  since: number;
  until: number;
  isAcquitted: boolean;
  notices: readonly Notice[];
}>;

/** Where the images of a Pod are written, and what distinguishes it from others. */
type Creator = Readonly<{ key: string; source: string; namespace: string; pod: string }>;

export function createRecreations(options: RecreationsOptions): Recreations {
  const { policy, onChange, onNotices, clock = () => performance.now() } = options;
  // In both, the least recently used comes first. Keys are hashes, as names and uids in owner references may have any length.
  const pods = new Map<string, Recreated>();
  const stops = new Map<string, Stop>();

  return {
    find: (request) => {
      if (stops.size === 0 || !mayStop(policy())) return undefined;
      const creator = findCreator(request);
      if (creator === undefined) return undefined;
      return {
        findSource: (replaced) =>
          findStop(identify(creator, replaced))?.isAcquitted === false ? creator.source : undefined,
      };
    },
    note: (endpoint, request, { findings }) => {
      if (endpoint !== 'mutate' || request.dryRun || !mayStop(policy())) return;
      const creator = findCreator(request);
      if (creator !== undefined) count(creator, request, listReplaced(findings));
    },
  };

  function findStop(replacement: string): Stop | undefined {
    const stop = stops.get(replacement);
    return stop !== undefined && clock() < stop.until ? stop : undefined;
  }

  function count(creator: Creator, request: AdmissionRequest, replaced: readonly ReplacedImage[]): void {
    const key = hash(creator.key, creator.pod);
    const known = pods.get(key);
    // Images that stay as they are leave nothing by which to know them.
    const replacement = replaced.length > 0 ? identify(creator, replaced) : known?.replacement;
    if (replacement === undefined) return;
    const stop = findStop(replacement);
    if (!isCounted(replaced, stop)) return;
    const now = clock();
    const times = addTo(known?.replacement === replacement ? known.times : [], now, stop?.since);
    if (times === undefined) return;
    const { namespace, source, pod } = creator;
    keep(pods, key, { namespace, replacement, times });
    if (stop === undefined) {
      if (times.length <= RECREATIONS_OF_LOOP) return;
      const notices = word(creator, request, replaced[0]);
      keep(stops, replacement, { namespace, since: now, until: now + STOP_MS, isAcquitted: false, notices });
      onChange('stopped', { namespace, source, pod });
      onNotices(notices);
    } else if (times.length < RECREATIONS_OF_ACQUITTAL) {
      onNotices(stop.notices);
    } else {
      keep(stops, replacement, { ...stop, until: now + ACQUITTAL_MS, isAcquitted: true });
      onChange('resumed', { namespace, source, pod });
    }
  }
}

function isCounted(replaced: readonly ReplacedImage[], stop: Stop | undefined): boolean {
  return stop === undefined ? replaced.length > 0 : !stop.isAcquitted;
}

/** The times of creations that count, with this one; undefined if it is the same creation as the last one. */
function addTo(times: readonly number[], now: number, since = -Infinity): readonly number[] | undefined {
  const earlier = times.filter((at) => now - at < LOOP_WINDOW_MS && at > since);
  return now - (times.at(-1) ?? -Infinity) < SAME_CREATION_MS ? undefined : [...earlier, now];
}

/** Where the policy denies images that are not from the mirror, to leave them would be worse than the loop. */
function mayStop({ rules }: Policy): boolean {
  const configured = rules.find(({ rule }) => rule.id === mirrorUsed.id);
  return configured !== undefined && configured.action !== 'deny' && configured.options['stopLoops'] === true;
}

function word(
  { source, pod }: Creator,
  request: AdmissionRequest,
  first: ReplacedImage | undefined,
): readonly Notice[] {
  const sample = first === undefined ? '' : `, ${quote(first.value)} by ${quote(first.replacement)}`;
  const what = `Pod/${redact(pod)} was created ${RECREATIONS_OF_LOOP + 1} times within ${LOOP_WINDOW_MS / 60_000} minutes, each time with its images replaced${sample}: they are not replaced any more for ${STOP_MS / 3_600_000} hours`;
  return writeLoopNotice(request, { rule: mirrorUsed.id, what, remedy: adviseSource(source) });
}

/**
 * Who creates a Pod again under its name, if that may be because of its images. Controllers of Kubernetes compare templates. A
 * Pod that does not restart its containers is recreated whenever they end.
 */
function findCreator({ kind, subResource, operation, namespace, object }: AdmissionRequest): Creator | undefined {
  if (operation !== 'CREATE' || !isPod(kind) || subResource !== '') return undefined;
  const pod = readString(object, 'metadata', 'name');
  if (pod === '' || readString(object, 'spec', 'restartPolicy') !== 'Always') return undefined;
  const controller = findController(object);
  if (controller === undefined) {
    return isFromGit(object) ? { key: hash(namespace, 'git', pod), source: 'Git', namespace, pod } : undefined;
  }
  const { group, kind: owner, name, uid } = controller;
  if (BUILT_IN_GROUPS.has(group)) return undefined;
  return {
    key: hash(namespace, group, owner, name, uid),
    source: escapeUnprintable(redact(`${owner}/${name}`)),
    namespace,
    pod,
  };
}

const BUILT_IN_GROUPS: ReadonlySet<string> = new Set(WORKLOAD_KINDS.map(({ group }) => group));

/** Whether Argo CD or Flux applies it. */
function isFromGit(object: unknown): boolean {
  return GIT_MARKS.some(([field, name]) => readPath(object, 'metadata', field, name) !== undefined);
}

const GIT_MARKS = [
  ['labels', 'app.kubernetes.io/instance'],
  ['annotations', 'argocd.argoproj.io/tracking-id'],
  ['labels', 'kustomize.toolkit.fluxcd.io/name'],
  ['labels', 'helm.toolkit.fluxcd.io/name'],
] as const;

function listReplaced(findings: Admission['findings']): readonly ReplacedImage[] {
  return findings.flatMap(({ fixed, value, replacement }) =>
    fixed === 'now' && value !== undefined && replacement !== undefined ? [{ value, replacement }] : [],
  );
}

/** What is replaced by what, for all Pods of a creator: another image of the owner is another key, and is replaced again. */
function identify({ key }: Creator, replaced: readonly ReplacedImage[]): string {
  return hash(key, ...new Set(replaced.map(({ value, replacement }) => hash(value, replacement)).sort()));
}

function hash(...texts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(texts)).digest('base64').slice(0, 22);
}

/** Keeps an entry as the most recent one, and drops the oldest: of its namespace, if that has more than its share. */
function keep<T extends Readonly<{ namespace: string }>>(entries: Map<string, T>, key: string, entry: T): void {
  entries.delete(key);
  entries.set(key, entry);
  let own = 0;
  let oldestOwn = key;
  for (const [each, { namespace }] of entries) {
    if (namespace === entry.namespace && own++ === 0) oldestOwn = each;
  }
  const [oldest = key] = entries.keys();
  if (own > shareOfNamespace(MOST_RECREATED)) entries.delete(oldestOwn);
  else if (entries.size > MOST_RECREATED) entries.delete(oldest);
}
