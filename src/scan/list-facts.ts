import type { ClusterNode, Facts } from '../pull/facts.ts';
import { ApiError, type ApiServer } from '../cluster/connection/api-server.ts';
import {
  assembleFacts,
  listNodes,
  listSecretCollections,
  NAMESPACES,
  NODES,
  pathOf,
  SERVICE_ACCOUNTS,
  type FactCollection,
  type FactScope,
  type NodeStore,
  type ObjectSelection,
  type Store,
} from '../cluster/facts/fact-collections.ts';
import { createKeptObjects, type KeptObjects } from '../cluster/connection/kept-objects.ts';
import { listPages, type ListPage } from '../cluster/connection/list.ts';

export type ListFactsOptions = FactScope &
  Readonly<{
    api: ApiServer;
    /** Reads only these where possible, as the user may not be allowed more; all by default. */
    namespaces?: readonly string[];
  }>;

/**
 * The current facts of a cluster, read once. A fact that cannot be listed is absent; `problems` says why, without a full stop.
 */
export async function listFacts({
  api,
  secrets: mode,
  pullSecretNames,
  nodes: asksForNodes,
  namespaces: only,
}: ListFactsOptions): Promise<Readonly<{ facts: Facts; problems: readonly string[] }>> {
  const problems: string[] = [];
  // One after the other, to spare the API server.
  const serviceAccounts = await list(SERVICE_ACCOUNTS);
  const namespaces = await list(NAMESPACES);
  const nodes = asksForNodes ? await list(NODES) : undefined;
  const secrets = [];
  for (const collection of listSecretCollections(mode, pullSecretNames)) {
    secrets.push({ ...(await list(collection)), objectName: collection.objectName });
  }
  const facts = assembleFacts({
    mode,
    secrets,
    serviceAccounts,
    namespaces: namespaces.hasSynced() ? namespaces : undefined,
    nodes: nodes === undefined ? undefined : toNodeStore(nodes),
  });
  return { facts, problems };

  async function list<Kept>(collection: FactCollection<Kept>): Promise<Listed<Kept>> {
    const objects = createKeptObjects({
      path: pathOf(collection),
      keep: collection.keep,
      onError: (problem) => problems.push(problem),
    });
    const listing = objects.beginList();
    try {
      for await (const { items, tooLarge } of listAll(api, listQueries(collection, only))) {
        for (const item of items) listing.add(item);
        if (tooLarge !== undefined) listing.passOver(tooLarge);
      }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      problems.push(describeFailure(collection, error));
      return { ...objects, hasSynced: () => false };
    }
    listing.end();
    return { ...objects, hasSynced: () => true };
  }
}

type Listed<Kept> = Store<Kept> & Pick<KeptObjects<Kept>, 'values' | 'isWhole'>;

function toNodeStore(nodes: Listed<ClusterNode>): NodeStore {
  const listed = listNodes(nodes);
  return { list: () => listed, hasSynced: nodes.hasSynced };
}

async function* listAll(api: ApiServer, queries: readonly ListQuery[]): AsyncGenerator<ListPage> {
  for (const { path, fieldSelector } of queries) yield* listPages(api, path, { fieldSelector });
}

type ListQuery = Readonly<{ path: string; fieldSelector?: string | undefined }>;

/** Namespaces are selected by name. Nodes belong to no namespace. */
function listQueries(collection: ObjectSelection, namespaces: readonly string[] | undefined): readonly ListQuery[] {
  const { fieldSelector, resource } = collection;
  if (namespaces === undefined || resource === NODES.resource) return [{ path: pathOf(collection), fieldSelector }];
  return namespaces.map((namespace) =>
    resource === NAMESPACES.resource
      ? { path: pathOf(collection), fieldSelector: `metadata.name=${namespace}` }
      : { path: pathOf(collection, namespace), fieldSelector },
  );
}

function describeFailure({ resource, fieldSelector, objectName }: ObjectSelection, error: ApiError): string {
  const which = fieldSelector === undefined ? '' : ` where ${fieldSelector}`;
  const message = `${resource}${which} cannot be listed: ${error.message}`;
  if (error.status !== 403) return message;
  const limit = objectName === undefined ? '' : `, at least with resourceNames ["${objectName}"]`;
  return `${message}: ask the cluster admin for the verb "list" on ${resource}${limit}`;
}
