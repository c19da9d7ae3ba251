import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { keepPlacement, parseInteger, readPlacement, type Placement } from '../../src/workload/placement.ts';
import type { Json } from '../support/objects.ts';

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';

function read(spec: Json): Placement {
  return readPlacement(keepPlacement(spec));
}

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

describe('a pod that says nothing of nodes may run on all that are open', () => {
  test.each<[what: string, spec: Json]>([
    ['nothing', {}],
    ['null', { nodeName: null, nodeSelector: null, affinity: null, tolerations: null, schedulerName: null }],
    ['empty', { nodeName: '', nodeSelector: {}, affinity: {}, tolerations: [], schedulerName: '' }],
    ['the usual scheduler', { schedulerName: 'default-scheduler' }],
    [
      'what it would rather have',
      {
        affinity: {
          nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, preference: {} }] },
          podAffinity: { [REQUIRED]: [] },
          podAntiAffinity: { [REQUIRED]: [{ topologyKey: 'kubernetes.io/hostname' }] },
        },
      },
    ],
  ])('%s', (_, spec) => {
    expect(read(spec)).toEqual(ANYWHERE);
  });
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
    ['an operator that is none', matching({ key: 'a', operator: 'in', values: ['x'] })],
    ['In without values', matching({ key: 'a', operator: 'In' })],
    ['NotIn without values', matching({ key: 'a', operator: 'NotIn', values: [] })],
    ['Exists with values', matching({ ...exists, values: ['x'] })],
    ['DoesNotExist with values', matching({ key: 'a', operator: 'DoesNotExist', values: ['x'] })],
    ['Gt of a word', matching({ key: 'a', operator: 'Gt', values: ['x'] })],
    ['Lt of two', matching({ key: 'a', operator: 'Lt', values: ['1', '2'] })],
    ['Gt of more than 64 bits', matching({ key: 'a', operator: 'Gt', values: ['9223372036854775808'] })],
    ['a value that no label can have', matching({ key: 'a', operator: 'In', values: ['x y'] })],
    ['values that are numbers', matching({ key: 'a', operator: 'In', values: [1] })],
    ['one bad term beside a good one', requiring({ matchExpressions: [exists] }, { matchExpressions: 7 })],
    ['a field that is not the name', requiring({ matchFields: [{ key: 'spec.x', operator: 'In', values: ['n'] }] })],
    ['two names', requiring({ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n', 'm'] }] })],
    ['a name that exists', requiring({ matchFields: [{ key: 'metadata.name', operator: 'Exists' }] })],
    ['more requirements than anybody writes', matching(...Array.from({ length: 51 }, () => exists))],
    [
      'more values than anybody writes',
      matching({ key: 'a', operator: 'In', values: Array.from({ length: 501 }, (_, at) => `v${at}`) }),
    ],
    [
      'more labels than anybody writes',
      { nodeSelector: Object.fromEntries(Array.from({ length: 51 }, (_, at) => [`l${at}`, ''])) },
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

describe('what is not read here, but decides as well, is known to be there', () => {
  test('to run where other pods do', () => {
    const spec = { affinity: { podAffinity: { [REQUIRED]: [{ topologyKey: 'kubernetes.io/hostname' }] } } };
    expect(read(spec).isComplete).toBe(false);
    expect(read({ ...spec, nodeName: 'n1' }).isComplete).toBe(true);
  });

  test('another scheduler, which may even choose closed nodes', () => {
    expect(read({ schedulerName: 'volcano' })).toMatchObject({ isComplete: false, entersClosed: true });
    expect(read({ schedulerName: 'volcano', nodeName: 'n1' }).isComplete).toBe(true);
  });
});

describe('a node that is closed takes', () => {
  const key = 'node.kubernetes.io/unschedulable';

  test.each<[what: string, spec: Json, expected: boolean]>([
    ['a pod that is bound to it', { nodeName: 'n1' }, true],
    ['a pod that tolerates it', { tolerations: [{ key, operator: 'Exists', effect: 'NoSchedule' }] }, true],
    ['a pod that tolerates it without a word on how', { tolerations: [{ key }] }, true],
    ['a pod that tolerates everything', { tolerations: [{ operator: 'Exists' }] }, true],
    ['no pod that tolerates something else', { tolerations: [{ key: 'gpu', operator: 'Exists' }] }, false],
    [
      'no pod that tolerates another effect',
      { tolerations: [{ key, operator: 'Exists', effect: 'NoExecute' }] },
      false,
    ],
    ['no pod that tolerates another value', { tolerations: [{ key, operator: 'Equal', value: 'x' }] }, false],
    ['no pod with nonsense', { tolerations: [null, 7, 'Exists'] }, false],
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
