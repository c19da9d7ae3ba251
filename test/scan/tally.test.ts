import { describe, expect, test } from 'vitest';
import type { Finding } from '../../src/engine/evaluate.ts';
import {
  createOwners,
  createTally,
  groupFindings,
  type FindingGroup,
  type Findings,
  type Subject,
} from '../../src/scan/tally.ts';
import { findKind, groupOf, WORKLOAD_KINDS } from '../../src/workload/kinds.ts';
import { controllerOf } from '../support/cluster-objects.ts';
import { NOW } from '../support/facts.ts';
import { finding, missingField } from '../support/finding.ts';
import { deployment, pod, type Json } from '../support/objects.ts';
import { MIRRORED } from '../support/policies.ts';

const WEB: Subject = { namespace: 'shop', owner: { group: 'apps', kind: 'Deployment', name: 'web' }, isPod: false };
const POD_OF_WEB: Subject = { ...WEB, isPod: true };

function group(...added: readonly (readonly [Subject, ...Finding[]])[]): readonly FindingGroup[] {
  const groups = groupFindings();
  for (const [subject, ...findings] of added) groups.add(subject, findings);
  return groups.list();
}

test.each<[result: string, overrides: Partial<Finding>]>([
  ['denied', { action: 'deny', fixed: 'no' }],
  ['warned', { action: 'warn', fixed: 'no' }],
  ['audited', { action: 'audit', fixed: 'no' }],
  ['fixed', { action: 'audit', fixed: 'later' }],
  ['unfixed', { action: 'warn', fixed: 'now' }],
])('the result says what would become of the object today: %s', (result, overrides) => {
  expect(group([WEB, finding(overrides)]).map((each) => each.result)).toEqual([result]);
});

describe('a hundred replicas are told of once, with their number', () => {
  const unfixed = finding({ fixed: 'now', action: 'warn' });
  // Injected containers move the others.
  const moved = { ...unfixed, at: '/spec/containers/1/image' };

  test.each<
    [what: string, added: readonly (readonly [Subject, ...Finding[]])[], pods: readonly (number | undefined)[]]
  >([
    [
      'pods of the same owner',
      [
        [POD_OF_WEB, unfixed],
        [POD_OF_WEB, unfixed],
        [POD_OF_WEB, unfixed],
      ],
      [3],
    ],
    [
      'also when a container stands in another place',
      [
        [POD_OF_WEB, unfixed],
        [POD_OF_WEB, moved],
      ],
      [2],
    ],
    ['a pod is one pod, also when two of its fields are the same', [[POD_OF_WEB, unfixed, moved]], [1]],
    [
      'a template counts none, and keeps apart what differs in its field',
      [[WEB, finding(), finding({ at: '/spec/x' })]],
      [undefined, undefined],
    ],
    [
      'old ReplicaSets of one owner with the same mistake are one',
      [
        [WEB, finding()],
        [WEB, finding()],
      ],
      [undefined],
    ],
  ])('%s', (_what, added, pods) => {
    expect(group(...added).map((each) => each.pods)).toEqual(pods);
  });

  test.each<[what: string, subject: Subject, other: Finding]>([
    ['namespace', { ...POD_OF_WEB, namespace: 'other' }, unfixed],
    ['owner', { ...POD_OF_WEB, owner: { ...WEB.owner, name: 'other' } }, unfixed],
    ['kind with the same name', { ...POD_OF_WEB, owner: { ...WEB.owner, group: 'other' } }, unfixed],
    ['image', POD_OF_WEB, { ...unfixed, value: 'other' }],
    ['container', POD_OF_WEB, { ...unfixed, label: 'container "other"' }],
    ['result', POD_OF_WEB, { ...unfixed, fixed: 'no' }],
  ])('but not those of another %s', (_what, subject, other) => {
    expect(group([POD_OF_WEB, unfixed], [subject, other])).toMatchObject([{ pods: 1 }, { pods: 1 }]);
  });
});

test('the order is that of namespaces and names, with the worst of each first, however they came', () => {
  const at = (namespace: string, name: string): Subject => ({ ...WEB, namespace, owner: { ...WEB.owner, name } });
  const groups = group(
    [at('b', 'a'), finding()],
    [at('a', 'b'), missingField({ fixed: 'later' }), finding({ action: 'warn' }), finding()],
    [at('a', 'a'), finding()],
  );
  expect(groups.map(({ namespace, owner, result }) => `${namespace} ${owner.name} ${result}`)).toEqual([
    'a a denied',
    'a b denied',
    'a b warned',
    'a b fixed',
    'b a denied',
  ]);
});

