import { writePullNotice, type InvolvedObject, type Notice } from '../../admission/notices.ts';
import { causeOf, type CauseCode, type FaqItem } from '../../cause/causes.ts';
import { explainFailure } from '../../cause/diagnosis.ts';
import { readFailure, type Failure } from '../../cause/read-failure.ts';
import { lastOfEvent, nodeOfEvent, readPulledImage, sinceOfEvent } from '../../cause/reported-failures.ts';
import { readReference } from '../../image/reference.ts';
import type { PullFacts } from '../../pull/facts.ts';
import { MOST_OWNERS_SOUGHT, MOST_PULLED } from '../../text/bounds.ts';
import { readPath, readString } from '../../text/json.ts';
import { memoize } from '../../text/memoize.ts';
import { quote } from '../../text/quote.ts';
import { findController, type Controller } from '../../workload/kinds.ts';
import { ApiError, type ApiServer, type KubernetesObject } from '../connection/api-server.ts';
import { follow, type Followed, type ObjectSink } from '../connection/reflector.ts';
import { createFairQueue, type Waiting } from '../events/fair-queue.ts';
import { createPullPicture } from './pull-picture.ts';

export type WatchPullsOptions = Readonly<{
  api: ApiServer;
  /** Called once for each distinct problem until it is over. */
  onError: (message: string) => void;
  /** Whether this replica writes Events: of several that see the same, one does. */
  isWriting: () => boolean;
  /** Writes an Event on an owner. */
  record: (read: () => readonly Notice[]) => void;
  /** Called for each failed pull that kubelet reports. */
  onFailure: (failure: Readonly<{ cause: CauseCode | 'unknown'; faqItem: FaqItem | null }>) => void;
  /** Called once for each image that failed in a namespace: whether an admission had warned about it. */
  onFirstFailure: (first: Readonly<{ wasForetold: boolean }>) => void;
  /** Called for the first failed Pod of each owner: how many seconds after its creation the failure began. */
  onDelay: (seconds: number) => void;
}>;

/** What nodes meet when they pull, from the Events of kubelet. */
export type WatchedPulls = Readonly<{
  facts: PullFacts;
  /** An admission warned of an image, or denied it. */
  foretell: (namespace: string, image: string) => void;
  countWaiting: () => ReadonlyMap<CauseCode, number>;
  synced: Promise<unknown>;
  close: () => void;
}>;

/** The Events that are watched: an API server sends no others. A field selector knows no "or". */
export const PULL_EVENTS = [
  'involvedObject.kind=Pod,type=Warning,reason=Failed',
  'involvedObject.kind=Pod,type=Warning,reason=FailedCreatePodSandBox',
  'involvedObject.kind=Pod,type=Normal,reason=Pulled',
] as const;

