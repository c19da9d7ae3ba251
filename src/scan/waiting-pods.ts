import { describePod, lastOfEvent, listReports, type Report } from '../cause/reported-failures.ts';
import { readFailure } from '../cause/read-failure.ts';
import { MOST_EVENTS_OF_POD, MOST_WAITING } from '../text/bounds.ts';
import { readPath, readString } from '../text/json.ts';

/** A Pod that waits for an image, or that its node cannot start, and the reports about its images. */
export type WaitingPod = Readonly<{
  /** One for each image and cause; at least one. */
  reports: readonly Report[];
  /** The parts of the Pod that matter for pulls: its metadata and spec. */
  pod: unknown;
}>;

/** A workload whose Pods cannot be created, as admission refuses them. */
export type Refused = Readonly<{ report: Report; involved: Involved }>;

export type Involved = Readonly<{ kind: string; namespace: string; name: string }>;

/** Collects the waiting Pods of a cluster from its objects, one by one; others are not kept. Events have to come after Pods. */
export type WaitingBook = Readonly<{
  addPod: (pod: unknown) => void;
  addEvent: (event: unknown) => void;
  /** Whether there are Pods that Events could explain. */
  hasPods: () => boolean;
  listPods: () => readonly WaitingPod[];
  listRefused: () => readonly Refused[];
  /** Number of waiting Pods for which there was no room. */
  dropped: () => number;
}>;

type Entry = { uid: string; pod: unknown; reports: readonly Report[]; events: ReportedEvent[] };

type ReportedEvent = Readonly<{ report: Report; last: string }>;

export function createWaitingBook(): WaitingBook {
  const pods = new Map<string, Entry>();
  const refused = new Map<string, Refused & Pick<ReportedEvent, 'last'>>();
  let dropped = 0;
  return {
    addPod: (pod) => {
      const reports = listReports(pod);
      if (isGone(pod) || (reports.length === 0 && !isStarting(pod))) return;
      const isWaiting = reports.length > 0;
      // In a large rollout, Pods that are only starting leave room for Pods that wait.
      if (pods.size >= (isWaiting ? MOST_WAITING : MOST_WAITING / 2)) {
        if (isWaiting) dropped++;
        return;
      }
      const [namespace, name] = [readString(pod, 'metadata', 'namespace'), readString(pod, 'metadata', 'name')];
      const kept = keepOfPod(pod);
      pods.set(`${namespace}/${name}`, { uid: readString(pod, 'metadata', 'uid'), pod: kept, reports, events: [] });
    },
    addEvent: (event) => {
      const involved = readInvolved(event);
      const last = lastOfEvent(event);
      if (involved.kind !== 'Pod') {
        const report = readRefusal(event, involved);
        const key = JSON.stringify(involved);
        const known = refused.get(key);
        if (report !== undefined && refused.size < MOST_WAITING && !(known !== undefined && known.last > last))
          refused.set(key, { report, involved, last });
        return;
      }
      const entry = pods.get(`${involved.namespace}/${involved.name}`);
      if (entry === undefined || entry.events.length >= MOST_EVENTS_OF_POD) return;
      // A StatefulSet creates a new Pod under the name of the old one.
      const uid = readString(event, 'involvedObject', 'uid');
      if (uid !== '' && entry.uid !== '' && uid !== entry.uid) return;
      entry.events.push(...listReports(event).map((report) => ({ report, last })));
    },
    hasPods: () => pods.size > 0,
    listPods: () =>
      [...pods.values()].flatMap(({ pod, reports, events }) => {
        const joined = joinReports(pod, reports, events);
        return joined.length === 0 ? [] : [{ reports: joined, pod }];
      }),
    listRefused: () => [...refused.values()],
    dropped: () => dropped,
  };
}

/** A Pod that is being deleted, or that has ended, waits for nothing. */
function isGone(pod: unknown): boolean {
  return (
    readString(pod, 'metadata', 'deletionTimestamp') !== '' ||
    ['Succeeded', 'Failed'].includes(readString(pod, 'status', 'phase'))
  );
}

