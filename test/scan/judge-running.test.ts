import { describe, expect, test } from 'vitest';
import { judgeRunning } from '../../src/scan/judge-running.ts';
import type { Facts } from '../../src/pull/facts.ts';
import type { Policy } from '../../src/engine/rule.ts';
import { findKind, groupOf } from '../../src/workload/kinds.ts';
import { deployment, pod, type Json } from '../support/objects.ts';
import { MIRRORED, policyOf } from '../support/policies.ts';

function judge(object: Json, policy: Policy = MIRRORED, facts: Facts = {}) {
  const kind = findKind(policy.kinds, groupOf(String(object['apiVersion'])), String(object['kind']));
  return judgeRunning(object, kind!, policy, facts);
}

/** `rule: action, fixed` of each finding, or why there is none. */
function tell(...args: Parameters<typeof judge>): readonly string[] | string {
  const judgement = judge(...args);
  return judgement.left ?? judgement.findings.map(({ rule, action, fixed }) => `${rule}: ${action}, ${fixed}`);
}

const controlledBy = (object: Json, apiVersion: string, kind: string): Json => ({
  ...object,
  metadata: { ...(object['metadata'] as Json), ownerReferences: [{ apiVersion, kind, name: 'web', controller: true }] },
});

const named = (object: Json, metadata: Json): Json => ({
  ...object,
  metadata: { ...(object['metadata'] as Json), ...metadata },
});

const ofKind = (apiVersion: string, kind: string, object: Json): Json => ({ ...object, apiVersion, kind });

const UNFIXED = ['mirror-used: warn, now', 'pull-secret-present: warn, now'];
const TO_BE_FIXED = ['mirror-used: warn, later', 'pull-secret-present: warn, later'];

describe('templates are judged as they would be at kubectl apply', () => {
  test('what its pods get is announced', () => {
    expect(tell(deployment('nginx'))).toEqual(TO_BE_FIXED);
  });

  test('what is wrong would be denied', () => {
    expect(tell(deployment('NGINX'))).toEqual(['reference-valid: deny, no']);
  });
});

describe('a pod is held against what it would be given today', () => {
  test('one that nobody controls is judged in full', () => {
    expect(tell(pod('nginx'))).toEqual(UNFIXED);
    expect(tell(pod('NGINX'))).toEqual(['reference-valid: deny, no']);
  });

  test('one whose template is judged lacks fixes or nothing: the rest is told of the template', () => {
    expect(tell(controlledBy(pod('nginx'), 'apps/v1', 'ReplicaSet'))).toEqual(UNFIXED);
    expect(tell(controlledBy(pod('NGINX'), 'apps/v1', 'ReplicaSet'))).toEqual([]);
  });

  test('one of a kind that is not judged is judged in full, as nothing else is', () => {
    expect(tell(controlledBy(pod('NGINX'), 'argoproj.io/v1alpha1', 'Rollout'))).toEqual(['reference-valid: deny, no']);
  });

  test('one that was fixed lacks nothing', () => {
    const fixed = pod('swr.eu-de.otc.t-systems.com/dockerhub/library/nginx', {
      imagePullSecrets: [{ name: 'default-secret' }],
    });
    expect(tell(fixed)).toEqual([]);
  });

  test('where the policy fixes nothing, nothing was missed', () => {
    const policy = policyOf(
      'mirrors: [{ from: docker.io, to: swr.eu-de.otc.t-systems.com/dockerhub }]',
      'rules: { mirror-used: { action: warn, fix: false } }',
    );
    expect(tell(controlledBy(pod('nginx'), 'apps/v1', 'ReplicaSet'), policy)).toEqual([]);
  });

  test('containers of kubectl debug could never be fixed, and a restart takes them away', () => {
    const fixed = pod('ghcr.io/a/b', { ephemeralContainers: [{ name: 'debug', image: 'busybox' }] });
    expect(tell(fixed)).toEqual([]);
  });
});

describe('what pulls no images, or is none of our business, is left alone', () => {
  const replicaSet = ofKind('apps/v1', 'ReplicaSet', deployment('NGINX'));
  const job = ofKind('batch/v1', 'Job', deployment('NGINX'));
  const ended = (type: string, status: string): Json => ({ ...job, status: { conditions: [{ type, status }] } });
  const spare = { ...replicaSet, spec: { ...(replicaSet['spec'] as Json), replicas: 0 } };

  test.each<[what: string, left: string, object: Json]>([
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
  ])('%s: %s', (_what, left, object) => {
    expect(tell(object)).toBe(left);
  });

  test.each<[what: string, object: Json]>([
    ['a pod that runs', { ...pod('NGINX'), status: { phase: 'Running' } }],
    ['a Job that goes on', ended('Complete', 'False')],
    ['a ReplicaSet of nobody, whoever set it to 0', spare],
    ['a ReplicaSet of a Rollout that runs', controlledBy(replicaSet, 'argoproj.io/v1alpha1', 'Rollout')],
  ])('but not %s', (_what, object) => {
    expect(tell(object)).toEqual(['reference-valid: deny, no']);
  });
});

describe("the namespace's label counts as it does for the webhook", () => {
  const labelled = (mode: string): Facts => ({ namespaces: { findLabels: () => ({ 'pullguard.dev/mode': mode }) } });

  test.each<[mode: string, told: readonly string[] | string]>([
    ['off', 'namespace-off'],
    ['audit', ['reference-valid: audit, no']],
    ['warn', ['reference-valid: warn, no']],
    ['enforce', ['reference-valid: deny, no']],
  ])('%s', (mode, told) => {
    expect(tell(deployment('NGINX'), MIRRORED, labelled(mode))).toEqual(told);
  });
});
