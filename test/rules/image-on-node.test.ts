import { expect, test } from 'vitest';
import type { ClusterNode } from '../../src/pull/facts.ts';
import { nodesOf } from '../support/answers.ts';
import { judgeIn } from '../support/facts.ts';
import { deployment, type Json } from '../support/objects.ts';
import { policyOf } from '../support/policies.ts';

const DENY = policyOf('rules: { image-on-node: deny }');
const HAS = { images: new Set(['docker.io/library/shop:dev']) };

function find(
  nodes: readonly Partial<ClusterNode>[] | undefined,
  container: Json = {},
  spec: Json = {},
): readonly string[] {
  const containers = [{ name: 'app', image: 'shop:dev', imagePullPolicy: 'Never', ...container }];
  const facts = nodes === undefined ? {} : { nodes: nodesOf(...nodes) };
  const { findings, skipped } = judgeIn(facts, deployment('', { containers, ...spec }), { policy: DENY });
  expect(skipped.map(({ rule }) => rule)).not.toContain('image-on-node');
  return findings.filter(({ rule }) => rule === 'image-on-node').map(({ action, value = '' }) => `${action} ${value}`);
}

test.each<[what: string, nodes: readonly Partial<ClusterNode>[], container?: Json, spec?: Json]>([
  ['is on no node', [{}, {}]],
  ['is there under another tag', [HAS], { image: 'shop:devel' }],
  ['is there from another registry', [HAS], { image: 'quay.io/library/shop:dev' }],
  ['is on a node that the pod may not run on', [HAS, { labels: { pool: 'a' } }], {}, { nodeSelector: { pool: 'a' } }],
])('an image that nobody pulls and that %s is a warning, and never more', (_what, nodes, container, spec) => {
  const image = (container?.['image'] as string | undefined) ?? 'shop:dev';
  expect(find(nodes, container, spec)).toEqual([`warn ${image}`]);
});

test.each<[what: string, nodes: readonly Partial<ClusterNode>[] | undefined, container?: Json, spec?: Json]>([
  ['nodes are not known', undefined],
  ['there are none', []],
  ['one has it, as after kind load', [{}, HAS]],
  [
    'one has it by its digest',
    [{ images: new Set([`a.example/b@sha256:${'a'.repeat(64)}`]) }],
    { image: `a.example/b:1@sha256:${'a'.repeat(64)}` },
  ],
  ['one may have more than it lists', [{}, { listsAllImages: false }]],
  ['it is pulled', [{}], { imagePullPolicy: 'IfNotPresent' }],
  ['no node is for the pod, which may come with one', [{}], {}, { nodeSelector: { pool: 'new' } }],
  ['its address is refused anyway', [{}], { image: 'SHOP' }],
])('nothing is said where %s', (_what, nodes, container, spec) => {
  expect(find(nodes, container, spec)).toEqual([]);
});
