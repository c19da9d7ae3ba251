import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findCandidateNodes, matchPlacement, nameOnNode, type CandidateNodes } from '../../src/pull/nodes.ts';
import type { NodeFacts } from '../../src/pull/facts.ts';
import { readReference } from '../../src/image/reference.ts';
import { WORKLOAD_KINDS } from '../../src/workload/kinds.ts';
import { readPlacement } from '../../src/workload/placement.ts';
import { readWorkloads } from '../../src/workload/workload.ts';
import { nodesOf } from '../support/answers.ts';
import { pod, type Json } from '../support/objects.ts';

function find(nodes: NodeFacts | undefined, spec: Json = {}, kind = 'Pod'): CandidateNodes | undefined {
  const object = kind === 'Pod' ? pod('nginx', spec) : { spec: { template: pod('nginx', spec) } };
  const [workload] = readWorkloads(
    object,
    WORKLOAD_KINDS.find((each) => each.kind === kind)!,
    'default',
  );
  return findCandidateNodes(workload!, nodes === undefined ? {} : { nodes });
}

const NODES = nodesOf(
  { labels: { pool: 'a' }, ephemeralStorageBytes: 30 },
  { labels: { pool: 'a' }, platform: 'linux/arm64', hasDiskPressure: true, ephemeralStorageBytes: 20 },
  { labels: { pool: 'b' }, isUnschedulable: true, ephemeralStorageBytes: 10 },
  { labels: { pool: 'b' } },
);

function names(found: CandidateNodes | undefined): readonly string[] | undefined {
  return found?.nodes.map(({ name }) => name);
}

test('what is asked of nodes most is known of those that a pod may run on', () => {
  expect(find(NODES, { nodeSelector: { pool: 'a' } })).toEqual({
    nodes: NODES.list().slice(0, 2),
    isExact: true,
    platforms: new Set(['linux/amd64', 'linux/arm64']),
    hasDiskPressure: true,
    leastStorageBytes: 20,
  });
  expect(find(NODES, { nodeSelector: { pool: 'b' } })).toMatchObject({
    hasDiskPressure: false,
    leastStorageBytes: Infinity,
  });
});

describe('nodes that are closed to new pods', () => {
  test.each<[what: string, kind: string, spec: Json, expected: readonly string[]]>([
    ['are not for a Deployment', 'Deployment', {}, ['n0', 'n1', 'n3']],
    ['are for a DaemonSet', 'DaemonSet', {}, ['n0', 'n1', 'n2', 'n3']],
    ['are for who names them', 'Pod', { nodeName: 'n2' }, ['n2']],
  ])('%s', (_, kind, spec, expected) => {
    expect(names(find(NODES, spec, kind))).toEqual(expected);
  });
});

test('nothing is known of nodes that nobody told of, and of a pod that none is for', () => {
  expect(find(undefined)).toBeUndefined();
  expect(find(nodesOf())).toBeUndefined();
  expect(find(NODES, { nodeSelector: { pool: 'c' } })).toBeUndefined();
});

test('a pod with something that is not read may be kept from some of them', () => {
  expect(find(NODES, { schedulerName: 'volcano' })).toMatchObject({ isExact: false, nodes: NODES.list() });
});

test('pods that say the same are not gone through all nodes for again, until there is news of a node', () => {
  let asked = 0;
  const watched = (facts: NodeFacts): NodeFacts => {
    const list = facts.list().map((node) => Object.defineProperty({ ...node }, 'labels', { get: () => (asked++, {}) }));
    return { list: () => list };
  };
  const [before, after] = [watched(NODES), watched(NODES)];
  const count = (facts: NodeFacts, pool: string): number => {
    asked = 0;
    find(facts, { nodeSelector: { pool } });
    return asked;
  };
  expect(count(before, 'a')).toBeGreaterThan(0);
  expect(count(before, 'a')).toBe(0);
  expect(count(before, 'b')).toBeGreaterThan(0);
  expect(count(after, 'a')).toBeGreaterThan(0);
});

test.each([
  ['nginx', 'docker.io/library/nginx:latest'],
  ['nginx:1.25', 'docker.io/library/nginx:1.25'],
  [`nginx@sha256:${'a'.repeat(64)}`, `docker.io/library/nginx@sha256:${'a'.repeat(64)}`],
  [`nginx:1.25@sha256:${'a'.repeat(64)}`, `docker.io/library/nginx@sha256:${'a'.repeat(64)}`],
])('%s is called %s on a node', (image, name) => {
  expect(nameOnNode(readReference(image)!)).toBe(name);
});

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

test('terms are an or of ands, in whatever order, for every node', () => {
  const key = fc.constantFrom('a', 'b');
  const value = fc.constantFrom('1', '2', '10', 'x', '');
  const labels = fc.dictionary(key, value);
  const expression: fc.Arbitrary<Expression> = fc.oneof(
    fc.record({ key, operator: fc.constantFrom('In', 'NotIn'), values: fc.uniqueArray(value, { minLength: 1 }) }),
    fc.record({ key, operator: fc.constantFrom('Exists', 'DoesNotExist') }),
    fc.record({ key, operator: fc.constantFrom('Gt', 'Lt'), values: fc.tuple(fc.nat(20).map(String)) }),
  );
  const terms = fc.array(fc.array(expression, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(labels, terms, (of, lists) => {
      const meets = (...some: readonly (readonly Expression[])[]): boolean =>
        runsOn(requiring(...some.map((matchExpressions) => ({ matchExpressions }))), { labels: of });
      const expected = lists.some((list) => list.every((one) => meets([one])));
      expect(meets(...lists)).toBe(expected);
      expect(meets(...lists.toReversed())).toBe(expected);
    }),
  );
});
