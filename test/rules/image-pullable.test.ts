import { describe, expect, test } from 'vitest';
import type { Finding } from '../../src/engine/evaluate.ts';
import type { Facts, KnownAnswer, LateAnswers, NodeFacts, PullFacts, RegistryFacts } from '../../src/pull/facts.ts';
import { outcomeOf, type ImageAnswer } from '../../src/cause/answer.ts';
import type { Action } from '../../src/policy/policy.ts';
import { formatWarnings } from '../../src/report/finding.ts';
import { FAILURES, failed, nodesOf, pullable, registriesOf } from '../support/answers.ts';
import { factsOf, HOUR, judgeIn, NOW } from '../support/facts.ts';
import { deployment, type Json } from '../support/objects.ts';
import { policyOf } from '../support/policies.ts';

const APP = 'harbor.example.com/team/app:v9';

function policy(action: Action): ReturnType<typeof policyOf> {
  return policyOf(
    `rules: { image-pullable: ${action}, pull-secret-present: off, pull-secret-usable: off }`,
    'registries: [{ hosts: [harbor.example.com], pullSecret: harbor, probe: true }]',
  );
}

const POLICIES = { audit: policy('audit'), warn: policy('warn'), deny: policy('deny') };

type Options = Readonly<{ action?: Action; nodes?: NodeFacts; pulls?: PullFacts; spec?: Json }>;

function judge(answers: Readonly<Record<string, ImageAnswer>>, options: Options = {}): readonly Finding[] {
  const { action = 'deny', nodes, pulls, spec = { imagePullSecrets: [{ name: 'harbor' }] } } = options;
  const facts: Facts = {
    ...factsOf({}),
    registries: registriesOf(answers),
    ...(nodes !== undefined && { nodes }),
    ...(pulls !== undefined && { pulls }),
  };
  return judgeIn(facts, deployment(APP, spec), { policy: POLICIES[action] }).findings.filter(
    ({ rule }) => rule === 'image-pullable',
  );
}

function container(imagePullPolicy?: string, image = APP): Json {
  return { name: 'app', image, ...(imagePullPolicy !== undefined && { imagePullPolicy }) };
}

describe.each(FAILURES)('an image with the answer %j', (failure) => {
  // Rules of a registry may go by the address that asks.
  const isOfImage = ['denied', 'not-found'].includes(outcomeOf(failure)) && failure.cause !== 'access-blocked';
  const has = nodesOf({}, { images: new Set([APP]) });

  test.each<[action: Action, policy: string | undefined, nodes: NodeFacts | undefined, expected: Action]>([
    ['audit', undefined, undefined, 'audit'],
    ['warn', undefined, undefined, 'warn'],
    // The network, the CAs and the limits of pullguard are not those of the nodes.
    ['deny', undefined, undefined, isOfImage ? 'deny' : 'warn'],
    ['deny', 'Always', undefined, isOfImage ? 'deny' : 'warn'],
    ['deny', 'IfNotPresent', nodesOf({}), isOfImage ? 'deny' : 'warn'],
    // The pod may well run.
    ['deny', undefined, has, 'warn'],
    ['deny', 'IfNotPresent', has, 'warn'],
    ['deny', 'Always', has, isOfImage ? 'deny' : 'warn'],
  ])('under %s, pulled %s, is found with what it is worth', (action, pullPolicy, nodes, expected) => {
    const spec = { containers: [container(pullPolicy)], imagePullSecrets: [{ name: 'harbor' }] };
    const found = judge({ [APP]: failed(failure) }, { action, spec, ...(nodes !== undefined && { nodes }) });
    expect(found.map((finding) => finding.action)).toEqual([expected]);
    const isSoftened = isOfImage && expected === 'warn' && action === 'deny';
    expect(found[0]!.message.endsWith('; a node already has the image')).toBe(isSoftened);
  });

  test('that is never pulled is nobody’s trouble', () => {
    expect(judge({ [APP]: failed(failure) }, { spec: { containers: [container('Never')] } })).toEqual([]);
  });

  test('is told whole in a usual warning, with what to do about it and not what to do in general', () => {
    const [found] = judge({ [APP]: failed(failure) }, { action: 'warn' });
    expect(found!.remedy).not.toMatch(/^Correct the address, name a pull secret/);
    expect(formatWarnings([found!])).toEqual([
      expect.stringMatching(/^Deployment\/web container "app": .*[^…] \(image-pullable\)$/),
    ]);
    expect(formatWarnings([found!])[0]).toContain(found!.message);
  });
});

