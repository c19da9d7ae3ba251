import type { SecretsMode } from '../../src/cluster/facts/fact-collections.ts';
import { listPullSecrets } from '../../src/policy/policy.ts';
import { loadPolicy } from '../../src/rules/policy.ts';
import { accessOf, EVENT_ACCESS, listCertificateAccess, listNativeAccess, PULLS_ACCESS } from '../support/access.ts';
import {
  find,
  hasSwitch,
  isRole,
  isRoleBinding,
  podOf,
  policyText,
  readFlags,
  type Manifest,
  type PolicyRule,
} from './manifests.ts';

/** Something that the code says it needs to be allowed, in our own namespace or in the whole cluster. */
export type Need = Readonly<{
  apiGroup: string;
  resource: string;
  verbs: readonly string[];
  resourceNames?: readonly string[];
  namespaced?: boolean;
}>;

/** What the code needs when it runs as these pods do. */
export function needsOf(manifests: readonly Manifest[]): readonly Need[] {
  const pod = podOf(manifests);
  const flags = readFlags(pod);
  const secretName = flags.get('tls-secret');
  const native = flags.get('native-policies');
  const webhookConfigurationName = find(manifests, 'ValidatingWebhookConfiguration').metadata.name;
  return [
    ...accessOf({
      secrets: flags.get('secrets') as SecretsMode,
      pullSecretNames: listPullSecrets(loadPolicy(policyText)),
      nodes: hasSwitch(pod, 'watch-nodes'),
    }),
    EVENT_ACCESS,
    ...(hasSwitch(pod, 'watch-pulls') ? PULLS_ACCESS : []),
    ...(native === undefined ? [] : listNativeAccess(native)),
    ...(secretName === undefined ? [] : listCertificateAccess({ secretName, webhookConfigurationName })),
  ];
}

/** `cluster: list secrets default-secret`: one line for each verb and name, in order. */
export function listNeeds(needs: readonly Need[], namespace: string): readonly string[] {
  const lines = needs.flatMap(({ apiGroup, resource, verbs, resourceNames, namespaced = false }) =>
    describe(
      { apiGroups: [apiGroup], resources: [resource], verbs, ...(resourceNames !== undefined && { resourceNames }) },
      namespaced ? namespace : undefined,
    ),
  );
  return [...new Set(lines)].sort();
}

/** What manifests allow the service account of their pods, in the same words; nothing that is allowed twice is seen twice. */
export function listGrants(manifests: readonly Manifest[]): readonly string[] {
  const account = find(manifests, 'ServiceAccount').metadata;
  const roles = manifests.filter(isRole);
  const lines = manifests.filter(isRoleBinding).flatMap(({ kind, metadata, roleRef, subjects }) => {
    const isOurs = subjects.every(
      (subject) =>
        subject.kind === 'ServiceAccount' && subject.name === account.name && subject.namespace === account.namespace,
    );
    if (!isOurs) throw new Error(`${kind} ${metadata.name} gives rights to somebody else`);
    const role = roles.find(
      (candidate) =>
        candidate.kind === roleRef.kind &&
        candidate.metadata.name === roleRef.name &&
        (candidate.kind === 'ClusterRole' || candidate.metadata.namespace === metadata.namespace),
    );
    if (role === undefined) throw new Error(`${kind} ${metadata.name} is for a role that is not there`);
    const namespace = kind === 'RoleBinding' ? (metadata.namespace ?? '') : undefined;
    return role.rules.flatMap((rule) => describe(rule, namespace));
  });
  return [...new Set(lines)].sort();
}

function describe(rule: PolicyRule, namespace: string | undefined): readonly string[] {
  const { apiGroups, resources, verbs, resourceNames = ['*'] } = rule;
  const where = namespace === undefined ? 'cluster' : `namespace ${namespace}`;
  return apiGroups.flatMap((group) =>
    resources.flatMap((resource) =>
      verbs.flatMap((verb) =>
        resourceNames.map((name) => `${where}: ${verb} ${group === '' ? resource : `${resource}.${group}`} ${name}`),
      ),
    ),
  );
}
