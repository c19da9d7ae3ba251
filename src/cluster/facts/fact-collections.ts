import { isDeepStrictEqual } from 'node:util';
import type { ClusterNode, PullSecret, ServiceAccount } from '../../pull/facts.ts';
import { readPullSecret } from '../../pull/pull-secret.ts';
import { PULL_SECRET_TYPES } from '../../pull/used-secrets.ts';
import type { KubernetesObject } from '../connection/api-server.ts';
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

export type SecretCollection = FactCollection<PullSecret>;

/** The Secrets of a mode, in several lists if necessary: a field selector has no "or". */
export function listSecretCollections(mode: SecretsMode, names: readonly string[]): readonly SecretCollection[] {
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
