import { expect, test } from 'vitest';
import { readNamespace } from '../../../src/cluster/facts/read-namespace.ts';

test.each<[labels: unknown, kept: Readonly<Record<string, string>>]>([
  [
    { 'pullguard.dev/mode': 'warn', 'pullguard.dev/fix': 'false', 'kubernetes.io/metadata.name': 'web', team: 'a' },
    { 'pullguard.dev/mode': 'warn', 'pullguard.dev/fix': 'false' },
  ],
  [{ 'other.pullguard.dev/mode': 'off', 'pullguard.devious/mode': 'off' }, {}],
  [{ 'pullguard.dev/mode': 1 }, {}],
  [{}, {}],
  [null, {}],
  ['pullguard.dev/mode', {}],
  [undefined, {}],
])('of the labels %j only those for pullguard are kept', (labels, kept) => {
  expect(readNamespace({ metadata: { name: 'web', labels } })).toEqual(kept);
});

test('ten thousand namespaces with the same labels hold one object', () => {
  const labels = { 'pullguard.dev/mode': 'audit' };
  expect(readNamespace({ metadata: { labels } })).toBe(
    readNamespace({ metadata: { labels: { ...labels, team: 'a' } } }),
  );
  expect(readNamespace({})).toBe(readNamespace({ metadata: {} }));
  expect(readNamespace({})).not.toBe(readNamespace({ metadata: { labels } }));
});
