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

function policy(options: string): ReturnType<typeof policyOf> {
  return policyOf(
    `rules: { image-fits: { ${options} }, pull-secret-present: off }`,
    'registries: [{ hosts: [harbor.example.com], probe: true }]',
  );
}

const DENY = policy('action: deny');

function sized(bytes: number, digest = 'a'): ImageAnswer {
  return pullable({ digest: `sha256:${digest.repeat(64)}`, sizes: [{ platform: 'linux/amd64', bytes }] });
}

type Options = Readonly<{ nodes?: NodeFacts; policy?: ReturnType<typeof policyOf>; spec?: Json }>;

function judge(answers: Readonly<Record<string, ImageAnswer>>, options: Options = {}): readonly Finding[] {
  const { nodes, spec = {} } = options;
  const facts = { registries: registriesOf(answers), ...(nodes !== undefined && { nodes }) };
  const { findings } = judgeIn(facts, deployment(APP, spec), { policy: options.policy ?? DENY });
  return findings.filter(({ rule }) => rule === 'image-fits');
}

function say(answers: Readonly<Record<string, ImageAnswer>>, options: Options = {}): readonly string[] {
  return judge(answers, options).map(({ action, message }) => `${action} ${message}`);
}

function running(imagePullPolicy: string | undefined, ...images: readonly string[]): Json {
  const containers = images.map((image, at) => ({
    name: `c${at}`,
    image,
    ...(imagePullPolicy !== undefined && { imagePullPolicy }),
  }));
  return { containers };
}

const ALWAYS = running('Always', APP);

const GIVES_UP = 'kubelet gives up a pull that makes no progress';
const LARGE = `is 5.2 GiB compressed, more than the limit of 4 GiB: ${GIVES_UP}; make it smaller, or pull it on the nodes before (crictl pull)`;
const SLOW =
  'and with imagePullPolicy: Always a start waits for the registry, and for all of it where the tag has moved; set imagePullPolicy: IfNotPresent';

describe('an image that is large', () => {
  test.each<[what: string, bytes: number, options: Options, expected: readonly string[]]>([
    ['above the limit may be denied', 5.2 * GIB, {}, [`deny ${LARGE}`]],
    [
      'and always pulled is told once, with both ways out',
      5.2 * GIB,
      { spec: ALWAYS },
      [`deny ${LARGE} and set imagePullPolicy: IfNotPresent`],
    ],
    ['at the limit is fine', 4 * GIB, {}, []],
    ['and always pulled is at most warned of', 1.5 * GIB, { spec: ALWAYS }, [`warn is 1.5 GiB compressed, ${SLOW}`]],
    ['at the limit for that is fine', 1 * GIB, { spec: ALWAYS }, []],
    ['is fine when it is pulled once', 1.5 * GIB, {}, []],
    ['is nobody’s trouble if it is never pulled', 9 * GIB, { spec: running('Never', APP) }, []],
    [
      'is judged by the limit of the policy',
      301 * MIB,
      { policy: policy('action: warn, limitMiB: 300') },
      [
        `warn is 301 MiB compressed, more than the limit of 300 MiB: ${GIVES_UP}; make it smaller, or pull it on the nodes before (crictl pull)`,
      ],
    ],
    [
      'is judged by the policy’s other limit when it is always pulled',
      101 * MIB,
      { policy: policy('action: warn, alwaysLimitMiB: 100'), spec: ALWAYS },
      [`warn is 101 MiB compressed, ${SLOW}`],
    ],
    ['is fine where all nodes have it', 9 * GIB, { nodes: nodesOf({ images: new Set([APP]) }) }, []],
    [
      'is not fine there if it is always pulled',
      5.2 * GIB,
      { nodes: nodesOf({ images: new Set([APP]) }), spec: ALWAYS },
      [`deny ${LARGE} and set imagePullPolicy: IfNotPresent`],
    ],
    ['is not fine where one has it', 5.2 * GIB, { nodes: nodesOf({ images: new Set([APP]) }, {}) }, [`deny ${LARGE}`]],
  ])('%s', (_, bytes, options, expected) => {
    expect(say({ [APP]: sized(bytes) }, options)).toEqual(expected);
  });

  test('is found in each place, and says how it is pulled before', () => {
    const found = judge({ [APP]: sized(5 * GIB) }, { spec: running(undefined, APP, APP) });
    expect(found.map(({ label }) => label)).toEqual(['container "c0"', 'container "c1"']);
    expect(found[0]!.remedy).toContain(`crictl pull ${APP} `);
  });

  test('is as large as for the platform that the nodes have', () => {
    const sizes = [
      { platform: 'linux/amd64', bytes: 1 * GIB },
      { platform: 'linux/arm64', bytes: 5 * GIB },
    ];
    const answers = { [APP]: pullable({ sizes }) };
    expect(say(answers)).toHaveLength(1);
    expect(say(answers, { nodes: nodesOf({}) })).toEqual([]);
    expect(say(answers, { nodes: nodesOf({ platform: 'linux/arm64' }) })).toHaveLength(1);
  });
});

describe('nothing is said of an image', () => {
  test.each<[what: string, answers: Readonly<Record<string, ImageAnswer>>]>([
    ['that nobody knows', {}],
    ['that nobody has measured', { [APP]: pullable() }],
    ['that cannot be pulled', { [APP]: failed({ outcome: 'failed', cause: 'image-not-found' }) }],
  ])('%s', (_, answers) => {
    expect(say(answers, { nodes: nodesOf({ ephemeralStorageBytes: 1 }) })).toEqual([]);
  });
});

