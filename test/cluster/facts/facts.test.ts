import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { SECRETS_MODES, watchFacts, type FactsSource, type SecretsMode } from '../../../src/cluster/facts/facts.ts';
import type { FactScope } from '../../../src/cluster/facts/fact-collections.ts';
import { startStandIn, type StandInApiServer, type StandInOptions } from '../../support/stand-in-api-server.ts';
import { connectTo } from '../../support/stand-in-connection.ts';
import { findForbidden, namespace, node, pullSecret, seedCluster, serviceAccount } from './fact-objects.ts';

async function startCluster(options: StandInOptions = {}): Promise<StandInApiServer> {
  const server = await startStandIn(options);
  onTestFinished(() => server.stop());
  seedCluster(server);
  return server;
}

function watch(server: StandInApiServer, secrets: SecretsMode, names: readonly string[] = ['default-secret']) {
  return watchScope(server, { secrets, pullSecretNames: names, nodes: false });
}

function watchScope(server: StandInApiServer, scope: FactScope) {
  const errors: string[] = [];
  const onError = (message: string) => errors.push(message);
  const source = watchFacts({ api: connectTo(server), ...scope, onError });
  onTestFinished(() => {
    source.close();
  });
  return { source, errors };
}

/** The registries of a pull secret, or what else is known of it. */
function registriesOf(source: FactsSource, place: string): readonly string[] | 'absent' | undefined {
  const [inside = '', name = ''] = place.split('/');
  const found = source.current().pullSecrets?.find(inside, name);
  return found === 'absent' || found === undefined ? found : found.entries.map(({ key }) => key.text);
}

describe('once all is listed, rules are told', () => {
  test('of the secrets with the names of the policy, whatever their type', async () => {
    const { source, errors } = watch(await startCluster(), 'default-secret-only', [
      'default-secret',
      'opaque',
      'nowhere',
    ]);
    await source.synced;
    expect(registriesOf(source, 'web/default-secret')).toEqual(['swr.eu-de.otc.t-systems.com']);
    expect(registriesOf(source, 'web/nowhere')).toBe('absent');
    expect(registriesOf(source, 'shop/opaque')).toBe('absent');
    expect(source.current().pullSecrets?.find('web', 'opaque')).toEqual({ type: 'Opaque', entries: [] });
    // Nobody watches this name.
    expect(registriesOf(source, 'web/third')).toBeUndefined();
    expect(errors).toEqual([]);
  });

  test('of all pull secrets, and of nothing that is none', async () => {
    const { source } = watch(await startCluster(), 'all', []);
    await source.synced;
    expect(registriesOf(source, 'web/default-secret')).toEqual(['swr.eu-de.otc.t-systems.com']);
    expect(registriesOf(source, 'web/third')).toEqual(['third.example.com']);
    expect(registriesOf(source, 'web/opaque')).toBe('absent');
    expect(source.current().pullSecrets?.seesEveryType).toBe(false);
  });

  test('of no secret at all, where they are not to be looked at', async () => {
    const { source } = watch(await startCluster(), 'none');
    await source.synced;
    expect(source.current()).not.toHaveProperty('pullSecrets');
  });

  test.each(SECRETS_MODES)('of service accounts and namespaces, with secrets %s', async (mode) => {
    const { source } = watch(await startCluster(), mode);
    await source.synced;
    const { serviceAccounts, namespaces } = source.current();
    expect(serviceAccounts?.find('web', 'default')).toEqual({
      pullSecrets: ['third'],
      enforcesMountableSecrets: false,
    });
    expect(serviceAccounts?.find('web', 'other')).toBeUndefined();
    expect(namespaces?.findLabels('web')).toEqual({ 'pullguard.dev/mode': 'warn' });
    expect(namespaces?.findLabels('shop')).toEqual({});
    expect(namespaces?.findLabels('new')).toBeUndefined();
  });
});

