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

type Added = readonly (readonly [Subject, ...Finding[]])[];

function group(...added: Added): readonly FindingGroup[] {
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
  const count = (...added: Added): unknown => group(...added).map(({ pods }) => pods);

  test('of the same owner, wherever their container stands', () => {
    expect(count([POD_OF_WEB, unfixed], [POD_OF_WEB, unfixed], [POD_OF_WEB, moved])).toEqual([3]);
    // A pod is one pod, also when two of its fields are the same.
    expect(count([POD_OF_WEB, unfixed, moved])).toEqual([1]);
  });

  test('but a template counts none, and keeps apart what differs in its field', () => {
    expect(count([WEB, finding(), finding({ at: '/spec/x' })])).toEqual([undefined, undefined]);
    // Old ReplicaSets of one owner.
    expect(count([WEB, finding()], [WEB, finding()])).toEqual([undefined]);
  });

  test.each<[what: string, subject: Partial<Subject>, other: Partial<Finding>]>([
    ['namespace', { namespace: 'other' }, {}],
    ['owner', { owner: { ...WEB.owner, name: 'other' } }, {}],
    ['kind with the same name', { owner: { ...WEB.owner, group: 'other' } }, {}],
    ['image', {}, { value: 'other' }],
    ['container', {}, { label: 'container "other"' }],
    ['result', {}, { fixed: 'no' }],
  ])('and not those of another %s', (_what, subject, other) => {
    expect(
      count(
        [POD_OF_WEB, unfixed],
        [
          { ...POD_OF_WEB, ...subject },
          { ...unfixed, ...other },
        ],
      ),
    ).toEqual([1, 1]);
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
  type Made = readonly [kind: string, name: string, by?: string];

  /** `apps/v1 ReplicaSet web-5d9`: an object that another one made. */
  const object = (name: string, by = ''): Json => {
    const [apiVersion = '', kind = '', owner = ''] = by.split(' ');
    const owners = by === '' ? {} : controllerOf(apiVersion, kind, owner, `uid of ${owner}`);
    return { metadata: { name, uid: `uid of ${name}`, ...owners } };
  };

  test.each<[what: string, listed: readonly Made[], podBy: string | undefined, top: string]>([
    ['itself', [], undefined, '/Pod/pod'],
    [
      'a Deployment',
      [['ReplicaSet', 'web-5', 'apps/v1 Deployment web']],
      'apps/v1 ReplicaSet web-5',
      'apps/Deployment/web',
    ],
    ['a CronJob', [['Job', 'dump-2', 'batch/v1 CronJob dump']], 'batch/v1 Job dump-2', 'batch/CronJob/dump'],
    ['a Job of its own', [['Job', 'dump-2']], 'batch/v1 Job dump-2', 'batch/Job/dump-2'],
    ['a ReplicaSet that could not be listed', [], 'apps/v1 ReplicaSet web-5', 'apps/ReplicaSet/web-5'],
    // Not under the object of an operator that keeps it.
    [
      'a StatefulSet',
      [['StatefulSet', 'db', 'a.example/v1 Database db']],
      'apps/v1 StatefulSet db',
      'apps/StatefulSet/db',
    ],
    [
      'what made its ReplicaSet',
      [['ReplicaSet', 'web-5', 'a.io/v1 Rollout web']],
      'apps/v1 ReplicaSet web-5',
      'a.io/Rollout/web',
    ],
    [
      'one of a ring of owners, rather than never',
      [
        ['ReplicaSet', 'a', 'apps/v1 ReplicaSet b'],
        ['ReplicaSet', 'b', 'apps/v1 ReplicaSet a'],
      ],
      'apps/v1 ReplicaSet a',
      'apps/ReplicaSet/b',
    ],
  ])('%s', (_what, listed, podBy, top) => {
    const owners = createOwners();
    const kindOf = (name: string) => WORKLOAD_KINDS.find(({ kind }) => kind === name)!;
    for (const [kind, name, by] of listed) owners.remember(object(name, by), kindOf(kind));
    const { group: apiGroup, kind, name } = owners.findTop(object('pod', podBy), kindOf('Pod'));
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
      metadata: { ...(object.metadata as Json), namespace: 'kube-system' },
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
