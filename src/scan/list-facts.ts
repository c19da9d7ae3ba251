import type { ClusterNode, Facts } from '../pull/facts.ts';
import { ApiError, type ApiServer } from '../cluster/connection/api-server.ts';
import { assembleFacts, listNodes, type NodeStore, type Store } from '../cluster/facts/assemble-facts.ts';
import {
  listSecretCollections,
  NAMESPACES,
  NODES,
  pathOf,
  SERVICE_ACCOUNTS,
  type FactCollection,
  type FactScope,
  type ObjectSelection,
} from '../cluster/facts/fact-collections.ts';
import { createKeptObjects, type KeptObjects } from '../cluster/connection/kept-objects.ts';
import { listPages, type ListPage } from '../cluster/connection/list.ts';

export type ListFactsOptions = FactScope &
  Readonly<{
    api: ApiServer;
    /** Asks for these alone, as far as that goes: an account may be allowed no more. All unless told otherwise. */
    namespaces?: readonly string[];
  }>;

/**
 * The facts of a cluster as they are now, read once. What cannot be listed stays absent; `problems` says why, and without a
 * full stop.
 */
export async function listFacts({
  api,
  secrets: mode,
  pullSecretNames,
  nodes: asksForNodes,
  namespaces: only,
}: ListFactsOptions): Promise<Readonly<{ facts: Facts; problems: readonly string[] }>> {
  const problems: string[] = [];
  // One after the other: the API server has others to serve as well.
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

/** A namespace is in no other, and is asked for by its name. Nodes are in none, and run the pods of all. */
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
  const limit = objectName === undefined ? '' : `, which may be for the name ${objectName} alone`;
  return `${message}; it takes the verb "list" on ${resource}${limit}`;
}