describe('before that', () => {
  test('nothing is known, but that namespaces are being asked for', async () => {
    const server = await startCluster();
    server.hang();
    const { source } = watch(server, 'all');
    expect(Object.keys(source.current())).toEqual(['namespaces']);
    expect(source.current().namespaces?.findLabels('web')).toBeUndefined();
    expect(source.ages()).toEqual([
      { fact: 'pullSecrets', seconds: undefined, objects: 0 },
      { fact: 'serviceAccounts', seconds: undefined, objects: 0 },
      { fact: 'namespaces', seconds: undefined, objects: 0 },
    ]);
  });

  test('what is known already is of use, and what is not costs nothing else', async () => {
    const server = await startCluster();
    server.hang('/api/v1/serviceaccounts');
    const { source } = watch(server, 'default-secret-only');
    const onSynced = vi.fn();
    void source.synced.then(onSynced);
    await vi.waitFor(() => {
      expect(source.current()).toHaveProperty('pullSecrets');
    });
    await vi.waitFor(() => {
      expect(source.current().namespaces?.findLabels('shop')).toEqual({});
    });
    expect(source.current()).not.toHaveProperty('serviceAccounts');
    expect(onSynced).not.toHaveBeenCalled();
  });

  test('trouble is told, and tried again', async () => {
    const server = await startCluster();
    server.failNext({ path: '/api/v1/serviceaccounts', status: 403 });
    const { source, errors } = watch(server, 'none');
    await source.synced;
    expect(errors).toEqual([expect.stringContaining('/api/v1/serviceaccounts')]);
    expect(source.current()).toHaveProperty('serviceAccounts');
  });
});

test('changes are followed', async () => {
  const server = await startCluster();
  const { source } = watch(server, 'default-secret-only');
  await source.synced;
  server.seed('/api/v1/namespaces', [namespace('new', { 'pullguard.dev/mode': 'off' })]);
  server.seed('/api/v1/serviceaccounts', [serviceAccount('new/default', ['a'])]);
  server.seed('/api/v1/secrets', [pullSecret('new/default-secret', ['a.example.com'])]);
  server.remove('/api/v1/namespaces/shop/secrets/default-secret');
  await vi.waitFor(() => {
    expect(source.current().namespaces?.findLabels('new')).toEqual({ 'pullguard.dev/mode': 'off' });
    expect(source.current().serviceAccounts?.find('new', 'default')?.pullSecrets).toEqual(['a']);
    expect(registriesOf(source, 'new/default-secret')).toEqual(['a.example.com']);
    expect(registriesOf(source, 'shop/default-secret')).toBe('absent');
  });
});

test('an admission gets the facts for nothing: the same object, whatever changes in the cluster', async () => {
  const server = await startCluster();
  const { source } = watch(server, 'all');
  await source.synced;
  const before = source.current();
  server.seed('/api/v1/secrets', [pullSecret('new/default-secret', ['a.example.com'])]);
  await vi.waitFor(() => {
    expect(registriesOf(source, 'new/default-secret')).toEqual(['a.example.com']);
  });
  expect(source.current()).toBe(before);
});

describe('a policy with other names', () => {
  test('starts watches and ends others, while the rest stays known', async () => {
    const server = await startCluster();
    const { source } = watch(server, 'default-secret-only', ['default-secret', 'opaque']);
    await source.synced;
    await vi.waitFor(() => {
      expect(server.openWatches()).toBe(4);
    });
    server.hang('/api/v1/secrets');
    source.setPullSecretNames(['default-secret', 'third']);
    expect(registriesOf(source, 'web/default-secret')).toEqual(['swr.eu-de.otc.t-systems.com']);
    expect(registriesOf(source, 'web/opaque')).toBeUndefined();
    expect(registriesOf(source, 'web/third')).toBeUndefined();
    await vi.waitFor(() => {
      expect(server.openWatches()).toBe(3);
    });
    server.recover();
    // What hangs already goes on hanging.
    source.setPullSecretNames(['default-secret']);
    source.setPullSecretNames(['default-secret', 'third']);
    await vi.waitFor(() => {
      expect(registriesOf(source, 'web/third')).toEqual(['third.example.com']);
    });
    const selectors = server.requests.map(({ query }) => query['fieldSelector']);
    const listed = server.requests.filter(({ query }) => query['watch'] !== 'true');
    expect(listed.filter(({ query }) => query['fieldSelector'] === 'metadata.name=default-secret')).toHaveLength(1);
    expect(selectors).toContain('metadata.name=third');
  });

  test('without any leaves pull secrets unknown', async () => {
    const { source } = watch(await startCluster(), 'default-secret-only');
    await source.synced;
    source.setPullSecretNames([]);
    expect(source.current()).not.toHaveProperty('pullSecrets');
    expect(source.ages().map(({ fact }) => fact)).toEqual(['serviceAccounts', 'namespaces']);
  });

  test('is no reason to wait for the lists of names that are gone', async () => {
    const server = await startCluster();
    server.hang('/api/v1/secrets');
    const { source } = watch(server, 'default-secret-only');
    source.setPullSecretNames([]);
    await source.synced;
    expect(source.current()).toHaveProperty('serviceAccounts');
  });

  test.each(['all', 'none'] as const)('changes nothing with secrets %s', async (mode) => {
    const { source } = watch(await startCluster(), mode);
    await source.synced;
    const before = Object.keys(source.current());
    source.setPullSecretNames(['third']);
    expect(Object.keys(source.current())).toEqual(before);
  });
});

