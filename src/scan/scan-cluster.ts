import { ApiError, type ApiServer, type ObjectHead } from '../cluster/connection/api-server.ts';
import { BOUND } from '../cluster/connection/bounded-text.ts';
import type { SecretsMode } from '../cluster/facts/fact-collections.ts';
import {
  checkNamespaces,
  collectionPath,
  findResources,
  listWorkloads,
  nameResource,
  type Resource,
  type Progress,
} from './resources.ts';
import { listFacts } from './list-facts.ts';
import type { Policy } from '../engine/rule.ts';
import { listPullSecrets } from '../policy/policy.ts';
import { isPod, type WorkloadKind } from '../workload/kinds.ts';
import { keepRefused, readEvents } from './find-waiting.ts';
import { createWaitingBook, type Refused, type WaitingBook, type WaitingPod } from './waiting-pods.ts';
import { createTally, type Findings, type Tally } from './tally.ts';

export type ScanInput = Readonly<{
  api: ApiServer;
  policy: Policy;
  secrets: SecretsMode;
  /** All if there are none. */
  namespaces: readonly string[];
  progress: Progress;
}>;

/** The result of a scan. Messages end without a full stop. */
export type ScanResult = Findings &
  Readonly<{
    /** Pods that wait for an image now, and workloads whose Pods are refused because of their images. */
    waiting: Readonly<{ pods: readonly WaitingPod[]; refused: readonly Refused[] }>;
    /** What could not be listed. */
    errors: readonly string[];
    /** Kinds that the cluster does not serve: `Rollout.argoproj.io`. */
    notServed: readonly string[];
    /** Why facts are missing. */
    unknown: readonly string[];
  }>;

/** Audits a cluster, a page at a time. @throws ApiError if the cluster cannot be reached at all. */
export async function scanCluster({ api, policy, secrets, namespaces, progress }: ScanInput): Promise<ScanResult> {
  const refusal = await findRefusal(api);
  if (refusal !== undefined) throw refusal;
  progress.show('pull secrets, service accounts and namespaces');
  const checked = await checkNamespaces(api, namespaces);
  const { facts, problems: unknown } = await listFacts({
    api,
    secrets,
    pullSecretNames: listPullSecrets(policy),
    nodes: false,
    ...(namespaces.length > 0 && { namespaces: checked.namespaces }),
  });
  const found = await findResources(api, policy.kinds);
  const tally = createTally(policy, facts, api.now().getTime());
  const collections = listCollections(found.resources, namespaces.length === 0 ? undefined : checked.namespaces);
  const book = createWaitingBook();
  const { errors, notServed } = await readAll(collections, api, { tally, book, progress });
  const places = namespaces.length === 0 ? [undefined] : checked.namespaces;
  const waiting = await readWaiting(api, book, places, progress);
  const doubtful = checked.unsure.filter((name) => errors.length === 0 && !tally.hasSeen(name));
  return {
    ...tally.finish(),
    waiting: { pods: waiting.pods, refused: waiting.refused },
    errors: [...checked.problems, ...found.problems, ...errors, ...doubtful.map((name) => describeDoubt(name))],
    notServed: [...new Set([...found.notServed, ...notServed].map((kind) => nameKind(kind)))],
    unknown: [...unknown, ...waiting.problems],
  };
}

/** Reads Events only if there are Pods that may wait: Events are many, and most clusters have no waiting Pod. */
async function readWaiting(
  api: ApiServer,
  book: WaitingBook,
  namespaces: readonly (string | undefined)[],
  progress: Progress,
): Promise<ScanResult['waiting'] & Readonly<{ problems: readonly string[] }>> {
  const problems: string[] = [];
  if (book.hasPods()) {
    for (const namespace of namespaces) {
      const problem = await readEvents(book, { api, namespace, progress });
      if (problem !== undefined) problems.push(problem);
    }
  }
  return { pods: book.listPods(), refused: await keepRefused(api, book.listRefused()), problems };
}

/** The error if the cluster cannot be reached or denies the user, so that this is not repeated for each list. */
async function findRefusal(api: ApiServer): Promise<ApiError | undefined> {
  try {
    await api.call('GET', '/version');
    return undefined;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return error.status === undefined || error.status === 401 ? error : undefined;
  }
}

