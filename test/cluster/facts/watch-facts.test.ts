import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { SECRETS_MODES, type FactScope, type SecretsMode } from '../../../src/cluster/facts/fact-collections.ts';
import { watchFacts, type FactsSource } from '../../../src/cluster/facts/watch-facts.ts';
import { accessOf } from '../../support/access.ts';
import { createMemoryCluster, type MemoryCluster } from '../../support/stand-in-memory.ts';
import { findForbidden, namespace, node, pullSecret, seedCluster, serviceAccount } from './fact-objects.ts';

const SECRETS = '/api/v1/secrets';
const SWR = ['swr.eu-de.otc.t-systems.com'];

let server: MemoryCluster;
let errors: string[];

beforeEach(() => {
  vi.useFakeTimers();
  server = createMemoryCluster();
  seedCluster(server);
  errors = [];
});

afterEach(() => {
  vi.useRealTimers();
});

async function watch(
  secrets: SecretsMode,
  pullSecretNames: readonly string[] = ['default-secret'],
  nodes = false,
): Promise<FactsSource> {
  const onError = (message: string) => errors.push(message);
  const source = watchFacts({ api: server.connect(), secrets, pullSecretNames, nodes, onError });
  onTestFinished(source.close);
  await settle();
  return source;
}

async function settle(ms = 0): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

/** The registries of a pull secret, or what else is known of it. */
function registriesOf(source: FactsSource, place: string): readonly string[] | 'absent' | undefined {
  const [inside = '', name = ''] = place.split('/');
  const found = source.current().pullSecrets?.find(inside, name);
  return found === 'absent' || found === undefined ? found : found.entries.map(({ key }) => key.text);
}

async function isSynced(source: FactsSource): Promise<boolean> {
  return Promise.race([source.synced.then(() => true), settle().then(() => false)]);
}

describe('once all is listed, rules are told', () => {
  test('of the secrets with the names of the policy, whatever their type', async () => {
    const source = await watch('default-secret-only', ['default-secret', 'opaque', 'nowhere', 'nowhere']);
    expect(await isSynced(source)).toBe(true);
    expect(registriesOf(source, 'web/default-secret')).toEqual(SWR);
    expect(registriesOf(source, 'web/nowhere')).toBe('absent');
    expect(registriesOf(source, 'shop/opaque')).toBe('absent');
    expect(source.current().pullSecrets?.find('web', 'opaque')).toEqual({ type: 'Opaque', entries: [] });
    // No watch has this name.
    expect(registriesOf(source, 'web/third')).toBeUndefined();
    expect(source.current().pullSecrets?.seesEveryType).toBe(true);
    expect(errors).toEqual([]);
  });

  test('of all pull secrets, and of nothing that is none', async () => {
    const source = await watch('all', []);
    expect(registriesOf(source, 'web/default-secret')).toEqual(SWR);
    expect(registriesOf(source, 'web/third')).toEqual(['third.example.com']);
    expect(registriesOf(source, 'web/opaque')).toBe('absent');
    expect(source.current().pullSecrets?.seesEveryType).toBe(false);
  });

  test.each<[mode: SecretsMode, names: readonly string[]]>([
    ['none', ['default-secret']],
    ['default-secret-only', []],
  ])('of no secret at all, where they are not to be looked at: %s', async (mode, names) => {
    const source = await watch(mode, names);
    expect(source.current()).not.toHaveProperty('pullSecrets');
    expect(source.ages().map(({ fact }) => fact)).toEqual(['serviceAccounts', 'namespaces']);
  });

  test.each(SECRETS_MODES)('of service accounts and namespaces, with secrets %s', async (mode) => {
    const { serviceAccounts, namespaces } = (await watch(mode)).current();
    const account = { pullSecrets: ['third'], enforcesMountableSecrets: false };
    expect(serviceAccounts?.find('web', 'default')).toEqual(account);
    expect(serviceAccounts?.find('web', 'other')).toBeUndefined();
    expect(['web', 'shop', 'new'].map((name) => namespaces?.findLabels(name))).toEqual([
      { 'pullguard.dev/mode': 'warn' },
      {},
      undefined,
    ]);
  });

  test('how old and how many the facts are', async () => {
    const source = await watch('all', [], true);
    await settle(60_000);
    expect(source.ages()).toEqual([
      { fact: 'pullSecrets', seconds: 60, objects: 3 },
      { fact: 'serviceAccounts', seconds: 60, objects: 2 },
      { fact: 'namespaces', seconds: 60, objects: 2 },
      { fact: 'nodes', seconds: 60, objects: 2 },
    ]);
  });
});

