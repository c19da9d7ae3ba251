import { describe, expect, onTestFinished, test } from 'vitest';
import { SECRETS_MODES, type SecretsMode } from '../../src/cluster/facts/fact-collections.ts';
import { listFacts } from '../../src/scan/list-facts.ts';
import { startStandIn, type StandInApiServer } from '../support/stand-in-api-server.ts';
import { connectTo } from '../support/stand-in-connection.ts';
import { findForbidden, seedCluster } from '../cluster/facts/fact-objects.ts';

async function startCluster(): Promise<StandInApiServer> {
  const server = await startStandIn();
  onTestFinished(() => server.stop());
  seedCluster(server);
  return server;
}

function list(server: StandInApiServer, secrets: SecretsMode, pullSecretNames: readonly string[] = []) {
  return listFacts({ api: connectTo(server), secrets, pullSecretNames, nodes: false });
}

test('a scan knows what a webhook would know', async () => {
  const { facts, problems } = await list(await startCluster(), 'default-secret-only', ['default-secret', 'opaque']);
  expect(problems).toEqual([]);
  const { pullSecrets, serviceAccounts, namespaces } = facts;
  expect(pullSecrets?.find('web', 'default-secret')).toMatchObject({ entries: [{ hasCredentials: true }] });
  expect(pullSecrets?.find('web', 'opaque')).toEqual({ type: 'Opaque', entries: [] });
  expect(pullSecrets?.find('shop', 'opaque')).toBe('absent');
  expect(pullSecrets?.find('web', 'third')).toBeUndefined();
  expect(serviceAccounts?.find('web', 'default')?.pullSecrets).toEqual(['third']);
  expect(namespaces?.findLabels('web')).toEqual({ 'pullguard.dev/mode': 'warn' });
});

test('of all pull secrets, if it is to', async () => {
  const { facts } = await list(await startCluster(), 'all');
  expect(facts.pullSecrets?.find('web', 'third')).toMatchObject({ type: 'kubernetes.io/dockercfg' });
  expect(facts.pullSecrets?.find('web', 'opaque')).toBe('absent');
  expect(facts.pullSecrets?.seesEveryType).toBe(false);
});

test('an account that may look into one namespace only learns all about that, and asks for no other', async () => {
  const server = await startCluster();
  const asked = server.requests.length;
  const { facts, problems } = await listFacts({
    api: connectTo(server),
    secrets: 'default-secret-only',
    pullSecretNames: ['default-secret'],
    nodes: false,
    namespaces: ['web'],
  });
  expect(problems).toEqual([]);
  expect(facts.pullSecrets?.find('web', 'default-secret')).toMatchObject({ entries: [{ hasCredentials: true }] });
  expect(facts.serviceAccounts?.find('web', 'default')?.pullSecrets).toEqual(['third']);
  expect(facts.namespaces?.findLabels('web')).toEqual({ 'pullguard.dev/mode': 'warn' });
  const paths = server.requests.slice(asked).map(({ path, query }) => `${path} ${query['fieldSelector'] ?? ''}`.trim());
  expect(paths).toEqual([
    '/api/v1/namespaces/web/serviceaccounts',
    '/api/v1/namespaces metadata.name=web',
    '/api/v1/namespaces/web/secrets metadata.name=default-secret',
  ]);
});

describe('what cannot be listed is told, and the rest is known', () => {
  test.each<[path: string, fact: string, says: readonly string[]]>([
    [
      '/api/v1/serviceaccounts',
      'serviceAccounts',
      ['serviceaccounts cannot be listed', 'ask the cluster admin for the verb "list" on serviceaccounts'],
    ],
    ['/api/v1/namespaces', 'namespaces', ['namespaces cannot be listed', 'the verb "list" on namespaces']],
    [
      '/api/v1/secrets',
      'pullSecrets',
      ['secrets where metadata.name=default-secret', 'resourceNames ["default-secret"]'],
    ],
  ])('%s', async (path, fact, says) => {
    const server = await startCluster();
    server.failNext({ path, status: 403, message: 'no role for that' });
    const { facts, problems } = await list(server, 'default-secret-only', ['default-secret']);
    expect(problems).toHaveLength(1);
    for (const words of [...says, 'no role for that']) expect(problems[0]).toContain(words);
    expect(problems[0]).not.toMatch(/\.$/);
    const known = ['pullSecrets', 'serviceAccounts', 'namespaces'].filter((each) => each !== fact);
    expect(Object.keys(facts).sort()).toEqual(known.sort());
  });

  test('one name may be known without the other, and another failure needs no other role', async () => {
    const server = await startCluster();
    server.failNext({ path: '/api/v1/secrets', status: 503 });
    const { facts, problems } = await list(server, 'default-secret-only', ['third', 'default-secret']);
    expect(problems).toEqual([expect.stringMatching(/metadata\.name=third(?!.*it takes the verb).*503/)]);
    expect(facts.pullSecrets?.find('web', 'third')).toBeUndefined();
    expect(facts.pullSecrets?.find('web', 'default-secret')).toMatchObject({ entries: [{}] });
  });

  test('half of a list is as good as none', async () => {
    const server = await startCluster();
    server.seed(
      '/api/v1/serviceaccounts',
      Array.from({ length: 600 }, (_, at) => ({ metadata: { namespace: 'web', name: `a-${at}` } })),
    );
    server.failNext({ path: '/api/v1/serviceaccounts', continued: true, status: 410 });
    const { facts, problems } = await list(server, 'none');
    expect(problems).toHaveLength(1);
    expect(facts).not.toHaveProperty('serviceAccounts');
  });
});

describe('nodes, if they are to be known', () => {
  const scope = { secrets: 'none', pullSecretNames: [], nodes: true } as const;

  test('are told, also to who looks into one namespace: its pods run on any of them', async () => {
    const { facts, problems } = await listFacts({
      api: connectTo(await startCluster()),
      ...scope,
      namespaces: ['web'],
    });
    expect(problems).toEqual([]);
    expect(facts.nodes?.list().map(({ name, ephemeralStorageBytes }) => [name, ephemeralStorageBytes])).toEqual([
      ['one', 1000],
      ['two', 2000],
    ]);
    expect(facts.nodes?.list()).toBe(facts.nodes?.list());
  });

  test('and are unknown where they may not be listed', async () => {
    const server = await startCluster();
    server.failNext({ path: '/api/v1/nodes', status: 403 });
    const { facts, problems } = await listFacts({ api: connectTo(server), ...scope });
    expect(problems).toEqual([expect.stringContaining('ask the cluster admin for the verb "list" on nodes')]);
    expect(facts).not.toHaveProperty('nodes');
  });
});

describe('a role with what accessOf says is enough', () => {
  test.each(SECRETS_MODES.flatMap((secrets) => [false, true].map((nodes) => [secrets, nodes] as const)))(
    'with secrets %s, nodes: %s',
    async (secrets, nodes) => {
      const server = await startCluster();
      const scope = { secrets, pullSecretNames: ['default-secret'], nodes };
      await listFacts({ api: connectTo(server), ...scope });
      expect(findForbidden(server.requests, scope)).toEqual([]);
    },
  );
});
