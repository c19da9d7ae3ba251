import { describe, expect, test } from 'vitest';
import { createOwners } from '../../src/scan/owners.ts';
import { WORKLOAD_KINDS, type WorkloadKind } from '../../src/workload/kinds.ts';

const kindOf = (name: string): WorkloadKind => WORKLOAD_KINDS.find(({ kind }) => kind === name)!;

type Reference = Readonly<{ apiVersion: string; kind: string; name: string; uid: string; controller: boolean }>;

const reference = (apiVersion: string, kind: string, name: string): Reference => ({
  apiVersion,
  kind,
  name,
  uid: `uid of ${name}`,
  controller: true,
});

const object = (name: string, ...ownerReferences: readonly Reference[]) => ({
  metadata: { name, uid: `uid of ${name}`, ownerReferences },
});

/** The top-most owner of a pod, after these were listed. */
function findTop(listed: readonly [kind: string, object: unknown][], pod: unknown): string {
  const owners = createOwners();
  for (const [kind, each] of listed) owners.remember(each, kindOf(kind));
  const { group, kind, name } = owners.findTop(pod, kindOf('Pod'));
  return `${group}/${kind}/${name}`;
}

describe('a pod is shown under what people know it by', () => {
  const ofReplicaSet = object('web-5d9-x7', reference('apps/v1', 'ReplicaSet', 'web-5d9'));
  const ofJob = object('dump-28-x7', reference('batch/v1', 'Job', 'dump-28'));
  const replicaSet = object('web-5d9', reference('apps/v1', 'Deployment', 'web'));

  test.each<[what: string, listed: [string, unknown][], pod: unknown, top: string]>([
    ['itself', [], object('bare'), '/Pod/bare'],
    ['a Deployment, by its ReplicaSet', [['ReplicaSet', replicaSet]], ofReplicaSet, 'apps/Deployment/web'],
    [
      'a CronJob, by its Job',
      [['Job', object('dump-28', reference('batch/v1', 'CronJob', 'dump'))]],
      ofJob,
      'batch/CronJob/dump',
    ],
    ['a Job of its own', [['Job', object('dump-28')]], ofJob, 'batch/Job/dump-28'],
    ['a ReplicaSet that could not be listed', [], ofReplicaSet, 'apps/ReplicaSet/web-5d9'],
    [
      'a StatefulSet, and not the operator object that keeps it',
      [['StatefulSet', object('db', reference('db.example/v1', 'Database', 'db'))]],
      object('db-0', reference('apps/v1', 'StatefulSet', 'db')),
      'apps/StatefulSet/db',
    ],
    [
      'a custom resource that makes ReplicaSets',
      [['ReplicaSet', object('web-5d9', reference('argoproj.io/v1alpha1', 'Rollout', 'web'))]],
      ofReplicaSet,
      'argoproj.io/Rollout/web',
    ],
    [
      'another of a ring of owners, rather than never',
      [
        ['ReplicaSet', object('a', reference('apps/v1', 'ReplicaSet', 'b'))],
        ['ReplicaSet', object('b', reference('apps/v1', 'ReplicaSet', 'a'))],
      ],
      object('pod', reference('apps/v1', 'ReplicaSet', 'a')),
      'apps/ReplicaSet/b',
    ],
  ])('%s', (_what, listed, pod, top) => {
    expect(findTop(listed, pod)).toBe(top);
  });
});
