import { isRecord, readPath, readString } from '../text/json.ts';
import { readFailure } from './read-failure.ts';

/** A message about a Pod, and further facts from the object that contains it. */
export type Report = Readonly<{
  message: string;
  /** The text to be read: the message with facts from its place, such as the reason of an Event. */
  read: string;
  namespace?: string;
  /** The name of the Pod. */
  pod?: string;
  /** The owner of the Pod: `Deployment/web`; for an Event about another object, that object. */
  owner?: string;
  node?: string;
  image?: string;
  /** When it started, in the time format of Kubernetes. */
  since?: string;
  /** How often it happened. */
  count?: number;
}>;

/** The failed pulls in Events and Pods, in their order; none for other objects. */
export function listReports(object: unknown, depth = 0): readonly Report[] {
  if (depth > MOST_LISTS) return [];
  if (Array.isArray(object)) return object.flatMap((item) => listReports(item, depth + 1));
  if (!isRecord(object)) return [];
  const items = object['items'];
  if (Array.isArray(items)) return items.flatMap((item) => listReports(item, depth + 1));
  // The output of `kubectl get --watch --output-watch-events`.
  if (isRecord(object['object']) && typeof object['type'] === 'string') return listReports(object['object'], depth + 1);
  if (isRecord(object['involvedObject']) || isRecord(object['regarding'])) return reportEvent(object);
  return isRecord(readPath(object, 'spec')) && isRecord(readPath(object, 'status')) ? reportPod(object) : [];
}

/** The deepest nesting of lists; kubectl has one list in another. */
const MOST_LISTS = 8;

function reportEvent(event: Readonly<Record<string, unknown>>): readonly Report[] {
  const about = event['involvedObject'] ?? event['regarding'];
  const message = firstText(event, 'message', 'note');
  const reason = readString(event, 'reason');
  const read = isPullReason(reason) ? `${reason}: ${message}` : message;
  if (readFailure(read, false).kind !== 'failed') return [];
  const [kind, name] = [readString(about, 'kind'), readString(about, 'name')];
  const isPod = kind === 'Pod';
  return [
    {
      message,
      read,
      ...text('namespace', readString(about, 'namespace') || readString(event, 'metadata', 'namespace')),
      ...text(isPod ? 'pod' : 'owner', isPod || name === '' ? name : `${kind}/${name}`),
      ...text('node', kind === 'Node' ? name : nodeOfEvent(event)),
      ...text('since', sinceOfEvent(event)),
      ...countOf(event),
    },
  ];
}

/** The image of an Event about a successful pull. An image that was on the node already is left out, as nothing was pulled. */
export function readPulledImage(event: unknown): string | undefined {
  return PULLED.exec(firstText(event, 'message', 'note'))?.[1];
}

const PULLED = /^Successfully pulled image "([^"]{1,4096})"/;

/** When an Event happened last. */
export function lastOfEvent(event: unknown): string {
  const series = 'series.lastObservedTime';
  return firstText(event, series, 'lastTimestamp', 'deprecatedLastTimestamp', 'eventTime', CREATED);
}

/** Whether the reason has information that the message lacks. */
function isPullReason(reason: string): boolean {
  return ['ErrImageNeverPull', 'InspectFailed', 'FailedToRetrieveImagePullSecret', 'FailedCreatePodSandBox'].includes(
    reason,
  );
}

/** kubelet reports its node in one of two ways, depending on the version of the Event. */
export function nodeOfEvent(event: unknown): string {
  const component = firstText(event, 'source.component', 'reportingComponent');
  const host = firstText(event, 'source.host', 'deprecatedSource.host');
  return host || (component === 'kubelet' ? readString(event, 'reportingInstance') : '');
}

export function sinceOfEvent(event: unknown): string {
  return firstText(event, 'firstTimestamp', 'deprecatedFirstTimestamp', 'eventTime', CREATED);
}

function countOf(event: unknown): Readonly<{ count?: number }> {
  const counts = [['series', 'count'], ['count'], ['deprecatedCount']].map((path) => readPath(event, ...path));
  const count = counts.find((each) => typeof each === 'number' && Number.isSafeInteger(each) && each > 0);
  return typeof count === 'number' ? { count } : {};
}

/** Reasons why a container waits for its image. */
const WAITS_FOR_IMAGE: ReadonlySet<string> = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'RegistryUnavailable',
  'SignatureValidationFailed',
  'ImageInspectError',
]);

const STATUSES = ['initContainerStatuses', 'containerStatuses', 'ephemeralContainerStatuses'];

/** The facts about a Pod, without a message. */
export function describePod(pod: unknown): Omit<Report, 'message' | 'read'> {
  return {
    ...text('namespace', readString(pod, 'metadata', 'namespace')),
    ...text('pod', readString(pod, 'metadata', 'name')),
    ...text('owner', ownerOf(pod)),
    ...text('node', readString(pod, 'spec', 'nodeName')),
    ...text('since', firstText(pod, 'status.startTime', CREATED)),
  };
}

function reportPod(pod: unknown): readonly Report[] {
  const of = describePod(pod);
  const containers = STATUSES.flatMap((list) => listOf(readPath(pod, 'status', list))).flatMap((status) => {
    const reason = readString(status, 'state', 'waiting', 'reason');
    const message = readString(status, 'state', 'waiting', 'message') || reason;
    const read = `${reason}: ${message}`;
    const waits =
      WAITS_FOR_IMAGE.has(reason) || (reason === CREATE_ERROR && readFailure(message, false).kind === 'failed');
    return waits ? [{ message, read, ...of, ...text('image', readString(status, 'image')) }] : [];
  });
  return [...containers, ...reportEviction(pod, of)];
}

/** Also used if the image of a container disappeared during its creation. */
const CREATE_ERROR = 'CreateContainerError';

/** A node without space for images evicts Pods, which only their status shows. */
function reportEviction(pod: unknown, of: Omit<Report, 'message' | 'read'>): readonly Report[] {
  const message = readString(pod, 'status', 'message');
  if (readString(pod, 'status', 'reason') !== 'Evicted') return [];
  const reading = readFailure(message);
  return reading.kind === 'failed' && reading.failure.cause === 'disk-full' ? [{ message, read: message, ...of }] : [];
}

function ownerOf(pod: unknown): string {
  const owners = listOf(readPath(pod, 'metadata', 'ownerReferences'));
  const owner = owners.find((each) => readPath(each, 'controller') === true) ?? owners[0];
  const [kind, name] = [readString(owner, 'kind'), readString(owner, 'name')];
  if (kind === '' || name === '') return '';
  return nameOwner(`${kind}/${name}`, readString(pod, 'metadata', 'labels', 'pod-template-hash'));
}

/** The Deployment of a ReplicaSet: its name without the hash in the Pod's label. Other owners are returned unchanged. */
export function nameOwner(owner: string, hash: string): string {
  const isOfDeployment = hash !== '' && owner.startsWith('ReplicaSet/') && owner.endsWith(`-${hash}`);
  return isOfDeployment ? owner.slice(0, -hash.length - 1).replace('ReplicaSet/', 'Deployment/') : owner;
}

/** The first text that is not empty under one of these chains of members, written with dots. */
function firstText(object: unknown, ...chains: readonly string[]): string {
  return chains.map((chain) => readString(object, ...chain.split('.'))).find((each) => each !== '') ?? '';
}

const CREATED = 'metadata.creationTimestamp';

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A member of a report, left out if it is empty. */
function text(name: 'namespace' | 'pod' | 'owner' | 'node' | 'since' | 'image', value: string): Partial<Report> {
  return value === '' ? {} : { [name]: value };
}
