import { describe, expect, test } from 'vitest';
import { parseReference } from '../../src/image/parse-reference.ts';
import { readReference } from '../../src/image/reference.ts';
import type { Facts, PullSecret } from '../../src/pull/facts.ts';
import { createPodPull, isSurelyPublic, pullPolicyOf, type PodPull } from '../../src/pull/pod-pull.ts';
import { findEntry, isReadable, servesForGood, servesUntil, type UsedSecret } from '../../src/pull/used-secrets.ts';
import { WORKLOAD_KINDS } from '../../src/workload/kinds.ts';
import { readWorkloads } from '../../src/workload/workload.ts';
import { nodesOf, pullable } from '../support/answers.ts';
import { factsOf, holding, HOUR, NOW, withoutCredentials } from '../support/facts.ts';
import { deployment, pod, type Json } from '../support/objects.ts';
import { policyOf } from '../support/policies.ts';

const DEPLOYMENT = WORKLOAD_KINDS.find(({ kind }) => kind === 'Deployment')!;

function pullOf(spec: Json, facts: Facts, kind: 'Pod' | 'Deployment' = 'Pod'): PodPull {
  const object = kind === 'Pod' ? pod('nginx', spec) : deployment('nginx', spec);
  const [workload] = readWorkloads(object, kind === 'Pod' ? WORKLOAD_KINDS[0]! : DEPLOYMENT, 'default');
  return createPodPull(workload!, facts, NOW, facts.registries?.get);
}

function named(...names: readonly string[]): Json {
  return { imagePullSecrets: names.map((name) => ({ name })) };
}