describe('a pod is shown under what people know it by', () => {
  const object = (name: string, apiVersion = '', kind = '', owner = ''): Json => ({
    metadata: {
      name,
      uid: `uid of ${name}`,
      ...(owner !== '' && controllerOf(apiVersion, kind, owner, `uid of ${owner}`)),
    },
  });
  const ofReplicaSet = object('web-5d9-x7', 'apps/v1', 'ReplicaSet', 'web-5d9');
  const ofJob = object('dump-28-x7', 'batch/v1', 'Job', 'dump-28');

  test.each<[what: string, listed: readonly (readonly [kind: string, object: Json])[], pod: Json, top: string]>([
    ['itself', [], object('bare'), '/Pod/bare'],
    [
      'a Deployment, by its ReplicaSet',
      [['ReplicaSet', object('web-5d9', 'apps/v1', 'Deployment', 'web')]],
      ofReplicaSet,
      'apps/Deployment/web',
    ],
    ['a CronJob, by its Job', [['Job', object('dump-28', 'batch/v1', 'CronJob', 'dump')]], ofJob, 'batch/CronJob/dump'],
    ['a Job of its own', [['Job', object('dump-28')]], ofJob, 'batch/Job/dump-28'],
    ['a ReplicaSet that could not be listed', [], ofReplicaSet, 'apps/ReplicaSet/web-5d9'],
    [
      'a StatefulSet, and not the operator object that keeps it',
      [['StatefulSet', object('db', 'db.example/v1', 'Database', 'db')]],
      object('db-0', 'apps/v1', 'StatefulSet', 'db'),
      'apps/StatefulSet/db',
    ],
    [
      'a custom resource that makes ReplicaSets',
      [['ReplicaSet', object('web-5d9', 'argoproj.io/v1alpha1', 'Rollout', 'web')]],
      ofReplicaSet,
      'argoproj.io/Rollout/web',
    ],
    [
      'another of a ring of owners, rather than never',
      [
        ['ReplicaSet', object('a', 'apps/v1', 'ReplicaSet', 'b')],
        ['ReplicaSet', object('b', 'apps/v1', 'ReplicaSet', 'a')],
      ],
      object('pod', 'apps/v1', 'ReplicaSet', 'a'),
      'apps/ReplicaSet/b',
    ],
  ])('%s', (_what, listed, shown, top) => {
    const owners = createOwners();
    const kindOf = (name: string) => WORKLOAD_KINDS.find(({ kind }) => kind === name)!;
    for (const [kind, each] of listed) owners.remember(each, kindOf(kind));
    const { group: apiGroup, kind, name } = owners.findTop(shown, kindOf('Pod'));
    expect(`${apiGroup}/${kind}/${name}`).toBe(top);
  });
});

describe('of all that was seen it is told', () => {
  const seen = (
    objects: readonly Json[],
    facts: Parameters<typeof createTally>[1] = {},
  ): Findings & { hasSeen: (name: string) => boolean } => {
    const { add, finish, hasSeen } = createTally(MIRRORED, facts, NOW);
    for (const object of objects) {
      add(object, findKind(MIRRORED.kinds, groupOf(String(object['apiVersion'])), String(object['kind']))!);
    }
    return { ...finish(), hasSeen };
  };
  const replicaSet = {
    ...deployment('nginx'),
    kind: 'ReplicaSet',
    metadata: {
      name: 'web-5d9',
      namespace: 'default',
      uid: 'rs',
      ...controllerOf('apps/v1', 'Deployment', 'web', 'd'),
    },
  };
  const podOf = (name: string): Json => ({
    ...pod('nginx'),
    metadata: { name, namespace: 'default', ...controllerOf('apps/v1', 'ReplicaSet', 'web-5d9', 'rs') },
  });
  const all = [deployment('nginx'), replicaSet, podOf('a'), podOf('b')];

  test('under the Deployment of their ReplicaSet, which is no workload of its own, what its pods lack', () => {
    const { groups, counts, hasSeen } = seen(all);
    expect(groups.map(({ owner, result, pods }) => `${owner.kind}/${owner.name} ${result} ${pods ?? '-'}`)).toEqual([
      'Deployment/web unfixed 2',
      'Deployment/web unfixed 2',
      'Deployment/web fixed -',
      'Deployment/web fixed -',
    ]);
    expect(counts).toEqual({ workloads: 1, pods: 2, unfixedPods: 2, leftOut: 0 });
    expect([hasSeen('default'), hasSeen('other')]).toEqual([true, false]);
  });

  test('how much is left out, so that an empty result can be told from a clean one', () => {
    const counts = { workloads: 0, pods: 0, unfixedPods: 0 };
    const exempt = all.map((object) => ({
      ...object,
      metadata: { ...(object['metadata'] as Json), namespace: 'kube-system' },
    }));
    expect(seen(exempt).counts).toEqual({ ...counts, leftOut: 4 });
    const facts = { namespaces: { findLabels: () => ({ 'pullguard.dev/mode': 'off' }) } };
    expect(seen(all, facts).counts).toEqual({ ...counts, leftOut: 4 });
    expect(seen([replicaSet]).counts).toEqual({ ...counts, leftOut: 0 });
  });

  test('once, which rule misses its facts, however many objects it was not asked about', () => {
    const found = seen(all).skipped.filter(({ rule }) => rule === 'pull-secret-usable');
    expect(found).toEqual([{ rule: 'pull-secret-usable', missing: ['pullSecrets', 'serviceAccounts'] }]);
  });
});
