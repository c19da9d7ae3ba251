import { describe, expect, test } from 'vitest';
import type { Finding } from '../../src/engine/evaluate.ts';
import { groupFindings, type FindingGroup, type Subject } from '../../src/scan/group-findings.ts';
import { finding, missingField } from '../support/finding.ts';

const WEB: Subject = { namespace: 'shop', owner: { group: 'apps', kind: 'Deployment', name: 'web' }, isPod: false };
const POD_OF_WEB: Subject = { ...WEB, isPod: true };

function group(...added: readonly (readonly [Subject, ...Finding[]])[]): readonly FindingGroup[] {
  const groups = groupFindings();
  for (const [subject, ...findings] of added) groups.add(subject, findings);
  return groups.list();
}

describe('the result says what would become of the object today', () => {
  test.each<[result: string, overrides: Partial<Finding>]>([
    ['denied', { action: 'deny', fixed: 'no' }],
    ['warned', { action: 'warn', fixed: 'no' }],
    ['audited', { action: 'audit', fixed: 'no' }],
    ['fixed', { action: 'audit', fixed: 'later' }],
    ['unfixed', { action: 'warn', fixed: 'now' }],
  ])('%s', (result, overrides) => {
    expect(group([WEB, finding(overrides)]).map((each) => each.result)).toEqual([result]);
  });
});

describe('a hundred replicas are told of once, with their number', () => {
  const unfixed = finding({ fixed: 'now', action: 'warn' });

  test('of the same owner', () => {
    expect(group([POD_OF_WEB, unfixed], [POD_OF_WEB, unfixed], [POD_OF_WEB, unfixed])).toMatchObject([{ pods: 3 }]);
  });

  test('also when a container stands in another place, as injected ones move them', () => {
    const moved = { ...unfixed, at: '/spec/containers/1/image' };
    expect(group([POD_OF_WEB, unfixed], [POD_OF_WEB, moved])).toMatchObject([{ pods: 2 }]);
  });

  test('a pod is one pod, also when two of its fields are the same', () => {
    const twice = { ...unfixed, at: '/spec/containers/1/image' };
    expect(group([POD_OF_WEB, unfixed, twice])).toMatchObject([{ pods: 1 }]);
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

test('a template counts no pods, and keeps apart what differs in its field', () => {
  const groups = group([WEB, finding(), finding({ at: '/spec/tasks/1/template/spec/containers/0/image' })]);
  expect(groups).toHaveLength(2);
  for (const each of groups) expect(each).not.toHaveProperty('pods');
});

test('the old ReplicaSets of one owner with the same mistake are one', () => {
  expect(group([WEB, finding()], [WEB, finding()])).toHaveLength(1);
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