test('an image in several containers is found in each, in their order', () => {
  const other = 'harbor.example.com/team/other';
  const containers = [APP, other, APP].map((image, at) => ({ ...container(undefined, image), name: `c${at}` }));
  const gone = failed({ outcome: 'failed', cause: 'image-not-found' });
  const found = judge({ [APP]: gone, [other]: gone }, { spec: { containers } });
  expect(found.map(({ label, at, value }) => [label, at, value])).toEqual([
    ['container "c0"', '/spec/template/spec/containers/0/image', APP],
    ['container "c1"', '/spec/template/spec/containers/1/image', other],
    ['container "c2"', '/spec/template/spec/containers/2/image', APP],
  ]);
});

test('what somebody with a key that nobody could read may pull after all is never denied', () => {
  const actions = (special: Partial<ImageAnswer>): readonly string[] =>
    judge({ [APP]: { ...failed({ outcome: 'failed', cause: 'image-not-found' }), ...special } as ImageAnswer }).map(
      ({ action }) => action,
    );
  expect(actions({})).toEqual(['deny']);
  expect(actions({ mayBeHidden: true })).toEqual(['warn']);
});

test('what nobody knows is not said', () => {
  expect(judge({})).toEqual([]);
  const { skipped } = judgeIn({}, deployment(APP), { policy: POLICIES.deny });
  expect(skipped.map(({ rule }) => rule)).toContain('image-pullable');
});

test('a limit that ends today is told by the hour, as the time is known', () => {
  const [found] = judge({ [APP]: failed({ outcome: 'failed', cause: 'rate-limited', endsAt: NOW + HOUR }) });
  expect(found!.message).toContain(' is rate-limiting pulls until 13:00Z (');
});

test('what is found can be told by programs', () => {
  const refused = failed({ outcome: 'failed', cause: 'credentials-refused' });
  expect(judge({ [APP]: refused })).toMatchObject([{ messageId: 'refused', cause: 'credentials-refused' }]);
  const found = judge({ [APP]: refused }, { nodes: nodesOf({ images: new Set([APP]) }) });
  expect(found).toMatchObject([{ messageId: 'refused-but-on-node', cause: 'credentials-refused' }]);
});

test.each<[what: string, cause: 'image-not-found' | 'access-denied', nodes: NodeFacts, expected: string]>([
  ['each node has', 'image-not-found', nodesOf({ images: new Set([APP]) }), 'notice'],
  ['one node lacks', 'image-not-found', nodesOf({}, { images: new Set([APP]) }), 'warning'],
  // kubelet asks the registry again where other credentials have pulled it.
  ['each node has, and the Pod may not pull,', 'access-denied', nodesOf({ images: new Set([APP]) }), 'warning'],
])('an image that %s is told of by what becomes of the Pod: %s', (_, cause, nodes, expected) => {
  const found = judge({ [APP]: failed({ outcome: 'failed', cause }) }, { nodes });
  expect(found.map(({ severity }) => severity)).toEqual([expected]);
});

test.each<[cause: 'unknown-ca' | 'not-an-image', found: readonly string[]]>([
  ['unknown-ca', []],
  ['not-an-image', ['refused']],
])('where nodes pull other images from the registry, %s is reported as %j', (cause, expected) => {
  const answer = cause === 'unknown-ca' ? { cause } : { cause, artifact: 'a Helm chart' as const };
  const pulls = { find: () => [], hasPulled: () => true };
  const found = judge({ [APP]: failed({ outcome: 'failed', ...answer }) }, { pulls });
  expect(found.map(({ messageId }) => messageId)).toEqual(expected);
});

