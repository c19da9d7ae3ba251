import { ApiError, type ApiServer, type KubernetesObject, type ObjectHead } from '../cluster/connection/api-server.ts';
import { listPages } from '../cluster/connection/list.ts';
import { tabulateKinds, type KindTable, type WorkloadKind } from '../workload/kinds.ts';
import { readPath, readString } from '../text/json.ts';

/** Shows the progress of reading a cluster. `done` and `remaining` count objects; `remaining` may be unknown. */
export type Progress = Readonly<{ show: (what: string, done?: number, remaining?: number) => void }>;

/** Where the API serves the objects of a kind. */
export type Resource = Readonly<{
  kind: WorkloadKind;
  /** `/api/v1`, `/apis/apps/v1`. */
  base: string;
  /** `deployments`. */
  plural: string;
  isNamespaced: boolean;
}>;

export type FoundResources = Readonly<{
  resources: readonly Resource[];
  /** Kinds that this cluster does not serve. */
  notServed: readonly WorkloadKind[];
  /** Why a kind could not be discovered, without a full stop. */
  problems: readonly string[];
}>;

/**
 * Finds where the API serves the kinds of a policy. Built-in kinds are known; version and plural of kinds that a policy adds are
 * discovered. Never rejects because the cluster returns an error or does not answer.
 */
export async function findResources(api: ApiServer, kinds: KindTable): Promise<FoundResources> {
  const resources: Resource[] = [];
  const notServed: WorkloadKind[] = [];
  const problems: string[] = [];
  for (const [key, kind] of kinds) {
    if (kind.resource !== undefined) {
      resources.push({ kind, base: basePath(kind.group, 'v1'), plural: kind.resource, isNamespaced: true });
    } else if (!BUILT_IN.has(key)) {
      const found = await discover(api, kind);
      if (typeof found === 'string') problems.push(found);
      else if (found === undefined) notServed.push(kind);
      else resources.push(found);
    }
  }
  return { resources, notServed, problems };
}

/** Built-in kinds without a plural are in a removed API group, which manifests may still have but no API server serves. */
const BUILT_IN = tabulateKinds([]);

/** `deployments.apps`, `pods`: as RBAC's messages and `kubectl get` name a collection. */
export function nameResource({ kind, plural }: Resource): string {
  return kind.group === '' ? plural : `${plural}.${kind.group}`;
}

/** The path of a collection, in one namespace or in all. */
export function collectionPath({ base, plural }: Resource, namespace: string | undefined): string {
  const scope = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${base}${scope}/${encodeURIComponent(plural)}`;
}

/** Undefined if the cluster does not serve the kind, a message if that is unknown. */
async function discover(api: ApiServer, kind: WorkloadKind): Promise<Resource | string | undefined> {
  try {
    for (const base of await listVersions(api, kind.group)) {
      const resources = readPath(await callOrNothing(api, base), 'resources');
      const found = Array.isArray(resources) ? findByKind(resources, kind.kind) : undefined;
      if (found === undefined) continue;
      const isNamespaced = readPath(found, 'namespaced') === true;
      return { kind, base, plural: readString(found, 'name'), isNamespaced };
    }
    return undefined;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return `cannot discover the resource of ${kind.kind} in ${kind.group || 'the core group'}: ${error.message}`;
  }
}

/** The paths of the versions of a group, the preferred version first: a kind may exist only in another one. */
async function listVersions(api: ApiServer, group: string): Promise<readonly string[]> {
  if (group === '') return [basePath('', 'v1')];
  const answer = await callOrNothing(api, `/apis/${encodeURIComponent(group)}`);
  const versions = readPath(answer, 'versions');
  const others: readonly unknown[] = Array.isArray(versions) ? versions : [];
  const names = [readPath(answer, 'preferredVersion'), ...others].map((version) => readString(version, 'version'));
  return [...new Set(names)].filter((name) => name !== '').map((name) => basePath(group, name));
}

/** Subresources (`rollouts/status`) have the kind of their parent. */
function findByKind(resources: readonly unknown[], kind: string): unknown {
  return resources.find(
    (resource) => readString(resource, 'kind') === kind && !readString(resource, 'name').includes('/'),
  );
}

async function callOrNothing(api: ApiServer, path: string): Promise<unknown> {
  try {
    return await api.call('GET', path);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}

function basePath(group: string, version: string): string {
  return group === '' ? `/api/${version}` : `/apis/${encodeURIComponent(group)}/${encodeURIComponent(version)}`;
}

/** `remaining` is the number of objects after this page, if the API server knows it. */
export type WorkloadPage = Readonly<{
  objects: readonly KubernetesObject[];
  remaining?: number;
  /** Stands for an object that is too large to be read. */
  tooLarge?: ObjectHead;
}>;

/** A list that expires three times cannot be read fast enough. */
const MAX_ATTEMPTS = 3;

/**
 * The objects of a collection, page by page, each once. If a list is read too slowly, it expires in the API server, by default
 * after five minutes. It is then read again from the start, without the objects that were already returned.
 *
 * @throws ApiError
 */
export async function* listWorkloads(
  api: ApiServer,
  path: string,
  fieldSelector?: string,
): AsyncGenerator<WorkloadPage> {
  const seen = new Set<string>();
  for (let attempt = 1; ; attempt++) {
    try {
      for await (const { items, remaining, tooLarge } of listPages(api, path, { fieldSelector })) {
        const objects = items.filter((item) => isNew(item, seen));
        yield {
          objects,
          ...(remaining !== undefined && { remaining }),
          ...(tooLarge !== undefined && isNew(tooLarge, seen) && { tooLarge }),
        };
      }
      return;
    } catch (error) {
      if (!isExpired(error) || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

/** By name, not by uid: a Pod of a StatefulSet that was recreated in between is the same to a reader. */
function isNew(object: KubernetesObject, seen: Set<string>): boolean {
  const key = `${readString(object, 'metadata', 'namespace')}/${readString(object, 'metadata', 'name')}`;
  if (seen.has(key)) return false;
  seen.add(key);
  return true;
}

function isExpired(error: unknown): boolean {
  return error instanceof ApiError && error.status === 410;
}

export type CheckedNamespaces = Readonly<{
  /** Namespaces that exist, or may exist. */
  namespaces: readonly string[];
  /** Those of them that could not be checked. */
  unsure: readonly string[];
  /** A message for each of the others. */
  problems: readonly string[];
}>;

/**
 * Checks that namespaces exist. The API server lists a missing namespace like an empty one, so a typo would look like a clean
 * result. Never rejects because the cluster returns an error or does not answer.
 */
export async function checkNamespaces(api: ApiServer, names: readonly string[]): Promise<CheckedNamespaces> {
  const namespaces: string[] = [];
  const unsure: string[] = [];
  const problems: string[] = [];
  for (const name of names) {
    try {
      await api.call('GET', `/api/v1/namespaces/${encodeURIComponent(name)}`);
      namespaces.push(name);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 404) {
        problems.push(`namespace "${name}" does not exist: list namespaces with "kubectl get namespaces"`);
      } else {
        namespaces.push(name);
        unsure.push(name);
      }
    }
  }
  return { namespaces, unsure, problems };
}
