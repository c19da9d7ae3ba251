import type { ClusterNode, Facts, NodeFacts, PullSecret, PullSecretFacts, ServiceAccount } from '../../pull/facts.ts';
import type { KeptObjects } from '../connection/kept-objects.ts';
import type { SecretsMode } from './fact-collections.ts';
import type { NamespaceLabels } from './read-objects.ts';

/** What is known of a collection: by a watch, or by a list. */
export type Store<Kept> = Readonly<{
  find: (namespace: string, name: string) => Kept | undefined;
  /** Whether it may be there all the same when it is not found, as it is beyond a bound. */
  mayHold: (namespace: string, name: string) => boolean;
  /** Whether it has been listed to the end, so that what is not found is not there. */
  hasSynced: () => boolean;
}>;

/** Without an `objectName`, it holds secrets of any name. */
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
 * The facts, as far as they are known by now: to be called again when a store has synced, and not for each question. Those
 * that are not listed to the end are absent, so that rules that need them are skipped. Not so namespaces: where the member is
 * absent no cluster is asked, and nothing is limited; where it is there and has no answer yet, as for a moment after each
 * start, labels may forbid to refuse, and nothing is refused.
 */
export function assembleFacts(stores: FactStores): Facts {
  const { mode, secrets, serviceAccounts, namespaces, nodes } = stores;
  // Each name is a list of its own, and those that are known are of use without the others.
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

/** The nodes, or none where some are beyond a bound: of a part of them nothing is sure. */
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
