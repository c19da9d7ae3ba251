import { describe, expect, test } from 'vitest';
import { findKind, groupOf, isPod, tabulateKinds, WORKLOAD_KINDS } from '../../src/workload/kinds.ts';

describe('the kinds that make pods', () => {
  const kinds = tabulateKinds([]);

  test.each([
    ['', 'Pod', ['/spec']],
    ['', 'PodTemplate', ['/template/spec']],
    ['', 'ReplicationController', ['/spec/template/spec']],
    ['apps', 'DaemonSet', ['/spec/template/spec']],
    ['apps', 'Deployment', ['/spec/template/spec']],
    ['apps', 'ReplicaSet', ['/spec/template/spec']],
    ['apps', 'StatefulSet', ['/spec/template/spec']],
    ['batch', 'CronJob', ['/spec/jobTemplate/spec/template/spec']],
    ['batch', 'Job', ['/spec/template/spec']],
    // As in the FAQ, whose Deployment no API server has taken since 1.16.
    ['extensions', 'Deployment', ['/spec/template/spec']],
    ['extensions', 'DaemonSet', ['/spec/template/spec']],
    ['extensions', 'ReplicaSet', ['/spec/template/spec']],
  ])('%s/%s', (group, kind, podSpecs) => {
    expect(findKind(kinds, group, kind)).toMatchObject({ group, kind, podSpecs });
  });

  test.each([
    ['example.com', 'Deployment'],
    ['apps', 'Pod'],
    ['', 'Deployment'],
    ['autoscaling', 'Scale'],
    ['', ''],
    ['', 'toString'],
  ])('are not %s/%s', (group, kind) => {
    expect(findKind(kinds, group, kind)).toBeUndefined();
  });

  test('have plurals by which RBAC and webhook rules name them', () => {
    expect(WORKLOAD_KINDS.filter(({ kind, resource }) => resource !== `${kind.toLowerCase()}s`)).toEqual([]);
  });
});

test('a kind that a policy adds is found, and wins over a built-in one', () => {
  const rollout = { group: 'argoproj.io', kind: 'Rollout', podSpecs: ['/spec/template/spec'] };
  const job = { group: 'batch', kind: 'Job', podSpecs: ['/spec/other'] };
  const kinds = tabulateKinds([rollout, job]);
  expect(findKind(kinds, 'argoproj.io', 'Rollout')).toBe(rollout);
  expect(findKind(kinds, 'batch', 'Job')).toBe(job);
  expect(findKind(tabulateKinds([]), 'batch', 'Job')).not.toBe(job);
});

test('a pod is one of the core group only', () => {
  expect(WORKLOAD_KINDS.filter(isPod).map(({ kind }) => kind)).toEqual(['Pod']);
  expect(isPod({ group: 'metrics.k8s.io', kind: 'Pod' })).toBe(false);
});

test.each([
  ['v1', ''],
  ['apps/v1', 'apps'],
  ['batch/v1beta1', 'batch'],
  ['argoproj.io/v1alpha1', 'argoproj.io'],
  ['', ''],
])('the group of %s is "%s"', (apiVersion, group) => {
  expect(groupOf(apiVersion)).toBe(group);
});