/** Watches failed pulls, and later successful ones. Keeps no Event. */
export function watchPulls(options: WatchPullsOptions): WatchedPulls {
  const { api, onError, isWriting, record, onFailure, onFirstFailure, onDelay } = options;
  const picture = createPullPicture(() => api.now().getTime());
  const foretold = new Set<string>();
  const failed = new Set<string>();
  const notices = new Map<string, Notice>();
  const sought = createFairQueue<Sought>(MOST_OWNERS_SOUGHT);
  /** Pods whose owner could not be found, so that it is not asked for at each of their Events. */
  const lost = new Set<string>();
  let isSeeking = false;
  const ending = new AbortController();
  const call: ApiServer['call'] = async (method, path, given) =>
    api.call(method, path, { ...given, signal: ending.signal });

  const [failures, sandboxes, pulls] = PULL_EVENTS;
  const watches = [
    watch(failures, takeFailure),
    watch(sandboxes, takeFailure),
    // The order of the watches does not matter: a successful pull does not clear a failure that is newer.
    watch(pulls, takePulled),
  ];
  return {
    facts: { find: picture.find, hasPulled: picture.hasPulled },
    foretell: (namespace, image) => {
      addWithin(foretold, `${namespace}\n${image}`);
    },
    countWaiting: picture.countWaiting,
    synced: Promise.all(watches.map(({ synced }) => synced)),
    close: () => {
      ending.abort();
      for (const each of watches) each.close();
    },
  };

  function watch(fieldSelector: string, take: (event: KubernetesObject) => void): Followed {
    return follow({ api, path: '/api/v1/events', fieldSelector, onError }, passOn(take));
  }

  function takeFailure(event: KubernetesObject): void {
    const failure = readOnce(messageOf(event));
    if (failure === undefined || failure.cause === 'back-off') return;
    const { cause, reference, image = '' } = failure;
    onFailure({ cause, faqItem: cause === 'unknown' ? null : causeOf(cause).faqItem });
    if (cause === 'unknown' || reference === undefined) return;
    const { namespace, pod, node, since } = readSeen(event);
    const last = Date.parse(lastOfEvent(event));
    if (Number.isNaN(last)) return;
    const began = Date.parse(since);
    picture.noteFailure({ cause, reference, namespace, pod, node, since: Number.isNaN(began) ? last : began, last });
    const key = `${namespace}\n${image}`;
    if (addWithin(failed, key)) onFirstFailure({ wasForetold: foretold.has(key) });
    // An old Event from before the start of pullguard is not reported again.
    if (api.now().getTime() - last < NEWS_MS) tellOwner({ namespace, pod, node, since }, failure);
  }

  function takePulled(event: KubernetesObject): void {
    const image = readPulledImage(event);
    const reference = image === undefined ? undefined : readReference(image);
    const at = Date.parse(lastOfEvent(event));
    if (image === undefined || reference === undefined || Number.isNaN(at)) return;
    const { namespace, pod, node } = readSeen(event);
    failed.delete(`${namespace}\n${image}`);
    picture.notePulled({ reference, namespace, pod, node, at });
  }

  function tellOwner(seen: Seen, failure: Failure): void {
    if (!isWriting()) return;
    const { namespace, pod } = seen;
    const own = JSON.stringify([namespace, pod, failure.cause]);
    const shared = JSON.stringify([namespace, pod.slice(0, Math.max(0, pod.lastIndexOf('-'))), failure.cause]);
    const known = notices.get(shared) ?? notices.get(own);
    if (known !== undefined) {
      record(() => [known]);
      return;
    }
    if (lost.has(own)) return;
    // If there is no room, the owner is looked up when kubelet reports the failure again.
    sought.put(shared, { namespace, isOfOwner: true, seen, failure });
    if (!isSeeking) void seek();
  }

  /** One after the other, to spare the API server. */
  async function seek(): Promise<void> {
    isSeeking = true;
    for (let next = sought.take(); next !== undefined; next = sought.take()) {
      const [key, { seen, failure }] = next;
      const { namespace, pod } = seen;
      try {
        const owner = await findPodOwner(call, { namespace, name: pod });
        const notice = describe(owner, seen, failure);
        if (notices.size >= MOST_NOTICES) notices.clear();
        // Pods without a controller have nothing in common but the start of their names.
        notices.set(owner.involved.kind === 'Pod' ? JSON.stringify([namespace, pod, failure.cause]) : key, notice);
        record(() => [notice]);
        const began = Date.parse(seen.since);
        if (began >= owner.createdAt) onDelay((began - owner.createdAt) / 1000);
      } catch (error) {
        if (ending.signal.aborted) break;
        addWithin(lost, JSON.stringify([namespace, pod, failure.cause]));
        // It may be gone by now.
        if (!(error instanceof ApiError) || error.status !== 404) onError(describeProblem(error));
      }
    }
    isSeeking = false;
  }
}

/** A Pod whose owner is still unknown, which it may share with other Pods. */
type Sought = Waiting & Readonly<{ seen: Seen; failure: Failure }>;

/** How long an Event counts as new: kubelet retries within this time. */
const NEWS_MS = 6 * 60 * 1000;

const MOST_NOTICES = 1000;

function describeProblem(error: unknown): string {
  const message = error instanceof Error ? error.message : 'unknown error';
  const isForbidden = error instanceof ApiError && error.status === 403;
  const advice = isForbidden ? ': grant the verb "get" on pods, replicasets.apps and jobs.batch' : '';
  return `cannot find the owner of a Pod that waits: ${message}${advice}`;
}

