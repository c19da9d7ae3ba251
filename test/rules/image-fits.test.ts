import { formatBytes } from '../../src/rules/image-fits.ts';
import { describe, expect, test } from 'vitest';
import type { Finding } from '../../src/engine/evaluate.ts';
import type { ClusterNode, NodeFacts } from '../../src/pull/facts.ts';
import type { ImageAnswer } from '../../src/cause/answer.ts';
import { formatWarnings } from '../../src/report/finding.ts';
import { failed, nodesOf, pullable, registriesOf } from '../support/answers.ts';
import { judgeIn } from '../support/facts.ts';
import { deployment, type Json } from '../support/objects.ts';
import { policyOf } from '../support/policies.ts';

const GIB = 2 ** 30;
const MIB = 2 ** 20;
const APP = 'harbor.example.com/team/app:v1';
const PROXY = 'harbor.example.com/team/proxy:v1';

type Answers = Readonly<Record<string, ImageAnswer>>;
type Options = Readonly<{ nodes?: NodeFacts; policy?: string; spec?: Json; kind?: string }>;

function judge(
  answers: Answers,
  { nodes, policy = 'action: deny', spec = {}, kind = 'Deployment' }: Options = {},
): readonly Finding[] {
  const facts = { registries: registriesOf(answers), ...(nodes !== undefined && { nodes }) };
  const rules = policyOf(
    `rules: { image-fits: { ${policy} } }`,
    'registries: [{ hosts: [harbor.example.com], probe: true }]',
  );
  const { findings } = judgeIn(facts, { ...deployment(APP, spec), kind }, { policy: rules });
  return findings.filter(({ rule }) => rule === 'image-fits');
}

function say(...args: Parameters<typeof judge>): readonly string[] {
  return judge(...args).map(({ action, message }) => `${action} ${message}`);
}

function sized(bytes: number, digest = 'a'): ImageAnswer {
  return pullable({ digest: `sha256:${digest.repeat(64)}`, sizes: [{ platform: 'linux/amd64', bytes }] });
}

function running(imagePullPolicy: string | undefined, ...images: readonly string[]): Json {
  const pulled = imagePullPolicy === undefined ? {} : { imagePullPolicy };
  return { containers: images.map((image, at) => ({ name: `c${at}`, image, ...pulled })) };
}

const ALWAYS: Options = { spec: running('Always', APP) };
const ON_ALL = nodesOf({ images: new Set([APP]) });
const ON_ONE = nodesOf({ images: new Set([APP]) }, {});