describe('before that', () => {
  test('nothing is known, but that namespaces may forbid to refuse', async () => {
    server.hang();
    const source = await watch('all');
    expect(Object.keys(source.current())).toEqual(['namespaces']);
    expect(source.current().namespaces?.findLabels('web')).toBeUndefined();
    expect(source.ages().map(({ seconds, objects }) => [seconds, objects])).toEqual(Array(3).fill([undefined, 0]));
  });

  test.each<[mode: SecretsMode, hung: string, found: readonly unknown[]]>([
    // What is known of one name is of use without another.
    ['default-secret-only', 'metadata.name=third', [SWR, undefined]],
    // A secret that is not of the one type may be of the other.
    ['all', 'type=kubernetes.io/dockercfg', [undefined, undefined]],
  ])('of pull secrets %s, one list is not known: %s', async (mode, fieldSelector, found) => {
    server.hang({ fieldSelector });
    const source = await watch(mode, ['default-secret', 'third']);
    expect(['web/default-secret', 'web/third'].map((place) => registriesOf(source, place))).toEqual(found);
    expect(source.ages()[0]).toMatchObject({ fact: 'pullSecrets', seconds: undefined });
  });

  test.each(['serviceaccounts', 'nodes'])('what is known is of use, without %s', async (resource) => {
    server.hang(`/api/v1/${resource}`);
    const source = await watch('default-secret-only', ['default-secret'], true);
    const fact = resource === 'nodes' ? 'nodes' : 'serviceAccounts';
    const others = ['pullSecrets', 'namespaces', 'nodes', 'serviceAccounts'].filter((each) => each !== fact);
    expect(Object.keys(source.current()).sort()).toEqual(others.sort());
    expect(source.current().namespaces?.findLabels('shop')).toEqual({});
    expect(await isSynced(source)).toBe(false);
  });

  test('trouble is told, and tried again', async () => {
    server.failNext({ path: '/api/v1/serviceaccounts', status: 403 });
    const source = await watch('none');
    expect(source.current()).not.toHaveProperty('serviceAccounts');
    await settle(1000);
    expect(errors).toEqual([expect.stringContaining('/api/v1/serviceaccounts')]);
    expect(source.current()).toHaveProperty('serviceAccounts');
  });
});

test('changes are followed, and an admission gets the facts for nothing: the same object', async () => {
  const source = await watch('default-secret-only');
  const before = source.current();
  server.seed('/api/v1/namespaces', [namespace('new', { 'pullguard.dev/mode': 'off' })]);
  server.seed('/api/v1/serviceaccounts', [serviceAccount('new/default', ['a'])]);
  server.seed(SECRETS, [pullSecret('new/default-secret', ['a.example.com'])]);
  server.remove('/api/v1/namespaces/shop/secrets/default-secret');
  await settle();
  expect(source.current().namespaces?.findLabels('new')).toEqual({ 'pullguard.dev/mode': 'off' });
  expect(source.current().serviceAccounts?.find('new', 'default')?.pullSecrets).toEqual(['a']);
  expect(registriesOf(source, 'new/default-secret')).toEqual(['a.example.com']);
  expect(registriesOf(source, 'shop/default-secret')).toBe('absent');
  expect(source.current()).toBe(before);
});