describe('how a pod pulls', () => {
  const containers = ['nginx', 'redis:7', 'nginx', 'NGINX', 'loaded'].map((image, at) => ({
    name: `c${at}`,
    image,
    ...(image === 'loaded' && { imagePullPolicy: 'Never' }),
  }));
  const spec = { containers, ...named('a', 'b') };

  /** Facts that write down what is looked up in them; of one image nothing is known. */
  function watched() {
    const seen: string[] = [];
    const { pullSecrets, serviceAccounts } = factsOf({});
    const facts: Facts = {
      pullSecrets: {
        ...pullSecrets,
        find: (namespace, name) => (seen.push(`secret ${name}`), pullSecrets.find(namespace, name)),
      },
      serviceAccounts: {
        find: (namespace, name) => (seen.push(`account ${name}`), serviceAccounts.find(namespace, name)),
      },
      nodes: { list: () => (seen.push('nodes'), nodesOf({}).list()) },
      registries: {
        get: ({ reference: { repository }, pullSecrets: names }) => {
          seen.push(`image ${repository} ${String(names)}`);
          return repository === 'library/redis' ? 'unasked' : { answer: pullable(), isDue: false };
        },
      },
    };
    return { facts, seen };
  }

  test('has each image once that is pulled at all, with all places that name it', () => {
    const images = pullOf(spec, {})
      .images()
      .map(({ written, uses }) => [written, ...uses.map(({ label }) => label)]);
    expect(images).toEqual([
      ['nginx', 'container "c0"', 'container "c2"'],
      ['redis:7', 'container "c1"'],
    ]);
  });

  test('has what registries said in each place, in the order of places', () => {
    const { facts } = watched();
    const answers = pullOf(spec, facts).answers();
    expect(answers.map(({ use, answer }) => `${use.label} ${answer.outcome}`)).toEqual([
      'container "c0" ok',
      'container "c2" ok',
    ]);
  });

  test('is looked up when it is asked for, and once', () => {
    const { facts, seen } = watched();
    const pull = pullOf(spec, facts);
    const after = (look: () => unknown): readonly string[] => {
      seen.length = 0;
      expect(look()).toBe(look());
      return [...seen];
    };
    expect(after(() => pull.images())).toEqual([]);
    expect(after(() => pull.account())).toEqual(['account default']);
    expect(after(() => pull.secretNames())).toEqual([]);
    expect(after(() => pull.secrets())).toEqual(['secret a', 'secret b']);
    expect(after(() => pull.answers())).toEqual(['image library/nginx a,b', 'image library/redis a,b']);
    expect(after(() => pull.nodes())).toEqual(['nodes']);
  });

  test('is not known of what nobody gathers', () => {
    const pull = pullOf({}, {});
    expect([pull.account(), pull.secrets(), pull.secretNames(), pull.nodes()]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    expect(pull.answers()).toEqual([]);
    expect(pull.getAnswer(readReference('nginx')!, [])).toBe('not-gathered');
    expect(pullOf(named('x'), {}).secrets()).toEqual([{ name: 'x', index: 0, found: undefined, endsAt: Infinity }]);
  });
});

test.each<[image: string, written: string | undefined, policy: string]>([
  ['nginx', undefined, 'Always'],
  ['nginx:latest', undefined, 'Always'],
  ['nginx:1.25', undefined, 'IfNotPresent'],
  [`nginx@sha256:${'a'.repeat(64)}`, undefined, 'IfNotPresent'],
  [`nginx:latest@sha256:${'a'.repeat(64)}`, undefined, 'Always'],
  ['nginx', '', 'Always'],
  ['nginx', 'IfNotPresent', 'IfNotPresent'],
  ['NGINX', undefined, 'IfNotPresent'],
])('%s with the pull policy %j is pulled %s', (image, pullPolicy, expected) => {
  expect(pullPolicyOf({ parsed: parseReference(image), ...(pullPolicy !== undefined && { pullPolicy }) })).toBe(
    expected,
  );
});

test.each([
  ['nginx', true],
  ['registry.k8s.io/pause:3.9', true],
  ['public.ecr.aws/a/b', true],
  ['bitnami/nginx', false],
  ['ghcr.io/a/b', false],
  // As the policy says.
  ['quay.io/a/b', true],
  ['harbor.example.com/a', false],
])('%s is surely public: %s', (image, expected) => {
  const policy = policyOf('registries: [{ hosts: [quay.io] }, { hosts: [harbor.example.com], pullSecret: harbor }]');
  expect(isSurelyPublic(policy, readReference(image)!)).toBe(expected);
});

describe('its pull secrets are those that kubelet will use', () => {
  const facts = factsOf({}, { 'default/default': ['a', 'b'], 'default/bare': [], 'other/far': ['c'] });
  const list = (spec: Json, kind: 'Pod' | 'Deployment'): readonly string[] | undefined => {
    const pull = pullOf(spec, facts, kind);
    // Who asks a registry needs no more than their names.
    expect(pull.secretNames()).toEqual(pull.secrets()?.map(({ name }) => name));
    return pull.secrets()?.map(({ name, index }) => (index === undefined ? `account ${name}` : `${index} ${name}`));
  };

  test.each<[what: string, spec: Json, ofPod: readonly string[] | undefined, ofTemplate?: readonly string[]]>([
    ['its own, and not the account’s', named('x'), ['0 x']],
    ['each once, and none without a name', named('x', '', 'y', 'x'), ['0 x', '2 y']],
    ['none, when its list holds nothing of use', named(''), []],
    ['the account’s, when it has no list', {}, ['account a', 'account b']],
    ['the account’s, when its list is empty', { imagePullSecrets: [] }, ['account a', 'account b']],
    ['none, when the account has none', { serviceAccountName: 'bare' }, []],
    ['nobody knows which, of an account that is not known', { serviceAccountName: 'new' }, undefined],
    ['nobody knows which, of an account of another namespace', { serviceAccountName: 'far' }, undefined],
    ['its own, whatever its account', { ...named('x'), serviceAccountName: 'new' }, ['0 x']],
    // The API server copies them into pods that name none.
    ['the account’s, of a pod that has just these', named('a', 'b'), ['account a', 'account b'], ['0 a', '1 b']],
    ['the account’s, and then others', named('a', 'b', 'x'), ['account a', 'account b', '2 x']],
    ['its own, when it has some of the account’s', named('a', 'x'), ['0 a', '1 x']],
    ['its own, when it has those in another order', named('b', 'a'), ['0 b', '1 a']],
  ])('%s', (_, spec, ofPod, ofTemplate = ofPod) => {
    expect(list(spec, 'Pod')).toEqual(ofPod);
    expect(list(spec, 'Deployment')).toEqual(ofTemplate);
  });
});

describe('a secret serves an image', () => {
  const HARBOR = readReference('harbor.example.com/team/app')!;
  const SWR = readReference('swr.eu-de.otc.t-systems.com/team/app')!;
  const KEYS = ['harbor.example.com', 'swr.eu-de.otc.t-systems.com'];
  const BARE = withoutCredentials(holding(KEYS));
  const later = NOW + 1000 * HOUR;
  const policy = policyOf();

  function use(secret: PullSecret | 'unknown' | undefined, name = 'regcred'): UsedSecret {
    const facts = factsOf(secret === undefined ? {} : { [`default/${name}`]: secret });
    return pullOf(named(name), facts).secrets()![0]!;
  }

  test.each<
    [what: string, secret: PullSecret | 'unknown' | undefined, entry: ReturnType<typeof findEntry>, until?: number]
  >([
    ['with credentials for its registry', holding(KEYS), 'with-credentials', Infinity],
    ['of the old type', holding(KEYS, { type: 'kubernetes.io/dockercfg' }), 'with-credentials', Infinity],
    [
      'with an entry beside one without',
      { ...BARE, entries: [...BARE.entries, ...holding(KEYS).entries] },
      'with-credentials',
      Infinity,
    ],
    ['until they end', holding(KEYS, { expiresAt: later }), 'with-credentials', later],
    ['no more after that', holding(KEYS, { expiresAt: NOW - 1 }), 'with-credentials', NOW - 1],
    ['without credentials', BARE, 'without'],
    ['for another registry', holding(['quay.io']), 'none'],
    ['of another type', holding(KEYS, { type: 'Opaque' }), 'none'],
    ['that kubelet cannot read', holding(KEYS, { malformed: 'it is no JSON' }), 'none'],
    ['that is missing', undefined, 'none'],
    ['that is not known', 'unknown', 'none'],
  ])('%s', (what, secret, entry, until = -Infinity) => {
    const used = use(secret);
    expect([findEntry(used, HARBOR), servesUntil(used, HARBOR)]).toEqual([entry, until]);
    expect(servesForGood(used, HARBOR, policy)).toBe(until === Infinity);
    expect(isReadable(used)).toBe(entry !== 'none' || what === 'for another registry');
  });

  test.each<[name: string, special: Partial<PullSecret>, expected: boolean]>([
    ['default-secret', { generatedBy: 'cce', expiresAt: later }, true],
    ['default-secret', { generatedBy: 'cce', expiresAt: NOW }, false],
    ['default-secret', { expiresAt: later }, false],
    ['copied', { generatedBy: 'cce', expiresAt: later }, false],
    ['copied', {}, false],
  ])('of SWR for good only where CCE renews it: %s with %j: %s', (name, special, expected) => {
    expect(servesForGood(use(holding(KEYS, special), name), SWR, policy)).toBe(expected);
  });
});