describe('an image that is for other platforms than the nodes', () => {
  const offering = (...platforms: readonly string[]): Readonly<Record<string, ImageAnswer>> => ({
    [APP]: pullable({ platforms }),
  });
  const arm = nodesOf({ platform: 'linux/arm64', labels: { pool: 'arm' } });
  const mixed = nodesOf({ platform: 'linux/arm64', labels: { pool: 'arm' } }, {});

  test('warns and never denies, as nodes come and go', () => {
    const found = judge(offering('linux/amd64'), { nodes: arm });
    expect(found.map(({ action, message }) => `${action} ${message}`)).toEqual([
      'warn image is for linux/amd64, but all eligible nodes are linux/arm64 (no match for platform in manifest): push it for that platform too',
    ]);
    expect(found[0]!.remedy).toContain('kubernetes.io/arch');
  });

  // A mirror that keeps one platform of several: the rest of the index leads nowhere.
  test.each<[what: string, node: string, missing: readonly string[], message: string | undefined]>([
    [
      'its index names them and has it not',
      'linux/arm64',
      ['linux/arm64', 'linux/s390x'],
      'index lists linux/arm64, the platform of all eligible nodes, but its manifest is missing (not found): push the image for it again',
    ],
    // containerd takes the best that the index names, and no other once that is missing.
    [
      'only what they could run besides is there',
      'linux/amd64',
      ['linux/amd64'],
      'index lists linux/amd64, the platform of all eligible nodes, but its manifest is missing (not found): push the image for it again',
    ],
    ['another is missing', 'linux/amd64', ['linux/arm64'], undefined],
  ])('warns where %s', (_what, platform, missing, message) => {
    const answers = { [APP]: pullable({ platforms: ['linux/386'], missing }) };
    const found = judge(answers, { action: 'deny', nodes: nodesOf({ platform }) });
    const expected = message === undefined ? [] : [{ action: 'warn', message, cause: 'platform-missing' }];
    expect(found).toMatchObject(expected);
    // Nobody knows what the nodes are.
    expect(judge(answers, {})).toEqual([]);
  });

  test('is found where it is for a newer variant than any node is known to be', () => {
    expect(judge(offering('linux/amd64/v3'), { nodes: nodesOf({}) })).toHaveLength(1);
  });

  test('is found where the nodes that it selects are', () => {
    const spec = { nodeSelector: { pool: 'arm' } };
    expect(judge(offering('linux/amd64'), { nodes: mixed, spec })).toHaveLength(1);
    expect(judge(offering('linux/amd64'), { nodes: mixed })).toEqual([]);
  });

  test('names the first few of many', () => {
    const nodes = nodesOf({ platform: 'linux/s390x' }, { platform: 'linux/riscv64' });
    const [found] = judge(offering('linux/amd64', 'linux/386', 'linux/arm/v7', 'linux/arm64', 'windows/amd64'), {
      nodes,
    });
    expect(found!.message).toBe(
      'image is for linux/amd64, linux/386, linux/arm/v7 and 2 more, but all eligible nodes are linux/s390x or linux/riscv64 (no match for platform in manifest): push it for that platform too',
    );
  });

  test.each<[what: string, platforms: readonly string[] | undefined, platform: string]>([
    ['it does not say which it is for', undefined, 'linux/arm64'],
    ['it says that it is for none', [], 'linux/arm64'],
    ['one of several is right', ['windows/amd64', 'linux/arm64'], 'linux/arm64'],
    ['which variant a node is, nobody says', ['linux/arm/v7'], 'linux/arm'],
    ['amd64 runs 386', ['linux/386'], 'linux/amd64'],
    ['arm64 runs arm', ['linux/arm/v7'], 'linux/arm64'],
    ['a node has not said what it is', ['linux/amd64'], ''],
  ])('is not found where %s', (_, platforms, platform) => {
    expect(judge({ [APP]: pullable({ platforms }) }, { nodes: nodesOf({ platform }) })).toEqual([]);
  });
});

describe('a registry that is late', () => {
  const quay = 'quay.io/team/app:1';
  const spec = {
    containers: [container(), container('Always', 'harbor.example.com/team/other:1'), container('Always', quay)],
  };
  const findLate = (
    late: LateAnswers | undefined,
    answer: KnownAnswer = 'late',
    name: keyof typeof POLICIES = 'deny',
  ) => {
    const registries: RegistryFacts = { get: () => answer, ...(late !== undefined && { late }) };
    const { findings } = judgeIn({ ...factsOf({}), registries }, deployment(APP, spec), { policy: POLICIES[name] });
    return formatWarnings(findings.filter(({ rule }) => rule === 'image-pullable'));
  };
  const WAITED = 'has not answered within 1.5 s';

  test('is told of once, by a notice that says where the result will be', () => {
    expect(findLate({ waitedMs: 1500, isToldLater: true })).toEqual([
      `notice: Deployment/web container "app": "${APP}": registry harbor.example.com ${WAITED}: if the image cannot be pulled, the result will be an Event on this Deployment (image-pullable)`,
      `notice: Deployment/web container "app": "${quay}": registry quay.io ${WAITED}: if the image cannot be pulled, the result will be an Event on this Deployment (image-pullable)`,
    ]);
  });

  test('is said to be unchecked where no Event will say so', () => {
    expect(findLate({ waitedMs: 1500, isToldLater: false })[0]).toContain(`${WAITED}, so this image was not checked (`);
  });

  test.each<[what: string, late: LateAnswers | undefined, answer?: KnownAnswer, action?: 'audit']>([
    ['where a controller asks, which reads nothing', undefined],
    ['of one that nobody can ask now', { waitedMs: 1500, isToldLater: true }, 'no-answer'],
    ['where the policy only audits', { waitedMs: 1500, isToldLater: true }, 'late', 'audit'],
  ])('is not told %s', (_what, late, answer, action) => {
    expect(findLate(late, answer, action)).toEqual([]);
  });
});
