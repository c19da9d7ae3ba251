import type { ClusterNode, Facts, NodeFacts, PullSecret, PullSecretFacts, ServiceAccount } from '../../pull/facts.ts';
import type { KeptObjects } from '../connection/kept-objects.ts';
import type { SecretsMode } from './fact-collections.ts';
import type { NamespaceLabels } from './read-objects.ts';

/** The kept objects of a collection, from a watch or a list. */
export type Store<Kept> = Readonly<{
  find: (namespace: string, name: string) => Kept | undefined;
  /** Whether an object that is not found may still exist, because it exceeds a limit. */
  mayHold: (namespace: string, name: string) => boolean;
  /** Whether the list is complete, so that objects that are not found do not exist. */
  hasSynced: () => boolean;
}>;

/** Without an `objectName`, it has Secrets with any name. */
export type SecretStore = Store<PullSecret> & Readonly<{ objectName?: string | undefined }>;

export type NodeStore = NodeFacts & Readonly<{ hasSynced: () => boolean }>;

export type FactStores = Readonly<{
  mode: SecretsMode;
  secrets: readonly SecretStore[];
  serviceAccounts: Store<ServiceAccount>;
  /** Undefined if they are not watched: then no namespace has limits. */
  namespaces: Store<NamespaceLabels> | undefined;
  /** Undefined if they are not read. */
  nodes: NodeStore | undefined;
}>;

/**
 * The facts that are known by now; to be called again when a store has synced, and not for each question. Facts whose list is not
 * complete are absent, so that rules that need them are skipped. Namespaces are different: if the member is absent, there is no
 * cluster, and there are no limits. If it is there but has no answer yet, as for a moment after each start, labels may not allow
 * denials, and nothing is denied.
 */
export function assembleFacts(stores: FactStores): Facts {
  const { mode, secrets, serviceAccounts, namespaces, nodes } = stores;
  // Each name has its own list, and the known ones can be used without the others.
  const known = secrets.filter((store) => store.hasSynced()).length;
  const knowsSecrets = mode === 'default-secret-only' ? known > 0 : known > 0 && known === secrets.length;
  const find: PullSecretFacts['find'] = (namespace, name) => findSecret(secrets, namespace, name);
  return {
    ...(knowsSecrets && { pullSecrets: { find, seesEveryType: mode === 'default-secret-only' } }),
    ...(serviceAccounts.hasSynced() && { serviceAccounts: { find: serviceAccounts.find } }),
    ...(namespaces !== undefined && { namespaces: { findLabels: (name) => namespaces.find('', name) } }),
    ...(nodes?.hasSynced() === true && { nodes: { list: nodes.list } }),
  };
}

/** The nodes; empty if some exceed a limit, as a part of them is not enough to decide. */
export function listNodes({
  values,
  isWhole,
}: Pick<KeptObjects<ClusterNode>, 'values' | 'isWhole'>): readonly ClusterNode[] {
  return isWhole() ? [...values()] : [];
}

function findSecret(all: readonly SecretStore[], namespace: string, name: string): PullSecret | 'absent' | undefined {
  const stores = all.filter(({ objectName }) => objectName === undefined || objectName === name);
  const found = stores.map((store) => store.find(namespace, name)).find((secret) => secret !== undefined);
  if (found !== undefined) return found;
  const isSure = stores.every((store) => store.hasSynced() && !store.mayHold(namespace, name));
  return stores.length > 0 && isSure ? 'absent' : undefined;
}