function describe({ involved }: PodOwner, { namespace, pod, node }: Seen, failure: Failure): Notice {
  const { name, says, faqItem, remedy, image = '' } = explainFailure(failure, { namespace, pod });
  const item = faqItem === null ? '' : `, FAQ check item ${faqItem}`;
  const where = node === '' ? 'its node' : `node ${node}`;
  const what = `${where} cannot pull ${quote(image)} for Pod ${pod}: ${name} (${says})${item}`;
  return writePullNotice(involved, { cause: failure.cause, what, remedy });
}

/** The object that a user wrote for a waiting Pod: a Deployment for the Pod of its ReplicaSet, or the Pod itself. */
type PodOwner = Readonly<{
  involved: InvolvedObject;
  /** When the Pod was created, in milliseconds since 1970. */
  createdAt: number;
}>;

/** Kinds between a Pod and what people write, and where they are served. */
const BETWEEN: Readonly<Record<string, (namespace: string) => string>> = {
  'apps/ReplicaSet': (namespace) => `/apis/apps/v1/namespaces/${namespace}/replicasets`,
  'batch/Job': (namespace) => `/apis/batch/v1/namespaces/${namespace}/jobs`,
};

/** The access to workloads that pullguard needs. */
export const OWNER_ACCESS = [
  { apiGroup: '', resource: 'pods', verbs: ['get'] },
  { apiGroup: 'apps', resource: 'replicasets', verbs: ['get'] },
  { apiGroup: 'batch', resource: 'jobs', verbs: ['get'] },
] as const;

/** Finds the owner of a Pod in two requests at most. @throws ApiError */
async function findPodOwner(
  call: ApiServer['call'],
  { namespace, name }: Readonly<{ namespace: string; name: string }>,
): Promise<PodOwner> {
  const scope = encodeURIComponent(namespace);
  const pod = await call('GET', `/api/v1/namespaces/${scope}/pods/${encodeURIComponent(name)}`);
  const createdAt = Date.parse(readString(pod, 'metadata', 'creationTimestamp'));
  const controller = findController(pod);
  if (controller === undefined) {
    const uid = readString(pod, 'metadata', 'uid');
    return { involved: { apiVersion: 'v1', kind: 'Pod', namespace, name, ...(uid !== '' && { uid }) }, createdAt };
  }
  const between = BETWEEN[`${controller.group}/${controller.kind}`];
  const top =
    between === undefined
      ? undefined
      : findController(await call('GET', `${between(scope)}/${encodeURIComponent(controller.name)}`));
  return { involved: toInvolved(top ?? controller, namespace), createdAt };
}

function toInvolved({ apiVersion, kind, name, uid }: Controller, namespace: string): InvolvedObject {
  return { apiVersion, kind, namespace, name, ...(uid !== '' && { uid }) };
}

/** Where and since when an Event was seen. */
type Seen = Readonly<{ namespace: string; pod: string; node: string; since: string }>;

function readSeen(event: unknown): Seen {
  const [namespace = '', pod = ''] = ['namespace', 'name'].map((member) => readString(event, 'involvedObject', member));
  return { namespace, pod, node: nodeOfEvent(event), since: sinceOfEvent(event) };
}

/** Characters of a message that is remembered: nearly all are shorter, and a thousand take a megabyte or two. */
const LONGEST_EVENT = 1024;

/** kubelet writes the same message for each Pod and at each attempt. */
const readOnce = memoize((message): Failure | undefined => {
  const reading = readFailure(message);
  return reading.kind === 'failed' ? reading.failure : undefined;
}, LONGEST_EVENT);

/** Adds the reason of the Event, as the message of a failed sandbox may not contain it. */
function messageOf(event: unknown): string {
  const message = readString(event, 'message');
  return readPath(event, 'reason') === 'Failed' ? message : `${readString(event, 'reason')}: ${message}`;
}

/** Whether it is new. Of too many the oldest is forgotten. */
function addWithin(set: Set<string>, value: string): boolean {
  const isNew = !set.delete(value);
  set.add(value);
  if (set.size > MOST_PULLED) for (const oldest of set) return set.delete(oldest);
  return isNew;
}

/** Hands objects on as they come, and keeps none. */
function passOn(take: (object: KubernetesObject) => void): ObjectSink {
  const ignore = (): undefined => undefined;
  return {
    put: take,
    drop: ignore,
    passOver: ignore,
    beginList: () => ({ add: take, passOver: ignore, end: ignore }),
    hasRoomAgain: () => false,
  };
}
