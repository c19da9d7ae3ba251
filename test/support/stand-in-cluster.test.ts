import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { ApiServer, CallOptions, WatchEvent } from '../../src/cluster/connection/api-server.ts';
import { startStandIn, type StandInApiServer } from './stand-in-api-server.ts';
import { connectTo } from './stand-in-connection.ts';
import { createMemoryCluster, type MemoryCluster } from './stand-in-memory.ts';

// What other tests take for granted, as a real API server was seen to do it: of the one with a network and the one without.

const SECRETS = '/api/v1/secrets';
const ONE = '/api/v1/namespaces/web/secrets/one';
const HOOKS = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';

describe.each(['over HTTP', 'in memory'])('%s', (how) => {
  let server: StandInApiServer | MemoryCluster;
  let api: ApiServer;

  beforeEach(async () => {
    if (how === 'in memory') {
      server = createMemoryCluster();
      api = server.connect();
    } else {
      const started = await startStandIn();
      onTestFinished(() => started.stop());
      server = started;
      api = connectTo(started);
    }
    server.seed(SECRETS, [
      { kind: 'Secret', apiVersion: 'v1', type: 'Opaque', metadata: { name: 'one', namespace: 'web' } },
      { kind: 'Secret', apiVersion: 'v1', type: 'Other', metadata: { name: 'two', namespace: 'web' } },
      { kind: 'Secret', apiVersion: 'v1', type: 'Opaque', metadata: { name: 'one', namespace: 'shop' } },
    ]);
  });

  const versionOf = (path: string): string => server.get(path)?.metadata.resourceVersion ?? '';

  async function namesIn(path: string, fieldSelector?: string): Promise<string[]> {
    const list = (await api.call('GET', path, { query: { fieldSelector } })) as {
      items: { metadata: Record<string, string> }[];
    };
    return list.items.map(({ metadata }) => `${metadata['namespace'] ?? ''}/${metadata['name'] ?? ''}`);
  }

  test('lists all namespaces or one, in order, as a selector has it', async () => {
    expect(await namesIn(SECRETS)).toEqual(['shop/one', 'web/one', 'web/two']);
    expect(await namesIn('/api/v1/namespaces/web/secrets')).toEqual(['web/one', 'web/two']);
    expect(await namesIn(SECRETS, 'metadata.name=one')).toEqual(['shop/one', 'web/one']);
    expect(await namesIn(SECRETS, 'type!=Opaque,metadata.namespace=web')).toEqual(['web/two']);
  });

  test('tells namespaces from what is in them', async () => {
    server.seed('/api/v1/namespaces', [{ metadata: { name: 'web' } }]);
    expect(await namesIn('/api/v1/namespaces')).toEqual(['/web']);
    expect(await api.call('GET', '/api/v1/namespaces/web')).toMatchObject({ metadata: { name: 'web' } });
  });

  test('refuses to create what there is, and to overwrite what has changed', async () => {
    const body = { metadata: { name: 'one' } };
    await expect(api.call('POST', '/api/v1/namespaces/web/secrets', { body })).rejects.toMatchObject({
      status: 409,
      reason: 'AlreadyExists',
    });
    const old = await api.call('GET', ONE);
    await api.call('PUT', ONE, { body: { ...(old as object), type: 'New' } });
    await expect(api.call('PUT', ONE, { body: old })).rejects.toMatchObject({ status: 409, reason: 'Conflict' });
    expect(server.get(ONE)).toMatchObject({ type: 'New' });
  });

  test('makes a name where there is the beginning of one', async () => {
    const body = { metadata: { generateName: 'event-' } };
    const created = await api.call('POST', '/api/v1/namespaces/web/events', { body });
    expect(created).toMatchObject({
      metadata: { name: expect.stringMatching(/^event-\w{5}$/) as unknown, namespace: 'web' },
    });
  });

  test('an update that changes nothing makes no new version', async () => {
    const before = versionOf(ONE);
    await api.call('PUT', ONE, {
      body: { kind: 'Secret', apiVersion: 'v1', type: 'Opaque', metadata: { name: 'one', namespace: 'web' } },
    });
    expect(versionOf(ONE)).toBe(before);
  });

  test.each<[type: string, body: CallOptions['body']]>([
    ['json-patch', [{ op: 'replace', path: '/webhooks/1/clientConfig', value: { caBundle: 'new' } }]],
    [
      'merge-patch',
      {
        webhooks: [
          { name: 'a', clientConfig: { url: 'u' } },
          { name: 'b', clientConfig: { caBundle: 'new' } },
        ],
      },
    ],
    ['strategic-merge-patch', { webhooks: [{ name: 'b', clientConfig: { caBundle: 'new' } }] }],
  ])('applies a %s', async (type, body) => {
    server.seed(HOOKS, [
      {
        metadata: { name: 'hook' },
        webhooks: [
          { name: 'a', clientConfig: { url: 'u' } },
          { name: 'b', clientConfig: {} },
        ],
      },
    ]);
    await api.call('PATCH', `${HOOKS}/hook`, { body, contentType: `application/${type}+json` });
    expect(server.get(`${HOOKS}/hook`)?.['webhooks']).toEqual([
      { name: 'a', clientConfig: { url: 'u' } },
      { name: 'b', clientConfig: { caBundle: 'new' } },
    ]);
  });

  test('a patch with a test that fails changes nothing', async () => {
    const body = [
      { op: 'test', path: '/type', value: 'Wrong' },
      { op: 'remove', path: '/type' },
    ];
    const patching = api.call('PATCH', ONE, { body, contentType: 'application/json-patch+json' });
    await expect(patching).rejects.toMatchObject({ status: 422 });
    expect(server.get(ONE)).toMatchObject({ type: 'Opaque' });
  });

  async function watch(query: Record<string, string>, act: () => void = () => undefined): Promise<WatchEvent[]> {
    const events: WatchEvent[] = [];
    const onOpen = (): void => {
      act();
      server.disconnectWatches();
    };
    const { signal } = new AbortController();
    for await (const event of api.watch(SECRETS, { query, signal, onOpen })) events.push(event);
    return events;
  }

  test('a watch brings what happened since its version, and what its selector leaves', async () => {
    const since = versionOf(ONE);
    server.remove(ONE);
    const query = { resourceVersion: since, fieldSelector: 'metadata.name=one' };
    const events = await watch(query, () => {
      server.seed(SECRETS, [
        { metadata: { name: 'one', namespace: 'new' } },
        { metadata: { name: 'two', namespace: 'new' } },
      ]);
    });
    // The one in shop was created after `since`.
    expect(
      events.map(({ type, object }) => [type, (object as { metadata: { namespace: string } }).metadata.namespace]),
    ).toEqual([
      ['ADDED', 'shop'],
      ['DELETED', 'web'],
      ['ADDED', 'new'],
    ]);
  });

  test('a version from before a compaction has expired, for watches and for lists that go on', async () => {
    const since = versionOf(ONE);
    const page = (await api.call('GET', SECRETS, { query: { limit: 1 } })) as { metadata: { continue: string } };
    server.compact();
    expect(await watch({ resourceVersion: since })).toMatchObject([{ type: 'ERROR', object: { code: 410 } }]);
    const next = api.call('GET', SECRETS, { query: { limit: 1, continue: page.metadata.continue } });
    await expect(next).rejects.toMatchObject({ status: 410 });
    expect(await namesIn(SECRETS)).toHaveLength(3);
  });

  test('fails as often as it was told to, and only where', async () => {
    server.failNext({ status: 503, times: 2, path: ONE });
    for (let call = 0; call < 2; call++) await expect(api.call('GET', ONE)).rejects.toMatchObject({ status: 503 });
    expect(await namesIn(SECRETS)).toHaveLength(3);
    expect(await api.call('GET', ONE)).toMatchObject({ type: 'Opaque' });
  });

  test('hangs, and lets go of those who give up or are cut off', async () => {
    server.hang({ method: 'GET' });
    const late = api.call('GET', ONE, { timeoutMs: 20 });
    await expect(late).rejects.toThrow(/no answer to GET .* within 0.02 s/);
    await expect.poll(() => server.hungRequests()).toBe(0);
    await expect(api.call('GET', ONE, { signal: AbortSignal.abort() })).rejects.toThrow('was cancelled');
    const watching = api.watch(SECRETS, { signal: new AbortController().signal, idleMs: 20 })[Symbol.asyncIterator]();
    await expect(watching.next()).rejects.toThrow(/is broken: nothing received from .* for 0.02 s/);
  });

  test('a watch that is cut off has failed', async () => {
    const { signal } = new AbortController();
    const onOpen = (): void => {
      server.disconnectWatches('cut');
    };
    const query = { resourceVersion: versionOf('/api/v1/namespaces/shop/secrets/one') };
    const watching = api.watch(SECRETS, { signal, onOpen, query })[Symbol.asyncIterator]();
    await expect(watching.next()).rejects.toThrow('the connection was closed');
    expect(server.openWatches()).toBe(0);
  });

  test('comes back on the same port with what it had', async () => {
    await server.stop();
    await expect(api.call('GET', ONE)).rejects.toMatchObject({ status: undefined });
    await server.restart();
    expect(await api.call('GET', ONE)).toMatchObject({ type: 'Opaque' });
  });
});
