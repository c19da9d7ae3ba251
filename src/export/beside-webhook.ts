import type { ApiObject } from './admission-policies.ts';

/**
 * Every name that the objects beside a webhook may have, whatever the policy. RBAC allows the same names, so that a token of pullguard can
 * change no policy of others; the order is the one in which they are applied.
 */
export const NAMES_BESIDE_WEBHOOK: Readonly<Record<string, readonly string[]>> = {
  validatingadmissionpolicies: ['pullguard-deny', 'pullguard-mirror-used', 'pullguard-pull-secret-present'],
  mutatingadmissionpolicies: ['pullguard-fixes'],
  validatingadmissionpolicybindings: [
    'pullguard-deny',
    'pullguard-mirror-used-pods-deny',
    'pullguard-mirror-used-templates-unfixed-deny',
    'pullguard-pull-secret-present-pods-deny',
  ],
  mutatingadmissionpolicybindings: ['pullguard-fixes'],
};

/**
 * Of the exported objects those that deny and fix, as a second line beside the webhook. What warns and audits is left out: the webhook
 * does that as well, and a user would read it twice. A denial is read once, as it ends the request before validating webhooks are called.
 *
 * `namespace` is that of pullguard, which its webhook leaves alone as well.
 */
export function keepBesideWebhook(objects: readonly ApiObject[], namespace: string): readonly ApiObject[] {
  const isBinding = ({ kind }: ApiObject): boolean => kind.endsWith('Binding');
  const bindings = objects.filter((object) => isBinding(object) && deniesOrFixes(object));
  const used = new Set(bindings.map(({ spec }) => spec['policyName']));
  return [
    ...objects.filter((object) => !isBinding(object) && used.has(object.metadata.name)),
    ...bindings.map((binding) => exclude(namespace, binding)),
  ];
}

function deniesOrFixes({ spec }: ApiObject): boolean {
  const actions = spec['validationActions'] as readonly string[] | undefined;
  return actions === undefined || actions.includes('Deny');
}

type MatchResources = Readonly<{ namespaceSelector: Readonly<{ matchExpressions: readonly object[] }> }>;

function exclude(namespace: string, binding: ApiObject): ApiObject {
  const { namespaceSelector, ...others } = binding.spec['matchResources'] as MatchResources;
  const own = { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: [namespace] };
  const matchExpressions = [...namespaceSelector.matchExpressions, own];
  return {
    ...binding,
    spec: { ...binding.spec, matchResources: { ...others, namespaceSelector: { matchExpressions } } },
  };
}