describe('an image that is large', () => {
  const large = (size: string, limit: string): string =>
    `image is ${size} (compressed), above the limit of ${limit}, so its pull may be cut off (context canceled): make it smaller, or pull it on the nodes in advance (crictl pull)`;
  const LARGE = `deny ${large('5.2 GiB', '4 GiB')}`;
  const AND_KEEP = `${LARGE} and set imagePullPolicy: IfNotPresent`;
  const slow = (size: string): string =>
    `warn image is ${size} (compressed) and imagePullPolicy is Always, so Pods start late whenever the tag changes: set imagePullPolicy: IfNotPresent`;

  test.each<[what: string, bytes: number, options: Options, expected?: string]>([
    ['above the limit may be denied', 5.2 * GIB, {}, LARGE],
    ['and always pulled is told once, with both ways out', 5.2 * GIB, ALWAYS, AND_KEEP],
    ['at the limit is fine', 4 * GIB, {}],
    ['and always pulled is at most warned of', 1.5 * GIB, ALWAYS, slow('1.5 GiB')],
    ['at the limit for that is fine', 1 * GIB, ALWAYS],
    ['is fine when it is pulled once', 1.5 * GIB, {}],
    ['is nobody’s trouble if it is never pulled', 9 * GIB, { spec: running('Never', APP) }],
    [
      'is judged by the policy’s limit',
      301 * MIB,
      { policy: 'action: deny, limitMiB: 300' },
      `deny ${large('301 MiB', '300 MiB')}`,
    ],
    ['and by the other one', 101 * MIB, { ...ALWAYS, policy: 'action: warn, alwaysLimitMiB: 100' }, slow('101 MiB')],
    ['is fine where all nodes have it', 9 * GIB, { nodes: ON_ALL }],
    ['but not if it is always pulled', 5.2 * GIB, { nodes: ON_ALL, ...ALWAYS }, AND_KEEP],
    ['and not where one has it', 5.2 * GIB, { nodes: ON_ONE }, LARGE],
  ])('%s', (_, bytes, options, expected) => {
    expect(say({ [APP]: sized(bytes) }, options)).toEqual(expected === undefined ? [] : [expected]);
  });

  test('is found in each place, and says how it is pulled before', () => {
    const found = judge(
      { [APP]: sized(5 * GIB), [PROXY]: sized(5 * GIB, 'b') },
      { spec: running(undefined, APP, PROXY, APP) },
    );
    expect(found.map(({ label }) => label)).toEqual(['container "c0"', 'container "c1"', 'container "c2"']);
    expect(found[0]!.remedy).toContain(`crictl pull ${APP} `);
  });

  test('is as large as for the platform that the nodes have', () => {
    const sizes = [1, 5].map((gib, at) => ({ platform: ['linux/amd64', 'linux/arm64'][at]!, bytes: gib * GIB }));
    const answers = { [APP]: pullable({ sizes }) };
    expect(say(answers)).toHaveLength(1);
    expect(say(answers, { nodes: nodesOf({}) })).toEqual([]);
    expect(say(answers, { nodes: nodesOf({ platform: 'linux/arm64' }) })).toHaveLength(1);
  });
});

test.each<[what: string, answers: Answers]>([
  ['that nobody knows', {}],
  ['that nobody has measured', { [APP]: pullable() }],
  ['that cannot be pulled', { [APP]: failed({ outcome: 'failed', cause: 'image-not-found' }) }],
])('nothing is said of an image %s', (_, answers) => {
  expect(say(answers, { nodes: nodesOf({ ephemeralStorageBytes: 1 }) })).toEqual([]);
});

describe('nodes under DiskPressure', () => {
  const PRESSED: Partial<ClusterNode> = { hasDiskPressure: true };
  const HAS: Partial<ClusterNode> = { images: new Set([APP]) };
  const elsewhere = { spec: { schedulerName: 'volcano' } };

  test.each<[what: string, nodes: readonly Partial<ClusterNode>[], options: Options, who?: string]>([
    ['all', [PRESSED, PRESSED, PRESSED], {}, 'all 3 eligible nodes have'],
    ['some, which its pods are kept away from', [PRESSED, {}, PRESSED, {}, {}], {}],
    [
      'some, where a DaemonSet has a pod on each',
      [PRESSED, {}, {}],
      { kind: 'DaemonSet' },
      '1 of 3 eligible nodes has',
    ],
    ['one', [PRESSED], {}, 'the only eligible node "n0" has'],
    ['all but those that have it', [PRESSED, HAS, HAS], {}],
    ['all, and some have it', [PRESSED, { ...PRESSED, ...HAS }, PRESSED], {}, '2 of 3 eligible nodes have'],
    ['none that has to pull it', [{ ...PRESSED, ...HAS }, {}], {}],
    ['one that has it and pulls it again', [{ ...PRESSED, ...HAS }], ALWAYS, 'the only eligible node "n0" has'],
    ['none that it may run on', [{ ...PRESSED, isUnschedulable: true }, {}], {}],
    ['no node at all to run on', [PRESSED], { spec: { nodeSelector: { pool: 'none' } } }],
    ['some, where it is not known which count', [PRESSED, {}], elsewhere],
    ['all, where it is not known which count', [PRESSED, PRESSED], elsewhere, 'all eligible nodes have'],
  ])('%s', (_, nodes, options, who) => {
    const said = say({ [APP]: sized(1) }, { nodes: nodesOf(...nodes), ...options });
    const text = `warn ${who} DiskPressure (no space left on device): remove unused images (crictl rmi), or expand the disk`;
    expect(said).toEqual(who === undefined ? [] : [text]);
  });

  test('are told of once for all images of a pod', () => {
    const options = { nodes: nodesOf({ ...PRESSED, ...HAS }), spec: running(undefined, APP, PROXY) };
    const found = judge({ [APP]: sized(1), [PROXY]: sized(1, 'b') }, options);
    expect(found.map(({ label }) => label)).toEqual(['container "c1"']);
    expect(found[0]!.remedy).toMatch(/crictl rmi.*resize2fs/);
  });
});

