import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseInteger, readPlacement, type Placement } from '../../src/workload/placement.ts';
import type { Json } from '../support/objects.ts';

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';

const read: (spec: Json) => Placement = readPlacement;

function requiring(...nodeSelectorTerms: readonly unknown[]): Json {
  return { affinity: { nodeAffinity: { [REQUIRED]: { nodeSelectorTerms } } } };
}

function matching(...requirements: readonly unknown[]): Json {
  return requiring({ matchExpressions: requirements });
}

const ANYWHERE: Placement = {
  nodeName: '',
  nodeSelector: {},
  terms: undefined,
  entersClosed: false,
  isComplete: true,
};

test.each<[what: string, spec: Json]>([
  ['nothing', {}],
  ['null', { nodeName: null, nodeSelector: null, affinity: null, tolerations: null, schedulerName: null }],
  ['empty', { nodeName: '', nodeSelector: {}, affinity: {}, tolerations: [], schedulerName: '' }],
  ['the usual scheduler', { schedulerName: 'default-scheduler' }],
  ['what it prefers', { affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{}] } } }],
  ['what it keeps away from', { affinity: { podAffinity: { [REQUIRED]: [] }, podAntiAffinity: { [REQUIRED]: [{}] } } }],
])('a pod that says nothing of nodes may run on all that are open: %s', (_, spec) => {
  expect(read(spec)).toEqual(ANYWHERE);
});

test('all that it says of nodes is read', () => {
  const labels = { key: 'kubernetes.io/arch', operator: 'In', values: ['arm64'] };
  const names = { key: 'metadata.name', operator: 'NotIn', values: ['n1'] };
  const spec = {
    nodeSelector: { pool: 'large' },
    ...requiring({ matchExpressions: [labels] }, { matchFields: [names] }, {}),
  };
  expect(read(spec)).toEqual({
    ...ANYWHERE,
    nodeSelector: { pool: 'large' },
    terms: [
      { labels: [labels], names: [] },
      { labels: [], names: [names] },
      { labels: [], names: [] },
    ],
  });
});

describe('what cannot be read keeps a pod from no node, and nothing is claimed to be complete', () => {
  const exists = { key: 'a', operator: 'Exists' };
  const values = (operator: string, ...texts: readonly unknown[]): Json =>
    matching({ key: 'a', operator, values: texts });
  const field = (key: string, operator: string, ...names: readonly string[]): Json =>
    requiring({ matchFields: [{ key, operator, values: names }] });
  const many = Array.from({ length: 501 }, (_, at) => `v${at}`);

  test.each<[what: string, spec: Json]>([
    ['a selector that is a list', { nodeSelector: ['a'] }],
    ['a selector with a number', { nodeSelector: { a: 1 } }],
    ['affinity that is a text', { affinity: 'node' }],
    ['node affinity that is a number', { affinity: { nodeAffinity: 7 } }],
    ['a requirement that is a list', { affinity: { nodeAffinity: { [REQUIRED]: [] } } }],
    ['terms that are an object', { affinity: { nodeAffinity: { [REQUIRED]: { nodeSelectorTerms: {} } } } }],
    ['a term that is null', requiring(null)],
    ['expressions that are a text', requiring({ matchExpressions: 'a' })],
    ['an expression that is null', matching(null)],
    ['no key', matching({ operator: 'Exists' })],
    ['a key that is none', matching({ key: 'a b', operator: 'Exists' })],
    ['an operator that is none', values('in', 'x')],
    ['an operator that every object has', values('toString')],
    ['In without values', matching({ key: 'a', operator: 'In' })],
    ['NotIn without values', values('NotIn')],
    ['Exists with values', values('Exists', 'x')],
    ['DoesNotExist with values', values('DoesNotExist', 'x')],
    ['Gt of a word', values('Gt', 'x')],
    ['Lt of two', values('Lt', '1', '2')],
    ['Gt of more than 64 bits', values('Gt', '9223372036854775808')],
    ['a value that no label can have', values('In', 'x y')],
    ['values that are numbers', values('In', 1)],
    ['one bad term beside a good one', requiring({ matchExpressions: [exists] }, { matchExpressions: 7 })],
    ['a field that is not the name', field('spec.x', 'In', 'n')],
    ['two names', field('metadata.name', 'In', 'n', 'm')],
    ['a name that exists', field('metadata.name', 'Exists')],
    ['more requirements than anybody writes', matching(...many.slice(0, 51).map(() => exists))],
    ['more values than anybody writes', values('In', ...many)],
    [
      'more labels than anybody writes',
      { nodeSelector: Object.fromEntries(many.slice(0, 51).map((each) => [each, ''])) },
    ],
  ])('%s', (_, spec) => {
    expect(read(spec)).toEqual({ ...ANYWHERE, isComplete: false });
  });

  test('the good part beside it still counts', () => {
    expect(read({ nodeSelector: { a: 1 }, ...matching(exists) })).toMatchObject({
      terms: [{ labels: [{ ...exists, values: [] }] }],
      isComplete: false,
    });
  });
});