describe('a role with what accessOf says is enough, and none of it is for nothing', () => {
  test.each(
    SECRETS_MODES.flatMap((secrets) =>
      [false, true].map((nodes) => ({ secrets, pullSecretNames: ['default-secret', 'third'], nodes })),
    ),
  )('with secrets $secrets, nodes: $nodes', async (scope) => {
    const server = await startCluster();
    const { source } = watchScope(server, scope);
    await source.synced;
    const lists = { none: 2, all: 4, 'default-secret-only': 4 }[scope.secrets] + (scope.nodes ? 1 : 0);
    await vi.waitFor(() => {
      expect(server.openWatches()).toBe(lists);
    });
    expect(findForbidden(server.requests, scope)).toEqual([]);
    expect(server.requests).toHaveLength(2 * lists);
  });
});

describe('nodes, if they are to be watched', () => {
  const scope: FactScope = { secrets: 'none', pullSecretNames: [], nodes: true };

  test('are told, and how old that is; the same list as long as nothing changes that rules see', async () => {
    const server = await startCluster();
    const { source } = watchScope(server, scope);
    await source.synced;
    const listed = source.current().nodes?.list();
    expect(listed?.map(({ name, ephemeralStorageBytes }) => [name, ephemeralStorageBytes])).toEqual([
      ['one', 1000],
      ['two', 2000],
    ]);
    expect(source.ages()).toContainEqual({ fact: 'nodes', seconds: expect.closeTo(0, -2) as unknown, objects: 2 });
    server.seed('/api/v1/nodes', [node('one', 1000, '2026-06-01T12:05:00Z')]);
    // Follows on the same watch: once it is there, the one before it is, too.
    server.seed('/api/v1/nodes', [node('two', 2001)]);
    await vi.waitFor(() => {
      expect(source.current().nodes?.list()).not.toBe(listed);
    });
    const [one, two] = source.current().nodes?.list() ?? [];
    expect(one).toBe(listed?.[0]);
    expect(two?.ephemeralStorageBytes).toBe(2001);
    expect(source.current().nodes?.list()).toBe(source.current().nodes?.list());
  });

  test('go when they are gone', async () => {
    const server = await startCluster();
    const { source } = watchScope(server, scope);
    await source.synced;
    server.remove('/api/v1/nodes/one');
    await vi.waitFor(() => {
      expect(
        source
          .current()
          .nodes?.list()
          .map(({ name }) => name),
      ).toEqual(['two']);
    });
  });

  test('are unknown until they are listed, and cost nothing else', async () => {
    const server = await startCluster();
    server.hang('/api/v1/nodes');
    const { source } = watchScope(server, scope);
    await vi.waitFor(() => {
      expect(source.current()).toHaveProperty('serviceAccounts');
    });
    expect(source.current()).not.toHaveProperty('nodes');
  });

  test('are not asked for otherwise', async () => {
    const { source } = watch(await startCluster(), 'none');
    await source.synced;
    expect(source.current()).not.toHaveProperty('nodes');
    expect(source.ages().map(({ fact }) => fact)).toEqual(['serviceAccounts', 'namespaces']);
  });
});

test('how old and how many the facts are is told', async () => {
  const { source } = watch(await startCluster(), 'all');
  await source.synced;
  const isAge: unknown = expect.closeTo(0, -2);
  expect(source.ages()).toEqual([
    { fact: 'pullSecrets', seconds: isAge, objects: 3 },
    { fact: 'serviceAccounts', seconds: isAge, objects: 2 },
    { fact: 'namespaces', seconds: isAge, objects: 2 },
  ]);
});

test('closed, it asks for nothing more, and what is known stays', async () => {
  const server = await startCluster();
  const { source } = watch(server, 'all');
  await source.synced;
  await vi.waitFor(() => {
    expect(server.openWatches()).toBe(4);
  });
  source.close();
  await vi.waitFor(() => {
    expect(server.openWatches()).toBe(0);
  });
  expect(registriesOf(source, 'web/third')).toEqual(['third.example.com']);
});