describe('nodes without the space for all that a pod pulls', () => {
  const disk = (gib: number, special: Partial<ClusterNode> = {}): Partial<ClusterNode> => ({
    ephemeralStorageBytes: gib * GIB,
    ...special,
  });
  const HAS = { images: new Set([APP]) };
  const answers = { [APP]: sized(3 * GIB), [PROXY]: sized(2.5 * GIB, 'b') };
  const spec = running(undefined, APP, PROXY);

  test.each<[what: string, nodes: readonly Partial<ClusterNode>[], need?: string, have?: string]>([
    ['all', [disk(4), disk(5)], '5.5 GiB', 'both eligible nodes have at most 5 GiB of ephemeral storage'],
    ['some', [disk(4), disk(50), {}], '5.5 GiB', '1 of 3 eligible nodes has 4 GiB of ephemeral storage'],
    ['none', [disk(50), disk(5.5)]],
    ['none that says what it has', [{}, {}]],
    ['none, as what is there is not pulled', [disk(4, HAS)]],
    [
      'one that still has to pull too much',
      [disk(2, HAS)],
      '2.5 GiB',
      'the only eligible node "n0" has 2 GiB of ephemeral storage',
    ],
  ])('%s', (_, nodes, need, have) => {
    const text = `warn the Pod pulls ${need} (compressed), but ${have} (no space left on device): use smaller images, or expand the disk`;
    expect(say(answers, { nodes: nodesOf(...nodes), spec })).toEqual(need === undefined ? [] : [text]);
  });

  test('are not found for layers that come once', () => {
    const same = { [APP]: sized(3 * GIB), [PROXY]: sized(3 * GIB) };
    expect(say(same, { nodes: nodesOf(disk(4)), spec })).toEqual([]);
  });
});

test('a usual warning arrives whole', () => {
  const short = { hasDiskPressure: true, ephemeralStorageBytes: 1 };
  const found = judge({ [APP]: sized(5.2 * GIB) }, { nodes: nodesOf(short, short), ...ALWAYS, policy: 'action: warn' });
  expect(found).toHaveLength(3);
  for (const [at, text] of formatWarnings(found).entries()) expect(text).toContain(found[at]!.message);
});

test('a thousand nodes are not gone through for a pod that has no trouble', () => {
  const nodes = nodesOf(...Array.from({ length: 1000 }, () => ({ ephemeralStorageBytes: 50 * GIB })));
  let reads = 0;
  const list = nodes
    .list()
    .map((node) => Object.defineProperty({ ...node }, 'images', { get: () => (reads++, new Set()) }));
  expect(say({ [APP]: sized(3 * GIB) }, { nodes: { list: () => list } })).toEqual([]);
  expect(reads).toBe(0);
});

test.each([
  [0, '0 MiB', '0 MiB'],
  [1, '1 MiB', '0 MiB'],
  [812 * 2 ** 20, '812 MiB', '812 MiB'],
  [2 ** 30, '1 GiB', '1 GiB'],
  [4 * 2 ** 30 + 1, '4.1 GiB', '4 GiB'],
  [1000 * 2 ** 30, '1000 GiB', '1000 GiB'],
])('%d bytes are at most %s and at least %s, so that none reads as above itself', (bytes, up, down) => {
  expect([formatBytes(bytes, 'up'), formatBytes(bytes, 'down')]).toEqual([up, down]);
});