/** Whether a Pod is on a node, and its containers have not started: only its Events show whether its sandbox or a pull fails. */
function isStarting(pod: unknown): boolean {
  if (readString(pod, 'spec', 'nodeName') === '' || readString(pod, 'status', 'phase') !== 'Pending') return false;
  const statuses = ['initContainerStatuses', 'containerStatuses'].flatMap((list) => {
    const listed = readPath(pod, 'status', list);
    return Array.isArray(listed) ? (listed as readonly unknown[]) : [];
  });
  return statuses.some((status) =>
    ['ContainerCreating', 'PodInitializing'].includes(readString(status, 'state', 'waiting', 'reason')),
  );
}

function keepOfPod(pod: unknown): unknown {
  const metadata = Object.fromEntries(
    ['name', 'namespace', 'uid', 'labels', 'annotations', 'ownerReferences', 'creationTimestamp'].map((name) => [
      name,
      readPath(pod, 'metadata', name),
    ]),
  );
  const startTime = readPath(pod, 'status', 'startTime');
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: readPath(pod, 'spec'), status: { startTime } };
}

function readInvolved(event: unknown): Involved {
  const read = (member: string): string => readString(event, 'involvedObject', member);
  return { kind: read('kind'), namespace: read('namespace'), name: read('name') };
}

/**
 * For each image, the latest report with a reason. Recent kubelets write the reason into the status of the container. Older ones
 * only write that it waits, and the reason is in an Event. A Pod without such a status is reported by its Events alone.
 */
function joinReports(pod: unknown, statuses: readonly Report[], events: readonly ReportedEvent[]): readonly Report[] {
  const read = events
    .map((event) => ({ ...event, failure: failureOf(event.report) }))
    .toSorted((a, b) => rank(b.failure?.cause) - rank(a.failure?.cause) || (a.last < b.last ? 1 : -1));
  if (statuses.length === 0) {
    const [best] = read;
    // Missing pull secrets are also reported for Pods that start.
    if (best === undefined || rank(best.failure?.cause) === 0) return [];
    return [{ ...describePod(pod), ...best.report }];
  }
  const joined = statuses.map((status) => {
    const own = failureOf(status);
    const isOfImage = (image: string | undefined): boolean => image === undefined || image === status.image;
    const matching = read.filter(({ failure }) => isOfImage(failure?.image));
    const said =
      rank(own?.cause) > 1 ? undefined : matching.find(({ failure }) => rank(failure?.cause) > rank(own?.cause));
    const counted = said ?? matching.find(({ failure }) => failure?.cause === own?.cause);
    const { since, count } = counted?.report ?? {};
    return {
      ...status,
      ...(said !== undefined && { message: said.report.message, read: said.report.read }),
      ...(since !== undefined && { since }),
      ...(count !== undefined && { count }),
    };
  });
  const seen = new Set<string>();
  return joined.filter(({ image = '', read: text }) => !seen.has(`${image}\n${text}`) && seen.add(`${image}\n${text}`));
}

/** How much a cause explains: a missing pull secret alone does not keep a Pod from starting, and `back-off` gives no reason. */
function rank(cause: string | undefined): number {
  if (cause === undefined || cause === 'pull-secret-missing') return 0;
  return cause === 'back-off' ? 1 : cause === 'unknown' ? 2 : 3;
}

function failureOf({ read }: Report): Readonly<{ cause: string; image: string | undefined }> | undefined {
  const reading = readFailure(read);
  return reading.kind === 'failed' ? reading.failure : undefined;
}

/** Kinds whose controllers create Pods, and write an Event if they cannot. */
const CREATORS: ReadonlySet<string> = new Set([
  'ReplicaSet',
  'ReplicationController',
  'StatefulSet',
  'DaemonSet',
  'Job',
]);

/** Reads an Event about Pods that admission refuses because of their images, and not because of a quota or a security policy. */
function readRefusal(event: unknown, { kind, name, namespace }: Involved): Report | undefined {
  const message = readString(event, 'message');
  if (!CREATORS.has(kind) || readString(event, 'reason') !== 'FailedCreate' || !/\bimages?\b|pull/i.test(message))
    return undefined;
  const since = readString(event, 'firstTimestamp') || lastOfEvent(event);
  const count = readPath(event, 'count');
  return {
    message,
    read: message,
    namespace,
    owner: `${kind}/${name}`,
    ...(since !== '' && { since }),
    ...(typeof count === 'number' && { count }),
  };
}