describe('nodes under DiskPressure', () => {
  const PRESSED: Partial<ClusterNode> = { hasDiskPressure: true };
  const HAS: Partial<ClusterNode> = { images: new Set([APP]) };
  const CLEAR = 'clear images (crictl rmi) or expand the disk';

  test.each<[what: string, nodes: readonly Partial<ClusterNode>[], spec: Json, expected: string | undefined]>([
    ['all', [PRESSED, PRESSED, PRESSED], {}, `all 3 nodes it may run on have DiskPressure, no space for it: ${CLEAR}`],
    ['some, which its pods are kept away from', [PRESSED, {}, PRESSED, {}, {}], {}, undefined],
    ['one', [PRESSED], {}, `the only node it may run on, "n0", has DiskPressure, no space for it: ${CLEAR}`],
    ['all but those that have it', [PRESSED, HAS, HAS], {}, undefined],
    [
      'all, and some have it',
      [PRESSED, { ...PRESSED, ...HAS }, PRESSED],
      {},
      `2 of 3 nodes it may run on have DiskPressure, no space for it: ${CLEAR}`,
    ],
    ['none that has to pull it', [{ ...PRESSED, ...HAS }, {}], {}, undefined],
    [
      'one that has it and pulls it again',
      [{ ...PRESSED, ...HAS }],
      ALWAYS,
      `the only node it may run on, "n0", has DiskPressure, no space for it: ${CLEAR}`,
    ],
    ['none that it may run on', [{ ...PRESSED, isUnschedulable: true }, {}], {}, undefined],
    ['no node at all to run on', [PRESSED], { nodeSelector: { pool: 'none' } }, undefined],
    ['some, where it is not known which count', [PRESSED, {}], { schedulerName: 'volcano' }, undefined],
    [
      'all, where it is not known which count',
      [PRESSED, PRESSED],
      { schedulerName: 'volcano' },
      `all nodes it may run on have DiskPressure, no space for it: ${CLEAR}`,
    ],
  ])('%s', (_, nodes, spec, expected) => {
    const said = say({ [APP]: sized(1) }, { nodes: nodesOf(...nodes), spec });
    expect(said).toEqual(expected === undefined ? [] : [`warn ${expected}`]);
  });

  test('are told of where a DaemonSet has a pod on each', () => {
    const facts = { registries: registriesOf({ [APP]: sized(1) }), nodes: nodesOf(PRESSED, {}, {}) };
    const daemonSet = { ...deployment(APP), kind: 'DaemonSet' };
    const { findings } = judgeIn(facts, daemonSet, { policy: DENY });
    expect(findings.map(({ action, message }) => `${action} ${message}`)).toEqual([
      `warn 1 of 3 nodes it may run on has DiskPressure, no space for it: ${CLEAR}`,
    ]);
  });

  test('are told of once for all images of a pod', () => {
    const spec = running(undefined, APP, PROXY);
    const found = judge({ [APP]: sized(1), [PROXY]: sized(1, 'b') }, { nodes: nodesOf({ ...PRESSED, ...HAS }), spec });
    expect(found.map(({ label }) => label)).toEqual(['container "c1"']);
    expect(found[0]!.remedy).toMatch(/crictl rmi.*resize2fs/);
  });
});

describe('nodes without the space for all that a pod pulls', () => {
  const disk = (gib: number, special: Partial<ClusterNode> = {}): Partial<ClusterNode> => ({
    ephemeralStorageBytes: gib * GIB,
    ...special,
  });
  const answers = { [APP]: sized(3 * GIB), [PROXY]: sized(2.5 * GIB, 'b') };
  const spec = running(undefined, APP, PROXY);
  const ADVICE = 'make it smaller or expand the disk';

  test.each<[what: string, nodes: readonly Partial<ClusterNode>[], expected: string | undefined]>([
    [
      'all',
      [disk(4), disk(5)],
      `does not fit: the pod pulls 5.5 GiB compressed, and all 2 nodes it may run on have 5 GiB of ephemeral storage at most; ${ADVICE}`,
    ],
    [
      'some',
      [disk(4), disk(50), {}],
      `does not fit: the pod pulls 5.5 GiB compressed, and 1 of 3 nodes it may run on has 4 GiB of ephemeral storage; ${ADVICE}`,
    ],
    ['none', [disk(50), disk(5.5)], undefined],
    ['none that says what it has', [{}, {}], undefined],
    ['none, as what is there is not pulled', [disk(4, { images: new Set([APP]) })], undefined],
    [
      'one that still has to pull too much',
      [disk(2, { images: new Set([APP]) })],
      `does not fit: the pod pulls 2.5 GiB compressed, and the only node it may run on, "n0", has 2 GiB of ephemeral storage; ${ADVICE}`,
    ],
  ])('%s', (_, nodes, expected) => {
    expect(say(answers, { nodes: nodesOf(...nodes), spec })).toEqual(
      expected === undefined ? [] : [`warn ${expected}`],
    );
  });

  test('are not found for layers that come once', () => {
    const same = { [APP]: sized(3 * GIB), [PROXY]: sized(3 * GIB) };
    expect(say(same, { nodes: nodesOf(disk(4)), spec })).toEqual([]);
  });
});

test('a usual warning arrives whole', () => {
  const short = { hasDiskPressure: true, ephemeralStorageBytes: 1 };
  const nodes = nodesOf(short, short);
  const found = judge({ [APP]: sized(5.2 * GIB) }, { nodes, spec: ALWAYS, policy: policy('action: warn') });
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
