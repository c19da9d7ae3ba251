import type { ManageOptions } from '../../src/cluster/certificates/managed-certificate.ts';
import { NAMES_BESIDE_WEBHOOK } from '../../src/export/beside-webhook.ts';
import { OWNER_ACCESS } from '../../src/cluster/pulls/watch-pulls.ts';
import {
  listSecretCollections,
  NAMESPACES,
  NODES,
  SERVICE_ACCOUNTS,
  type FactScope,
} from '../../src/cluster/facts/fact-collections.ts';

// What each part of pullguard needs to be allowed, and no more. Tests hold it against what the code asks of an API server, and
// against the roles in manifests/.

/** Something that has to be allowed. `namespaced`: in our own namespace, otherwise of the whole cluster. */
export type AccessRule = Readonly<{
  apiGroup: string;
  resource: string;
  verbs: readonly string[];
  /** Without it, whatever the object's name. */
  resourceNames?: readonly string[];
  namespaced: boolean;
}>;

/** Of reading facts. A role for one name also grants `list` and `watch` with a field selector of that name. */
export function accessOf({ secrets: mode, pullSecretNames, nodes }: FactScope): readonly AccessRule[] {
  const rule = { apiGroup: '', verbs: ['list', 'watch'], namespaced: false };
  const collections = [SERVICE_ACCOUNTS, NAMESPACES, ...(nodes ? [NODES] : [])];
  const others = collections.map(({ resource }) => ({ ...rule, resource }));
  const secrets = listSecretCollections(mode, pullSecretNames);
  if (secrets.length === 0) return others;
  const resourceNames = secrets.flatMap(({ objectName }) => objectName ?? []);
  return [...others, { ...rule, resource: 'secrets', ...(resourceNames.length > 0 && { resourceNames }) }];
}

/** Of writing Events, in every namespace. */
export const EVENT_ACCESS: AccessRule = {
  apiGroup: '',
  resource: 'events',
  verbs: ['create', 'get', 'patch'],
  namespaced: false,
};

/** Of watching pulls: their Events, and whose Pods fail. */
export const PULLS_ACCESS: readonly AccessRule[] = [
  { apiGroup: '', resource: 'events', verbs: ['list', 'watch'], namespaced: false },
  ...OWNER_ACCESS.map((rule) => ({ ...rule, namespaced: false })),
];

/** Of native policies, and of the ClusterRole that owns them. Server-side apply has the name also of what it creates. */
export function listNativeAccess(owner: string): readonly AccessRule[] {
  const policies = Object.entries(NAMES_BESIDE_WEBHOOK).map(([resource, resourceNames]) => ({
    apiGroup: 'admissionregistration.k8s.io',
    resource,
    verbs: ['create', 'delete', 'get', 'patch'],
    resourceNames,
    namespaced: false,
  }));
  const roles = { apiGroup: 'rbac.authorization.k8s.io', resource: 'clusterroles', verbs: ['get'], namespaced: false };
  return [...policies, { ...roles, resourceNames: [owner] }];
}

/** Of managing a certificate. What is to be created has no name yet, as far as authorisation goes. */
export function listCertificateAccess(
  objects: Pick<ManageOptions, 'secretName' | 'webhookConfigurationName'>,
): readonly AccessRule[] {
  const { secretName, webhookConfigurationName } = objects;
  const secrets = { apiGroup: '', resource: 'secrets', namespaced: true };
  const leases = { apiGroup: 'coordination.k8s.io', resource: 'leases', namespaced: true };
  const configurations = ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'].map((resource) => ({
    apiGroup: 'admissionregistration.k8s.io',
    resource,
    verbs: ['list', 'watch', 'patch'],
    resourceNames: [webhookConfigurationName],
    namespaced: false,
  }));
  return [
    { ...secrets, verbs: ['create'] },
    { ...secrets, verbs: ['list', 'watch', 'update'], resourceNames: [secretName] },
    { ...leases, verbs: ['create'] },
    { ...leases, verbs: ['get', 'update'], resourceNames: [webhookConfigurationName] },
    ...configurations,
    // Only to read the uid of our own: that is what a Role in it allows.
    { apiGroup: '', resource: 'namespaces', verbs: ['get'], namespaced: true },
  ];
}
