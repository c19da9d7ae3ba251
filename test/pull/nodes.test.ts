import { describe, expect, test } from 'vitest';
import { findCandidateNodes, nameOnNode, type CandidateNodes } from '../../src/pull/candidate-nodes.ts';
import type { NodeFacts } from '../../src/pull/facts.ts';
import { readReference } from '../../src/image/reference.ts';
import { WORKLOAD_KINDS } from '../../src/workload/kinds.ts';
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
