import { expect, test } from 'vitest';
import { createTally, type Findings } from '../../src/scan/scan-tally.ts';
import { pullSecretUsable } from '../../src/rules/pull-secret-usable.ts';
import { findKind, groupOf } from '../../src/workload/kinds.ts';
import { deployment, pod, type Json } from '../support/objects.ts';
import { MIRRORED } from '../support/policies.ts';

function tally(...objects: readonly Json[]): Findings {
  const { add, finish } = createTally(MIRRORED, {});
  for (const object of objects) {
    add(object, findKind(MIRRORED.kinds, groupOf(String(object['apiVersion'])), String(object['kind']))!);
  }
  return finish();
}

const replicaSet: Json = {
  ...deployment('nginx'),
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: {
    name: 'web-5d9',
    namespace: 'default',
    uid: 'rs',
    ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: 'd', controller: true }],
  },
};

const podOf = (name: string): Json => ({
  ...pod('nginx'),
  metadata: {
    name,
    namespace: 'default',
    ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-5d9', uid: 'rs', controller: true }],
  },
});

test('pods are shown under the Deployment of their ReplicaSet, which is no workload of its own', () => {
  const { groups, counts } = tally(deployment('nginx'), replicaSet, podOf('a'), podOf('b'));
  expect(groups.map(({ owner, result, pods }) => `${owner.kind}/${owner.name} ${result} ${pods ?? '-'}`)).toEqual([
    'Deployment/web unfixed 2',
    'Deployment/web unfixed 2',
    'Deployment/web fixed -',
    'Deployment/web fixed -',
  ]);
  expect(counts).toEqual({ workloads: 1, pods: 2, unfixedPods: 2, leftOut: 0 });
});

test('what is exempt is counted, so that an empty result can be told from a clean one', () => {
  const exempt = { ...pod('NGINX'), metadata: { name: 'a', namespace: 'kube-system' } };
  expect(tally(exempt, replicaSet).counts).toEqual({ workloads: 0, pods: 0, unfixedPods: 0, leftOut: 1 });
});

test('a rule that misses its facts is named once, however many objects it was not asked about', () => {
  const { skipped } = tally(deployment('nginx'), podOf('a'), podOf('b'));
  const found = skipped.filter(({ rule }) => rule === pullSecretUsable.id);
  expect(found).toEqual([{ rule: pullSecretUsable.id, missing: expect.arrayContaining(['pullSecrets']) as unknown }]);
});

test('it knows where it has seen anything', () => {
  const { add, hasSeen } = createTally(MIRRORED, {});
  add(podOf('a'), findKind(MIRRORED.kinds, '', 'Pod')!);
  expect([hasSeen('default'), hasSeen('other')]).toEqual([true, false]);
});
