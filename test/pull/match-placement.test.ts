import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { matchPlacement } from '../../src/pull/match-placement.ts';
import { readPlacement } from '../../src/workload/placement.ts';
import type { Json } from '../support/objects.ts';

type Node = Parameters<typeof matchPlacement>[1];
type Expression = Readonly<{ key: string; operator: string; values?: readonly string[] }>;

const NODE: Node = { name: 'n1', labels: { arch: 'arm64', size: '8', empty: '' }, isUnschedulable: false };

function runsOn(spec: Json, node: Partial<Node> = {}): boolean {
  return matchPlacement(readPlacement(spec), { ...NODE, ...node });
}

function requiring(...nodeSelectorTerms: readonly unknown[]): Json {
  return {
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } },
  };
}

describe('each operator decides as it does in Kubernetes', () => {
  test.each<[expression: Expression, expected: boolean]>([
    [{ key: 'arch', operator: 'In', values: ['amd64', 'arm64'] }, true],
    [{ key: 'arch', operator: 'In', values: ['amd64'] }, false],
    [{ key: 'other', operator: 'In', values: ['amd64'] }, false],
    [{ key: 'empty', operator: 'In', values: [''] }, true],
    [{ key: 'other', operator: 'In', values: [''] }, false],
    [{ key: 'arch', operator: 'NotIn', values: ['amd64'] }, true],
    [{ key: 'arch', operator: 'NotIn', values: ['arm64'] }, false],
    [{ key: 'other', operator: 'NotIn', values: ['arm64'] }, true],
    [{ key: 'empty', operator: 'Exists' }, true],
    [{ key: 'other', operator: 'Exists' }, false],
    [{ key: 'constructor', operator: 'Exists' }, false],
    [{ key: 'other', operator: 'DoesNotExist' }, true],
    [{ key: 'empty', operator: 'DoesNotExist' }, false],
    [{ key: 'size', operator: 'Gt', values: ['7'] }, true],
    [{ key: 'size', operator: 'Gt', values: ['8'] }, false],
    // As texts it would be the other way round.
    [{ key: 'size', operator: 'Lt', values: ['10'] }, true],
    [{ key: 'size', operator: 'Lt', values: ['8'] }, false],
    [{ key: 'arch', operator: 'Gt', values: ['7'] }, false],
    [{ key: 'other', operator: 'Lt', values: ['7'] }, false],
  ])('%j: %s', (expression, expected) => {
    expect(runsOn(requiring({ matchExpressions: [expression] }))).toBe(expected);
  });
});

describe('requirements are put together as in Kubernetes', () => {
  const yes = { key: 'arch', operator: 'Exists' };
  const no = { key: 'arch', operator: 'DoesNotExist' };
  const here = { key: 'metadata.name', operator: 'In', values: ['n1'] };
  const elsewhere = { key: 'metadata.name', operator: 'NotIn', values: ['n1'] };

  test.each<[what: string, spec: Json, expected: boolean]>([
    ['one term of several is enough', requiring({ matchExpressions: [no] }, { matchExpressions: [yes] }), true],
    ['all of a term is needed', requiring({ matchExpressions: [yes, no] }), false],
    ['by labels and name', requiring({ matchExpressions: [yes], matchFields: [here] }), true],
    ['by labels but not by name', requiring({ matchExpressions: [yes], matchFields: [elsewhere] }), false],
    ['a term that says nothing matches nothing', requiring({}), false],
    ['no terms match nothing', requiring(), false],
    ['the selector and the affinity', { nodeSelector: { arch: 'arm64' }, ...requiring({ matchFields: [here] }) }, true],
    ['not the selector', { nodeSelector: { arch: 'amd64' }, ...requiring({ matchFields: [here] }) }, false],
    ['not all of the selector', { nodeSelector: { arch: 'arm64', other: '' } }, false],
    ['the node by its name', { nodeName: 'n1' }, true],
    ['another node by its name', { nodeName: 'n2' }, false],
    ['its name, but not the selector, which kubelet looks at too', { nodeName: 'n1', nodeSelector: { a: 'b' } }, false],
  ])('%s', (_, spec, expected) => {
    expect(runsOn(spec)).toBe(expected);
  });
});

test('a closed node takes who may come to closed nodes, and nobody else', () => {
  const closed = { isUnschedulable: true };
  expect(runsOn({}, closed)).toBe(false);
  expect(runsOn({ tolerations: [{ operator: 'Exists' }] }, closed)).toBe(true);
  expect(runsOn({ nodeName: 'n1' }, closed)).toBe(true);
});

describe('the laws of requirements hold for every node', () => {
  const key = fc.constantFrom('a', 'b');
  const value = fc.constantFrom('1', '2', '10', 'x', '');
  const labels = fc.dictionary(key, value);
  const values = fc.uniqueArray(value, { minLength: 1, maxLength: 3 });
  const number = fc.nat(20).map(String);
  const expression: fc.Arbitrary<Expression> = fc.oneof(
    fc.record({ key, operator: fc.constantFrom('In', 'NotIn'), values }),
    fc.record({ key, operator: fc.constantFrom('Exists', 'DoesNotExist') }),
    fc.record({ key, operator: fc.constantFrom('Gt', 'Lt'), values: fc.tuple(number) }),
  );
  const meets = (of: Node['labels'], ...expressions: readonly Expression[]): boolean =>
    runsOn(requiring({ matchExpressions: expressions }), { labels: of });

  test('In and NotIn, Exists and DoesNotExist are each other’s contrary', () => {
    fc.assert(
      fc.property(labels, key, values, (of, at, some) => {
        expect(meets(of, { key: at, operator: 'In', values: some })).toBe(
          !meets(of, { key: at, operator: 'NotIn', values: some }),
        );
        expect(meets(of, { key: at, operator: 'Exists' })).toBe(!meets(of, { key: at, operator: 'DoesNotExist' }));
      }),
    );
  });

  test('a number is greater, less, or the same, and what is none is none of them', () => {
    fc.assert(
      fc.property(fc.oneof(number, value), number, (has, than) => {
        const [isMore, isLess] = ['Gt', 'Lt'].map((operator) =>
          meets({ a: has }, { key: 'a', operator, values: [than] }),
        );
        const isNumber = /^\d+$/.test(has);
        expect([isMore, isLess]).toEqual([
          isNumber && Number(has) > Number(than),
          isNumber && Number(has) < Number(than),
        ]);
      }),
    );
  });

  test('terms are an or of ands, in whatever order', () => {
    const terms = fc.array(fc.array(expression, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(labels, terms, (of, lists) => {
        const written = lists.map((matchExpressions) => ({ matchExpressions }));
        const expected = lists.some((list) => list.every((one) => meets(of, one)));
        expect(runsOn(requiring(...written), { labels: of })).toBe(expected);
        expect(runsOn(requiring(...written.toReversed()), { labels: of })).toBe(expected);
      }),
    );
  });

  test('a node selector is an In of one value for each label', () => {
    fc.assert(
      fc.property(labels, labels, (of, nodeSelector) => {
        const expressions = Object.entries(nodeSelector).map(([at, one]) => ({
          key: at,
          operator: 'In',
          values: [one],
        }));
        const expected = expressions.length === 0 || meets(of, ...expressions);
        expect(runsOn({ nodeSelector }, { labels: of })).toBe(expected);
      }),
    );
  });
});
