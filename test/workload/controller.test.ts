import { expect, test } from 'vitest';
import { findController } from '../../src/workload/controller.ts';

const REPLICA_SET = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-1', uid: 'u' };

const owned = (...ownerReferences: readonly unknown[]) => ({ metadata: { ownerReferences } });

test('of several owners the one that looks after an object is its controller', () => {
  const found = findController(owned({ kind: 'Other' }, { ...REPLICA_SET, controller: true }));
  expect(found).toEqual({ ...REPLICA_SET, group: 'apps' });
});

test.each([
  ['no owners', { metadata: {} }],
  ['an owner that only wants it deleted with itself', owned(REPLICA_SET)],
  ['owners that are no list', { metadata: { ownerReferences: 'x' } }],
  ['owners that are no objects', owned(null, 7, 'x')],
  ['no object', null],
])('an object with %s has none', (_, object) => {
  expect(findController(object)).toBeUndefined();
});

test('a reference with nothing in it leaves the texts empty', () => {
  expect(findController(owned({ controller: true }))).toEqual({
    apiVersion: '',
    group: '',
    kind: '',
    name: '',
    uid: '',
  });
});
