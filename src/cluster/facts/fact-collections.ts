import { isDeepStrictEqual } from 'node:util';
import type { ClusterNode, PullSecret, ServiceAccount } from '../../pull/facts.ts';
import { readPullSecret } from '../../pull/pull-secret.ts';
import { PULL_SECRET_TYPES } from '../../pull/used-secrets.ts';
import type { KubernetesObject } from '../connection/api-server.ts';
import { readNamespace, readNode, readServiceAccount, type NamespaceLabels } from './read-objects.ts';

/**
 * Which Secrets are looked at. `default-secret-only`: those of the names that the policy has for pull secrets, such as
 * `default-secret`; `all`: every pull secret of the cluster; `none`: not one.
 */
export const SECRETS_MODES = ['default-secret-only', 'all', 'none'] as const;
export type SecretsMode = (typeof SECRETS_MODES)[number];

/** Objects of the core API, in all namespaces. */
export type ObjectSelection = Readonly<{
  resource: string;
  fieldSelector?: string | undefined;
  /** The name that the field selector is for. */
  objectName?: string | undefined;
}>;

/** Objects that facts are made from. */
export type FactCollection<Kept> = ObjectSelection &
  Readonly<{
    /** What is kept of an object. */
    keep: (object: KubernetesObject) => Kept;
    /** Whether nothing of what is kept has changed, where objects change more often than that. */
    isSame?: ((before: Kept, after: Kept) => boolean) | undefined;
  }>;

/** Which facts are gathered. */
export type FactScope = Readonly<{
  secrets: SecretsMode;
  /** What `default-secret-only` looks at. */
  pullSecretNames: readonly string[];
  nodes: boolean;
}>;

export const SERVICE_ACCOUNTS: FactCollection<ServiceAccount> = {
  resource: 'serviceaccounts',
  keep: readServiceAccount,
};

export const NAMESPACES: FactCollection<NamespaceLabels> = { resource: 'namespaces', keep: readNamespace };

/** Kubelet writes into its Node every few minutes, and mostly what was there before. */
export const NODES: FactCollection<ClusterNode> = { resource: 'nodes', keep: readNode, isSame: isDeepStrictEqual };

export type SecretCollection = FactCollection<PullSecret>;

/** The Secrets that a mode looks at, in as many lists as it takes: a field selector knows no "or". */
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

/** Of the collection in all namespaces, or in one. */
export function pathOf({ resource }: Pick<ObjectSelection, 'resource'>, namespace?: string): string {
  return namespace === undefined ? `/api/v1/${resource}` : `/api/v1/namespaces/${namespace}/${resource}`;
}
