import type { AccessRule } from '../connection/access-rule.ts';

export type CertificateObjects = Readonly<{
  namespace: string;
  secretName: string;
  leaseName: string;
  webhookConfigurationName: string;
}>;

/**
 * What managing a certificate needs to be allowed, and no more. Reading goes by `list` and `watch` with a field selector
 * of one name, which Kubernetes allows to who is allowed that name. What is to be created has no name yet, as far as
 * Kubernetes' authorisation goes.
 */
export function listCertificateAccess(objects: CertificateObjects): readonly AccessRule[] {
  const { namespace, secretName, leaseName, webhookConfigurationName } = objects;
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
    { ...leases, verbs: ['get', 'update'], resourceNames: [leaseName] },
    ...configurations,
    // Only to read its uid.
    { apiGroup: '', resource: 'namespaces', verbs: ['get'], resourceNames: [namespace], namespaced: false },
  ];
}
