import { isDeepStrictEqual } from 'node:util';
import type { ClusterNode, Facts, NodeFacts, PullSecret, PullSecretFacts, ServiceAccount } from '../../pull/facts.ts';
import { readPullSecret } from '../../pull/pull-secret.ts';
import { PULL_SECRET_TYPES } from '../../pull/used-secrets.ts';
import type { KubernetesObject } from '../connection/api-server.ts';
import type { KeptObjects } from '../connection/kept-objects.ts';
import { readNamespace, readNode, readServiceAccount, type NamespaceLabels } from './read-objects.ts';

/**
 * Which Secrets are read. `default-secret-only`: those with the pull secret names in the policy, such as `default-secret`; `all`:
 * every pull secret of the cluster; `none`: no Secret.
 */
export const SECRETS_MODES = ['default-secret-only', 'all', 'none'] as const;
export type SecretsMode = (typeof SECRETS_MODES)[number];

/** Objects of the core API, in all namespaces. */
export type ObjectSelection = Readonly<{
  resource: string;
  fieldSelector?: string | undefined;
  /** The name in the field selector. */
  objectName?: string | undefined;
}>;

/** Objects that facts are read from. */
export type FactCollection<Kept> = ObjectSelection &
  Readonly<{
    /** Returns what is kept of an object. */
    keep: (object: KubernetesObject) => Kept;
    /** Whether the kept value is unchanged, for objects that change more often than that. */
    isSame?: ((before: Kept, after: Kept) => boolean) | undefined;
  }>;

/** Which facts are read. */
export type FactScope = Readonly<{
  secrets: SecretsMode;
  /** The names for `default-secret-only`. */
  pullSecretNames: readonly string[];
  nodes: boolean;
}>;

export const SERVICE_ACCOUNTS: FactCollection<ServiceAccount> = {
  resource: 'serviceaccounts',
  keep: readServiceAccount,
};

export const NAMESPACES: FactCollection<NamespaceLabels> = { resource: 'namespaces', keep: readNamespace };

/** kubelet updates its Node every few minutes, mostly without a change. */
export const NODES: FactCollection<ClusterNode> = { resource: 'nodes', keep: readNode, isSame: isDeepStrictEqual };

/** The Secrets of a mode, in several lists if necessary: a field selector has no "or". */
export function listSecretCollections(
  mode: SecretsMode,
  names: readonly string[],
): readonly FactCollection<PullSecret>[] {
  const secrets = { resource: 'secrets', keep: readPullSecret };
  switch (mode) {
    case 'default-secret-only':
      return [...new Set(names)].map((name) => ({
        ...secrets,
        fieldSelector: `metadata.name=${name}`,
        objectName: name,
      }));
    case 'all':
      return PULL_SECRET_TYPES.map((type) => ({ ...secrets, fieldSelector: `type=${type}` }));
    case 'none':
      return [];
  }
}

/** The path of the collection in all namespaces, or in one. */
export function pathOf({ resource }: Pick<ObjectSelection, 'resource'>, namespace?: string): string {
  return namespace === undefined ? `/api/v1/${resource}` : `/api/v1/namespaces/${namespace}/${resource}`;
}

/** The kept objects of a collection, from a watch or a list. */
export type Store<Kept> = Readonly<{
  find: (namespace: string, name: string) => Kept | undefined;
  /** Whether an object that is not found may still exist, because it exceeds a limit. */
  mayHold: (namespace: string, name: string) => boolean;
  /** Whether the list is complete, so that objects that are not found do not exist. */
  hasSynced: () => boolean;
}>;

/** Without an `objectName`, it has Secrets with any name. */
type SecretStore = Store<PullSecret> & Readonly<{ objectName?: string | undefined }>;

export type NodeStore = NodeFacts & Readonly<{ hasSynced: () => boolean }>;

type FactStores = Readonly<{
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
