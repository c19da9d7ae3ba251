import { describe, expect, test } from 'vitest';
import { findLabelProblems, findLimits, NO_LIMITS } from '../../src/engine/namespace-mode.ts';

const limitsOf = (labels: Record<string, string> | undefined) =>
  findLimits({ namespaces: { findLabels: () => labels } }, 'shop');

describe('what a namespace allows', () => {
  test.each<[string, Record<string, string>, object]>([
    ['everything, without labels', {}, NO_LIMITS],
    ['nothing, when off', { 'pullguard.dev/mode': 'off' }, { mode: 'off', fixes: true }],
    ['noting, when audited: no pod is changed', { 'pullguard.dev/mode': 'audit' }, { mode: 'audit', fixes: false }],
    ['telling and fixing, when warned', { 'pullguard.dev/mode': 'warn' }, { mode: 'warn', fixes: true }],
    ['no fixes, when it says so', { 'pullguard.dev/fix': 'false' }, { mode: 'enforce', fixes: false }],
    [
      'everything, when a value means nothing',
      { 'pullguard.dev/mode': 'OFF', 'pullguard.dev/fix': 'False' },
      NO_LIMITS,
    ],
  ])('%s', (_, labels, expected) => {
    expect(limitsOf(labels)).toEqual(expected);
  });

  test('everything, where no cluster is asked; no refusal, while it is not known', () => {
    expect(findLimits({}, 'shop')).toEqual(NO_LIMITS);
    expect(limitsOf(undefined)).toEqual({ mode: 'warn', fixes: true });
  });
});

test('a label that would do nothing is a problem at its place', () => {
  expect(findLabelProblems({ 'pullguard.dev/mode': 'x' })).toMatchObject([
    { at: '/metadata/labels/pullguard.dev~1mode', value: 'x' },
  ]);
  expect(findLabelProblems({ 'pullguard.dev/mode': 'off', 'pullguard.dev/fix': 'true' })).toEqual([]);
});