describe('a policy with other names', () => {
  test('starts watches and ends others, while the rest stays known', async () => {
    const source = await watch('default-secret-only', ['default-secret', 'opaque']);
    expect(server.openWatches()).toBe(4);
    server.delay(1000, SECRETS);
    source.setPullSecretNames(['default-secret', 'third']);
    await settle();
    expect(server.openWatches()).toBe(3);
    expect(registriesOf(source, 'web/default-secret')).toEqual(SWR);
    expect(registriesOf(source, 'web/opaque')).toBeUndefined();
    expect(registriesOf(source, 'web/third')).toBeUndefined();
    await settle(2000);
    expect(registriesOf(source, 'web/third')).toEqual(['third.example.com']);
    const listed = server.requests.filter(({ query }) => query['watch'] !== 'true');
    expect(listed.flatMap(({ query }) => query['fieldSelector'] ?? [])).toEqual(
      ['default-secret', 'opaque', 'third'].map((name) => `metadata.name=${name}`),
    );
  });

  test('without any leaves pull secrets unknown, and nobody waits for their lists', async () => {
    server.hang(SECRETS);
    const source = await watch('default-secret-only');
    expect(await isSynced(source)).toBe(false);
    source.setPullSecretNames([]);
    expect(await isSynced(source)).toBe(true);
    expect(source.ages().map(({ fact }) => fact)).toEqual(['serviceAccounts', 'namespaces']);
  });

  test.each(['all', 'none'] as const)('changes nothing with secrets %s', async (mode) => {
    const source = await watch(mode);
    const [before, asked] = [Object.keys(source.current()), server.requests.length];
    source.setPullSecretNames(['third']);
    await settle();
    expect([Object.keys(source.current()), server.requests.length]).toEqual([before, asked]);
  });
});

describe('nodes, if they are to be watched', () => {
  test('are the same list as long as nothing changes that rules see', async () => {
    const source = await watch('none', [], true);
    const listed = source.current().nodes?.list();
    expect(listed?.map(({ name, ephemeralStorageBytes }) => [name, ephemeralStorageBytes])).toEqual([
      ['one', 1000],
      ['two', 2000],
    ]);
    server.seed('/api/v1/nodes', [node('one', 1000, '2026-06-01T12:05:00Z')]);
    await settle();
    expect(source.current().nodes?.list()).toBe(listed);
    server.seed('/api/v1/nodes', [node('two', 2001)]);
    await settle();
    const [one, two] = source.current().nodes?.list() ?? [];
    expect(one).toBe(listed?.[0]);
    expect(two?.ephemeralStorageBytes).toBe(2001);
    server.remove('/api/v1/nodes/one');
    await settle();
    expect(source.current().nodes?.list()).toEqual([two]);
  });
});

describe('a role with what accessOf says is enough, and none of it is for nothing', () => {
  const others = ['list,watch serviceaccounts', 'list,watch namespaces'];
  const scopes: readonly [FactScope, rules: readonly string[], lists: number][] = [
    [{ secrets: 'none', pullSecretNames: ['default-secret'], nodes: false }, others, 2],
    // A rule of RBAC with no names is one for all of them.
    [{ secrets: 'default-secret-only', pullSecretNames: [], nodes: false }, others, 2],
    [
      { secrets: 'default-secret-only', pullSecretNames: ['default-secret', 'third', 'third'], nodes: true },
      [...others, 'list,watch nodes', 'list,watch secrets default-secret,third'],
      5,
    ],
    // A role cannot tell types apart.
    [
      { secrets: 'all', pullSecretNames: ['third'], nodes: true },
      [...others, 'list,watch nodes', 'list,watch secrets'],
      5,
    ],
  ];

  test.each(scopes)('%j', async (scope, rules, lists) => {
    await watch(scope.secrets, scope.pullSecretNames, scope.nodes);
    expect(server.openWatches()).toBe(lists);
    expect(findForbidden(server.requests, scope)).toEqual([]);
    expect(server.requests).toHaveLength(2 * lists);
    const written = accessOf(scope).map(({ verbs, resource, resourceNames }) =>
      [verbs.join(), resource, resourceNames?.join() ?? []].flat().join(' '),
    );
    expect(written).toEqual(rules);
    for (const { apiGroup, namespaced } of accessOf(scope)) expect([apiGroup, namespaced]).toEqual(['', false]);
  });
});

test('closed, it asks for nothing more, and what is known stays', async () => {
  const source = await watch('all');
  expect(server.openWatches()).toBe(4);
  source.close();
  const asked = server.requests.length;
  await settle(600_000);
  expect([server.openWatches(), server.requests.length]).toEqual([0, asked]);
  expect(registriesOf(source, 'web/third')).toEqual(['third.example.com']);
});
