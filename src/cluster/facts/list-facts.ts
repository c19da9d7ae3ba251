import type { Facts } from '../../engine/facts.ts';
import { ApiError, type ApiServer, type KubernetesObject } from '../connection/api-server.ts';
import { assembleFacts, type Store } from './assemble-facts.ts';
import {
  listSecretCollections,
  NAMESPACES,
  pathOf,
  SERVICE_ACCOUNTS,
  type FactCollection,
  type SecretsMode,
} from './fact-collections.ts';
import { createKeptObjects } from '../connection/kept-objects.ts';
import { listPages } from '../connection/list.ts';
import { reportOnce } from '../connection/report-once.ts';

export type ListFactsOptions = Readonly<{
  api: ApiServer;
  secrets: SecretsMode;
  /** What `default-secret-only` looks at. */
  pullSecretNames: readonly string[];
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
  namespaces: only,
}: ListFactsOptions): Promise<Readonly<{ facts: Facts; problems: readonly string[] }>> {
  const problems: string[] = [];
  const reporter = reportOnce((problem) => problems.push(problem));
  // One after the other: the API server has others to serve as well.
  const serviceAccounts = await list(SERVICE_ACCOUNTS);
  const namespaces = await list(NAMESPACES);
  const secrets = [];
  for (const collection of listSecretCollections(mode, pullSecretNames)) {
    secrets.push({ ...(await list(collection)), objectName: collection.objectName });
  }
  const facts = assembleFacts({
    mode,
    secrets,
    serviceAccounts,
    namespaces: namespaces.hasSynced() ? namespaces : undefined,
    now: () => api.now().getTime(),
  });
  return { facts, problems };

  async function list<Kept>(collection: FactCollection<Kept>): Promise<Store<Kept>> {
    const objects = createKeptObjects({
      path: pathOf(collection),
      keep: collection.keep,
      onChange: () => undefined,
      reporter,
    });
    const listing = objects.beginList();
    try {
      for await (const item of listObjects(api, listQueries(collection, only))) listing.add(item);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      problems.push(describeFailure(collection, error));
      return { find: objects.find, hasSynced: () => false };
    }
    listing.end();
    return { find: objects.find, hasSynced: () => true };
  }
}

async function* listObjects(api: ApiServer, queries: readonly ListQuery[]): AsyncGenerator<KubernetesObject> {
  for (const { path, fieldSelector } of queries) {
    const pages = listPages(api, path, fieldSelector === undefined ? {} : { fieldSelector });
    for await (const { items } of pages) yield* items;
  }
}

type ListQuery = Readonly<{ path: string; fieldSelector?: string | undefined }>;

/** A namespace is no object of itself, and is asked for by its name. */
function listQueries(
  collection: FactCollection<unknown>,
  namespaces: readonly string[] | undefined,
): readonly ListQuery[] {
  const { fieldSelector } = collection;
  if (namespaces === undefined) return [{ path: pathOf(collection), fieldSelector }];
  return namespaces.map((namespace) =>
    collection.resource === NAMESPACES.resource
      ? { path: pathOf(collection), fieldSelector: `metadata.name=${namespace}` }
      : { path: pathOf(collection, namespace), fieldSelector },
  );
}

function describeFailure({ resource, fieldSelector, objectName }: FactCollection<unknown>, error: ApiError): string {
  const which = fieldSelector === undefined ? '' : ` where ${fieldSelector}`;
  const message = `${resource}${which} cannot be listed: ${error.message}`;
  if (error.status !== 403) return message;
  const limit = objectName === undefined ? '' : `, which may be for the name ${objectName} alone`;
  return `${message}; it takes the verb "list" on ${resource}${limit}`;
}
