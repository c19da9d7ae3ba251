import { describe, expect, test } from 'vitest';
import { exportAdmissionPolicies, type ApiObject } from '../../src/export/admission-policies.ts';
import { keepBesideWebhook, NAMES_BESIDE_WEBHOOK } from '../../src/export/beside-webhook.ts';
import { readPath, readString } from '../../src/text/json.ts';
import { MIRRORED, policyOf } from '../support/policies.ts';

const besideWebhook = (policy = MIRRORED): readonly ApiObject[] =>
  keepBesideWebhook(exportAdmissionPolicies(policy, 36).objects, 'guards');

describe('beside the webhook', () => {
  test('there is what denies and what fixes; a warning would be read twice, as the webhook warns as well', () => {
    const policy = policyOf('rules: { tag-explicit: warn, registry-explicit: audit }');
    expect(besideWebhook(policy).map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      'ValidatingAdmissionPolicy pullguard-deny',
      'MutatingAdmissionPolicy pullguard-fixes',
      'ValidatingAdmissionPolicyBinding pullguard-deny',
      'MutatingAdmissionPolicyBinding pullguard-fixes',
    ]);
  });

  test('nothing is left where the policy only warns', () => {
    const policy = policyOf('rules: { reference-valid: warn, mirror-used: off, pull-secret-present: off }');
    expect(besideWebhook(policy)).toEqual([]);
  });

  test('each binding leaves out the namespace of pullguard, as the webhooks do, and keeps what it was limited to', () => {
    const bindings = besideWebhook().filter(({ kind }) => kind.endsWith('Binding'));
    for (const { spec } of bindings) {
      const all = readPath(spec, 'matchResources', 'namespaceSelector', 'matchExpressions') as readonly object[];
      expect(all).toContainEqual({ key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['guards'] });
      expect(all.map((each) => readString(each, 'key'))).toContain('pullguard.dev/mode');
    }
  });

  test('whatever the policy, its objects have names that RBAC allows: with another one pullguard could not apply it', () => {
    const ACTIONS = ['off', 'audit', 'warn', 'deny'];
    const SWITCHED = [true, false].flatMap((fix) =>
      ACTIONS.map((action) => `{ action: ${action}, fix: ${String(fix)} }`),
    );
    const REST = [
      '',
      'mirrors: [{ from: docker.io, to: harbor.example.com/hub }]',
      'workloads: [{ group: argo.example.com, kind: Rollout, podTemplates: [/spec/template] }]',
    ];
    const combinations = ACTIONS.flatMap((action) =>
      SWITCHED.flatMap((mirror) =>
        SWITCHED.flatMap((secret) => REST.map((rest) => ({ action, mirror, secret, rest }))),
      ),
    );
    const found = new Map<string, Set<string>>();
    for (const { action, mirror, secret, rest } of combinations) {
      const rules = `{ reference-valid: ${action}, tag-explicit: deny, registry-explicit: ${action}, pull-secrets-valid: ${action}, mirror-used: ${mirror}, pull-secret-present: ${secret} }`;
      for (const { kind, metadata } of besideWebhook(policyOf(`rules: ${rules}`, rest))) {
        const resource = `${kind.toLowerCase()}s`.replace(/ys$/, 'ies');
        found.set(resource, (found.get(resource) ?? new Set()).add(metadata.name));
      }
    }
    const sorted = Object.fromEntries([...found].map(([resource, names]) => [resource, [...names].sort()]));
    expect(sorted).toEqual(NAMES_BESIDE_WEBHOOK);
  });
});
