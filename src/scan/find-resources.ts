import { tabulateKinds, type KindTable, type WorkloadKind } from '../workload/kinds.ts';
import { readPath, readString } from '../text/json.ts';
import { ApiError, type ApiServer } from '../cluster/connection/api-server.ts';

/** Where the API has the objects of a kind. */
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
  /** Kinds that this cluster does not know. */
  notServed: readonly WorkloadKind[];
  /** Why a kind could not be looked up; with a cause, and without a full stop. */
  problems: readonly string[];
}>;

/**
 * Finds where the API has the kinds of a policy. Those of Kubernetes itself are known; of those that a policy adds the
 * cluster is asked for version and plural. Never rejects for what the cluster answers, or does not.
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

/** Built in without a plural are only kinds in a group of old: manifests still say it, no API server serves it. */
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

/** Undefined when the cluster does not serve the kind, a text when it did not say. */
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
    return `where the API has ${kind.kind} of ${kind.group || 'the core group'} could not be asked: ${error.message}`;
  }
}

/** The paths of a group's versions, the one that the cluster prefers first: a kind need not be in that one. */
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