test.each<[what: string, spec: Json, expected: Partial<Placement>]>([
  ['where other pods do', { affinity: { podAffinity: { [REQUIRED]: [{}] } } }, {}],
  [
    'where another scheduler says, which may even choose closed nodes',
    { schedulerName: 'volcano' },
    { entersClosed: true },
  ],
])('what is not read here, but decides as well, is known to be there: to run %s', (_, spec, expected) => {
  expect(read(spec)).toEqual({ ...ANYWHERE, isComplete: false, ...expected });
  expect(read({ ...spec, nodeName: 'n1' })).toMatchObject({ nodeName: 'n1', isComplete: true });
});

describe('a node that is closed takes', () => {
  const key = 'node.kubernetes.io/unschedulable';
  const tolerating = (...tolerations: readonly unknown[]): Json => ({ tolerations });

  test.each<[what: string, spec: Json, expected: boolean]>([
    ['a pod that is bound to it', { nodeName: 'n1' }, true],
    ['a pod that tolerates it', tolerating({ key, operator: 'Exists', effect: 'NoSchedule' }), true],
    ['a pod that tolerates it without a word on how', tolerating({ key }), true],
    ['a pod that tolerates everything', tolerating({ operator: 'Exists' }), true],
    ['no pod that tolerates something else', tolerating({ key: 'gpu', operator: 'Exists' }), false],
    ['no pod that tolerates another effect', tolerating({ key, operator: 'Exists', effect: 'NoExecute' }), false],
    ['no pod that tolerates another value', tolerating({ key, operator: 'Equal', value: 'x' }), false],
    ['no pod with nonsense', tolerating(null, 7, 'Exists'), false],
  ])('%s', (_, spec, expected) => {
    expect(read(spec).entersClosed).toBe(expected);
  });
});

test('nothing that JSON can hold makes it throw', () => {
  const any = fc.jsonValue();
  const requirement = fc.record({ key: any, operator: fc.oneof(any, fc.constantFrom('In', 'Gt')), values: any });
  const term = fc.oneof(any, fc.record({ matchExpressions: fc.array(requirement), matchFields: any }));
  fc.assert(
    fc.property(any, any, any, fc.array(term), (nodeName, nodeSelector, affinity, terms) => {
      read({ nodeName, nodeSelector, tolerations: nodeSelector, affinity, schedulerName: nodeName });
      read(requiring(...terms));
      read({ affinity: { nodeAffinity: affinity, podAffinity: affinity } });
    }),
  );
});

test.each<[text: string, value: bigint | undefined]>([
  ['0', 0n],
  ['010', 10n],
  ['9223372036854775807', 9223372036854775807n],
  ['9223372036854775808', undefined],
  ['-1', undefined],
  ['1.5', undefined],
  ['', undefined],
  ['9'.repeat(10_000), undefined],
])('%s as the API server reads a number', (text, value) => {
  expect(parseInteger(text)).toBe(value);
});
