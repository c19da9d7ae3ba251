import { describe, expect, test } from 'vitest';
import { checkObject, type CheckInput, type Setting } from '../../src/admission/admit.ts';
import type { Facts } from '../../src/pull/facts.ts';
import { findKind, groupOf } from '../../src/workload/kinds.ts';
import { NOW } from '../support/facts.ts';
import { deployment, pod, type Json } from '../support/objects.ts';
import { MIRRORED, policyOf } from '../support/policies.ts';

/** `rule: action, fixed` of each finding, or why there is none. */
function tell(setting: Setting, object: Json, input: Partial<CheckInput> = {}): readonly string[] | string {
  const { policy = MIRRORED } = input;
  const kind = findKind(policy.kinds, groupOf(String(object['apiVersion'])), String(object['kind']))!;
  const checked = checkObject(setting, { object, kind, namespace: '', policy, facts: {}, now: NOW, ...input });
  if (checked.exempt !== undefined) return checked.exempt;
  const { findings, edits } = checked.decision;
  expect(edits).toHaveLength(findings.filter(({ fixed }) => fixed === 'now').length);
  return findings.map(({ rule, action, fixed }) => `${rule}: ${action}, ${fixed}`);
}

const named = (object: Json, metadata: Json): Json => ({
  ...object,
  metadata: { ...(object['metadata'] as Json), ...metadata },
});
const controlledBy = (object: Json, apiVersion: string, kind: string): Json =>
  named(object, { ownerReferences: [{ apiVersion, kind, name: 'web', controller: true }] });
const ofKind = (apiVersion: string, kind: string, object: Json): Json => ({ ...object, apiVersion, kind });

const NOW_FIXED = ['mirror-used: warn, now', 'pull-secret-present: warn, now'];
const LATER_FIXED = ['mirror-used: warn, later', 'pull-secret-present: warn, later'];
const UNFIXED = ['mirror-used: warn, no'];
const DENIED = ['reference-valid: deny, no'];

describe('what becomes of fixes depends on where an object is met', () => {
  const oldObject = { spec: { containers: [] } };

  test.each<[setting: Setting, ofPod: readonly string[]]>([
    ['mutate', NOW_FIXED],
    ['validate', UNFIXED],
    ['update', UNFIXED],
    ['running', NOW_FIXED],
    ['manifest', LATER_FIXED],
  ])('%s', (setting, ofPod) => {
    expect(tell(setting, pod('nginx'), { oldObject })).toEqual(ofPod);
    expect(tell(setting, deployment('nginx'), { oldObject })).toEqual(LATER_FIXED);
    expect(tell(setting, pod('NGINX'), { oldObject })).toEqual(DENIED);
  });

  test('only an update is looked at for what it changes', () => {
    const object = pod('NGINX');
    expect(tell('update', object, { oldObject: object })).toEqual([]);
    expect(tell('update', object)).toEqual(DENIED);
    expect(tell('validate', object, { oldObject: object })).toEqual(DENIED);
  });
});

describe('a pod that runs is held against what it would be given today', () => {
  const fixed = { imagePullSecrets: [{ name: 'default-secret' }] };
  const noFix = policyOf(
    'mirrors: [{ from: docker.io, to: swr.eu-de.otc.t-systems.com/dockerhub }]',
    'rules: { mirror-used: { action: warn, fix: false } }',
  );
  const replica = (image: string): Json => controlledBy(pod(image), 'apps/v1', 'ReplicaSet');

  test.each<[what: string, object: Json, told: readonly string[], input?: Partial<CheckInput>]>([
    ['one whose template is checked lacks fixes', replica('nginx'), NOW_FIXED],
    ['and the rest is told of the template', replica('NGINX'), []],
    ['one whose controller is not checked', controlledBy(pod('NGINX'), 'argoproj.io/v1alpha1', 'Rollout'), DENIED],
    ['one that was fixed', pod('swr.eu-de.otc.t-systems.com/dockerhub/library/nginx', fixed), []],
    ['where the policy fixes nothing, nothing was missed', replica('nginx'), [], { policy: noFix }],
    [
      'what kubectl debug added could never be fixed, and a restart takes it away',
      pod('ghcr.io/a/b', { ephemeralContainers: [{ name: 'debug', image: 'busybox' }] }),
      [],
    ],
  ])('%s', (_, object, told, input) => {
    expect(tell('running', object, input)).toEqual(told);
  });
});

describe('what is exempt, and what only runs out', () => {
  const replicaSet = ofKind('apps/v1', 'ReplicaSet', deployment('NGINX'));
  const job = ofKind('batch/v1', 'Job', deployment('NGINX'));
  const ended = (type: string, status: string): Json => ({ ...job, status: { conditions: [{ type, status }] } });
  const spare = { ...replicaSet, spec: { ...(replicaSet['spec'] as Json), replicas: 0 } };

  test.each<[what: string, exempt: string, object: Json]>([
    ['a pod that succeeded', 'over', { ...pod('NGINX'), status: { phase: 'Succeeded' } }],
    ['a pod that failed', 'over', { ...pod('NGINX'), status: { phase: 'Failed' } }],
    ['a Job that is complete', 'over', ended('Complete', 'True')],
    ['a Job that has failed', 'over', ended('Failed', 'True')],
    ['an old ReplicaSet of a Rollout', 'over', controlledBy(spare, 'argoproj.io/v1alpha1', 'Rollout')],
    ['a ReplicaSet of a Deployment', 'owned', controlledBy(replicaSet, 'apps/v1', 'Deployment')],
    ['a Job of a CronJob', 'owned', controlledBy(job, 'batch/v1', 'CronJob')],
    ['a static pod', 'static-pod', named(pod('NGINX'), { annotations: { 'kubernetes.io/config.mirror': 'a' } })],
    ['a pod being deleted', 'being-deleted', named(pod('NGINX'), { deletionTimestamp: '2026-01-01T00:00:00Z' })],
    ['an exempt namespace', 'exempt-namespace', named(pod('NGINX'), { namespace: 'kube-system' })],
  ])('%s: %s', (_what, exempt, object) => {
    expect(tell('running', object)).toBe(exempt);
    // Whoever writes down what is over wants it to run once more.
    expect(tell('manifest', object)).toEqual(exempt === 'over' ? DENIED : exempt);
  });

  test.each<[what: string, object: Json]>([
    ['a pod that runs', { ...pod('NGINX'), status: { phase: 'Running' } }],
    ['a Job that goes on', ended('Complete', 'False')],
    ['a ReplicaSet of nobody, whoever set it to 0', spare],
    ['a ReplicaSet of a Rollout that runs', controlledBy(replicaSet, 'argoproj.io/v1alpha1', 'Rollout')],
  ])('but not %s', (_what, object) => {
    expect(tell('running', object)).toEqual(DENIED);
  });
});

describe("the namespace's label counts wherever an object is met", () => {
  test.each<[mode: string, told: readonly string[] | string]>([
    ['off', 'namespace-off'],
    ['audit', ['reference-valid: audit, no']],
    ['warn', ['reference-valid: warn, no']],
    ['deny', DENIED],
    ['enforce', DENIED],
  ])('%s', (mode, told) => {
    const findLabels: NonNullable<Facts['namespaces']>['findLabels'] = (name) =>
      name === 'shop' ? { 'pullguard.dev/mode': mode } : undefined;
    const facts = { namespaces: { findLabels } };
    expect(tell('running', named(deployment('NGINX'), { namespace: 'shop' }), { facts })).toEqual(told);
    expect(tell('validate', deployment('NGINX'), { facts, namespace: 'shop' })).toEqual(told);
  });
});