function describeDoubt(namespace: string): string {
  return `namespace "${namespace}" has no workloads or does not exist: to tell which, ask the cluster admin for the verb "get" on namespaces`;
}

function nameKind({ group, kind }: WorkloadKind): string {
  return group === '' ? kind : `${kind}.${group}`;
}

/** Objects of a kind, in one namespace or in all. */
type Collection = Readonly<{ resource: Resource; namespace: string | undefined }>;

/** Pods come last, as their owners have to be known by then. */
function listCollections(
  resources: readonly Resource[],
  namespaces: readonly string[] | undefined,
): readonly Collection[] {
  const ordered = [...resources].sort((left, right) => Number(isPod(left.kind)) - Number(isPod(right.kind)));
  if (namespaces === undefined) return ordered.map((resource) => ({ resource, namespace: undefined }));
  return ordered
    .filter(({ isNamespaced }) => isNamespaced)
    .flatMap((resource) => namespaces.map((namespace) => ({ resource, namespace })));
}

/** The collectors of what is read. */
type Reading = Readonly<{ tally: Tally; book: WaitingBook; progress: Progress }>;

type Missed = Readonly<{ errors: readonly string[]; notServed: readonly WorkloadKind[] }>;

/** Reads one collection after the other, to spare the API server. What fails is left out and reported. */
async function readAll(collections: readonly Collection[], api: ApiServer, reading: Reading): Promise<Missed> {
  const errors: string[] = [];
  const notServed: WorkloadKind[] = [];
  for (const [at, collection] of collections.entries()) {
    const { kind } = collection.resource;
    const error = await readCollection(collection, api, { ...reading, errors });
    // A server without Pods is not an API server, so 404 for Pods is an error.
    if (error?.status === 404 && !isPod(kind)) notServed.push(kind);
    else if (error !== undefined) errors.push(describeError(collection, error));
    // One answer may be too long or too late. Only if the server does not answer at all, the other lists would fail as well.
    if (error !== undefined && error.status === undefined && (await findRefusal(api)) !== undefined) {
      errors.push(...describeRest(collections.slice(at + 1)));
      break;
    }
  }
  return { errors, notServed };
}

async function readCollection(
  collection: Collection,
  api: ApiServer,
  { tally, book, progress, errors }: Reading & Readonly<{ errors: string[] }>,
): Promise<ApiError | undefined> {
  const { resource, namespace } = collection;
  const what = nameCollection(collection);
  progress.show(what);
  let done = 0;
  try {
    for await (const { objects, remaining, tooLarge } of listWorkloads(api, collectionPath(resource, namespace))) {
      for (const object of objects) tally.add(object, resource.kind);
      if (isPod(resource.kind)) objects.forEach(book.addPod);
      if (tooLarge !== undefined) errors.push(describeTooLarge(collection, tooLarge));
      done += objects.length;
      progress.show(what, done, remaining);
    }
    return undefined;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return error;
  }
}

function nameCollection({ resource, namespace }: Collection): string {
  return namespace === undefined ? nameResource(resource) : `${nameResource(resource)} in namespace "${namespace}"`;
}

function describeError(collection: Collection, error: ApiError): string {
  const what = `${nameCollection(collection)} cannot be listed`;
  // The message of the API server would repeat user and verb for each kind.
  if (error.reason !== 'Forbidden') return `${what}: ${error.message}`;
  const role = collection.namespace === undefined ? 'a ClusterRole' : 'a Role in that namespace';
  return `${what} (Forbidden): ask the cluster admin for the verb "list" on ${nameResource(collection.resource)} in ${role}`;
}

function describeTooLarge(collection: Collection, { metadata: { namespace, name } }: ObjectHead): string {
  return `${namespace}/${name} of ${nameCollection(collection)} was not checked: it is larger than ${BOUND}`;
}

function describeRest(collections: readonly Collection[]): readonly string[] {
  if (collections.length === 0) return [];
  return [`not read after that: ${collections.map((collection) => nameCollection(collection)).join(', ')}`];
}
