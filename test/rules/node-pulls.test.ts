import { describe, expect, test } from 'vitest';
import { askAboutImages } from '../../src/pull/asked-images.ts';
import { findCandidateNodes } from '../../src/pull/candidate-nodes.ts';
import type { NodeFacts } from '../../src/pull/facts.ts';
import type { ImageAnswer } from '../../src/cause/answer.ts';
import { isMadeOn, listNodePulls, sumBytes, type NodePull } from '../../src/rules/node-pulls.ts';
import { WORKLOAD_KINDS } from '../../src/workload/kinds.ts';
import { readWorkloads } from '../../src/workload/workload.ts';
import { failed, nodesOf, pullable, registriesOf } from '../support/answers.ts';
import { pod, type Json } from '../support/objects.ts';

function list(
  containers: readonly Json[],
  answers: Readonly<Record<string, ImageAnswer>>,
  nodes?: NodeFacts,
): readonly NodePull[] {
  const [workload] = readWorkloads(pod('', { containers }), WORKLOAD_KINDS[0]!, 'default');
  const { images } = askAboutImages(workload!, { registries: registriesOf(answers) });
  return listNodePulls(images, nodes === undefined ? undefined : findCandidateNodes(workload!, { nodes }));
}

const SIZES = [
  { platform: 'linux/amd64', bytes: 10 },
  { platform: 'linux/arm64', bytes: 30 },
  { platform: 'linux/s390x', bytes: 20 },
];

describe('an image is as large as it is for the node that needs most of it', () => {
  test.each<[what: string, nodes: NodeFacts | undefined, bytes: number]>([
    ['of any platform, where no nodes are known', undefined, 30],
    ['of the one platform there is', nodesOf({}), 10],
    ['of those that there are', nodesOf({}, { platform: 'linux/s390x' }), 20],
    ['of any, where it is for none of them', nodesOf({ platform: 'windows/amd64' }), 30],
  ])('%s', (_, nodes, bytes) => {
    const pulls = list([{ name: 'a', image: 'app:v1' }], { 'app:v1': pullable({ sizes: SIZES }) }, nodes);
    expect(pulls.map((pull) => pull.bytes)).toEqual([bytes]);
  });

  test('and of no size where nobody has counted', () => {
    expect(list([{ name: 'a', image: 'app:v1' }], { 'app:v1': pullable() }).map(({ bytes }) => bytes)).toEqual([0]);
  });
});

test('only what can be pulled is', () => {
  const answers = { 'gone:v1': failed({ outcome: 'failed', cause: 'image-not-found' }), 'app:v1': pullable() };
  const containers = ['gone:v1', 'app:v1', 'unknown:v1'].map((image) => ({ name: image, image }));
  expect(list(containers, answers).map(({ image }) => image.use.written)).toEqual(['app:v1']);
});

test('images that are the same one, under whatever name, are downloaded once', () => {
  const sizes = [{ platform: 'linux/amd64', bytes: 10 }];
  const other = `sha256:${'b'.repeat(64)}`;
  const pulls = list(
    ['app:v1', 'app:v1', 'app:stable', 'other:v1'].map((image, at) => ({ name: `c${at}`, image })),
    {
      'app:v1': pullable({ sizes }),
      'app:stable': pullable({ sizes }),
      'other:v1': pullable({ sizes, digest: other }),
    },
  );
  expect(pulls).toHaveLength(4);
  expect(sumBytes(pulls)).toBe(20);
});

describe('a node pulls', () => {
  const [has, hasNot] = nodesOf({ images: new Set(['docker.io/library/app:latest']) }, {}).list();

  test.each([
    ['nothing it has', 'IfNotPresent', has, false],
    ['what it has not', 'IfNotPresent', hasNot, true],
    ['what is always pulled, even if it has it', 'Always', has, true],
  ])('%s', (_, imagePullPolicy, node, expected) => {
    const [pull] = list([{ name: 'a', image: 'app', imagePullPolicy }], { app: pullable() });
    expect(isMadeOn(node!, pull!)).toBe(expected);
  });
});
