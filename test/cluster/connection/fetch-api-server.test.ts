import { getEventListeners, once } from 'node:events';
import { chmodSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { KubeConfig, type Cluster, type User } from '@kubernetes/client-node';
import fc from 'fast-check';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { ApiError, type ApiServer, type WatchEvent } from '../../../src/cluster/connection/api-server.ts';
import { createBoundedText } from '../../../src/cluster/connection/bounded-text.ts';
import { createApiServer, readLines } from '../../../src/cluster/connection/fetch-api-server.ts';
import { makeRegistryCertificates, type ServedPair } from '../../support/registry-certificates.ts';
import { startStandIn, type StandInApiServer } from '../../support/stand-in-api-server.ts';
import { connectTo } from '../../support/stand-in-connection.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const SECRETS = '/api/v1/secrets';
const ONE = '/api/v1/namespaces/web/secrets/one';
const secret = (name: string) => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'web' } });

afterEach(() => {
  vi.useRealTimers();
});

async function standIn(): Promise<{ server: StandInApiServer; api: ApiServer }> {
  const server = await startStandIn();
  onTestFinished(() => server.stop());
  return { server, api: connectTo(server) };
}

/** A server that answers as the test says, for what no API server would answer. */
async function oddServer(listener: RequestListener): Promise<ApiServer> {
  return connectTo({ url: `http://127.0.0.1:${await listen(createServer(listener))}` });
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function connectAs(user: Partial<User>, cluster: Omit<Cluster, 'name'>): ApiServer {
  const config = new KubeConfig();
  config.loadFromClusterAndUser({ name: 'one', ...cluster }, { name: 'tester', ...user });
  return createApiServer(config);
}

async function failureOf(call: Promise<unknown>): Promise<ApiError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ApiError)) throw new Error(`this is no ApiError: ${String(error)}`);
  return error;
}

/** All events of a watch, until it ends. */
async function collect(events: AsyncIterable<WatchEvent>): Promise<WatchEvent[]> {
  const seen: WatchEvent[] = [];
  for await (const event of events) seen.push(event);
  return seen;
}

const forever = (): AbortSignal => new AbortController().signal;

describe('a call', () => {
  test('sends JSON and reads JSON', async () => {
    const { server, api } = await standIn();
    await api.call('POST', '/api/v1/namespaces/web/secrets', { body: secret('one') });
    expect(await api.call('GET', ONE)).toMatchObject(secret('one'));
    const contentType = 'application/merge-patch+json';
    await api.call('PATCH', ONE, { body: { type: 'Opaque' }, contentType, query: { dryRun: undefined, force: true } });
    expect(server.get(ONE)).toMatchObject({ type: 'Opaque' });
    expect(server.requests.at(-1)).toMatchObject({
      query: { force: 'true' },
      headers: { 'content-type': contentType, 'user-agent': 'pullguard', accept: 'application/json' },
    });
  });

  test('keeps the path of an address, as of a cluster behind Rancher', async () => {
    const paths: string[] = [];
    const port = await listen(
      createServer((request, response) => response.end(`["${paths.push(request.url ?? '')}"]`)),
    );
    const api = connectTo({ url: `http://127.0.0.1:${port}/k8s/clusters/c-1/` });
    await api.call('GET', '/version');
    expect(paths).toEqual(['/k8s/clusters/c-1/version']);
    expect(api.url).toBe(`http://127.0.0.1:${port}/k8s/clusters/c-1`);
  });

  test('says what the API server says of a refusal', async () => {
    const { api } = await standIn();
    expect(await failureOf(api.call('GET', ONE))).toMatchObject({
      message: `the API server returned 404 for GET ${ONE}: secrets "one" not found`,
      status: 404,
      reason: 'NotFound',
    });
  });

  test('an answer without a body is no trouble', async () => {
    const api = await oddServer((_request, response) => response.writeHead(204).end());
    expect(await api.call('PUT', ONE)).toBeUndefined();
  });

  test.each<[what: string, answer: RequestListener, says: string, status?: number]>([
    ['a login page', (_, response) => response.end('<html>c2VjcmV0'), 'is not JSON', 200],
    ['a redirect', (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(), '302', 302],
    ['half an answer', (_, response) => response.write('{"a":', () => response.destroy()), 'was closed'],
    ['no HTTP', (_, response) => response.socket?.end('220 mail.example.com ESMTP\r\n'), 'the answer is not HTTP'],
  ])('%s is told for what it is, without a word of it', async (_what, answer, says, status) => {
    const error = await failureOf((await oddServer(answer)).call('GET', '/version'));
    expect(error.message).toContain(says);
    expect(error.message).not.toContain('c2VjcmV0');
    expect(error.status).toBe(status);
  });

  // Packed, a few kilobytes may become as much as the memory of the pod.
  test('an answer without end is given up', async () => {
    const zeros = gzipSync(Buffer.alloc(65 * 1024 * 1024), { level: 1 });
    const api = await oddServer((_request, response) => {
      response.writeHead(200, { 'Content-Encoding': 'gzip' }).end(zeros);
    });
    const error = await failureOf(api.call('GET', SECRETS));
    expect(error.message).toBe(`the answer to GET ${SECRETS} is larger than 8 MiB or 400,000 values`);
  });

  test('without an answer ends in time, and says so', async () => {
    const { server, api } = await standIn();
    server.hang();
    const error = await failureOf(api.call('GET', SECRETS, { timeoutMs: 50 }));
    expect(error.message).toBe(`cannot reach ${server.url}: no answer to GET ${SECRETS} within 0.05 s`);
    expect(error.status).toBeUndefined();
  });

  test.each([
    ['before it began', true],
    ['while it waits', false],
  ])('is given up when its caller gives up, %s', async (_when, isBefore) => {
    const { server, api } = await standIn();
    server.hang();
    const caller = new AbortController();
    if (isBefore) caller.abort();
    const call = failureOf(api.call('GET', SECRETS, { signal: caller.signal }));
    caller.abort();
    expect((await call).message).toBe(`GET ${SECRETS} was cancelled`);
  });

  // That signal may live for months, with a call every few seconds.
  test('leaves nothing behind in the signal of its caller', async () => {
    const { api } = await standIn();
    const caller = new AbortController();
    await api.call('GET', SECRETS, { signal: caller.signal });
    expect(getEventListeners(caller.signal, 'abort')).toEqual([]);
  });

  test('to a server that is gone says that connection refused', async () => {
    const { server, api } = await standIn();
    await server.stop();
    const error = await failureOf(api.call('GET', SECRETS));
    expect(error).toMatchObject({ message: `cannot reach ${server.url}: connection refused`, status: undefined });
  });

  // A leader renews its Lease every few seconds, for ever: a TLS handshake each time would be most of its work.
  test('goes over the connection of the one before', async () => {
    const ports = new Set<number | undefined>();
    const api = await oddServer((request, response) => {
      ports.add(request.socket.remotePort);
      // Written in two parts it comes chunked, as long lists do.
      response.write('[1,');
      response.end('2]');
    });
    for (let call = 0; call < 5; call++) expect(await api.call('GET', '/version')).toEqual([1, 2]);
    expect(ports.size).toBe(1);
  });
});

describe('a login', () => {
  async function loginAs(user: Partial<User>): Promise<{ server: StandInApiServer; api: ApiServer }> {
    const { server } = await standIn();
    return { server, api: connectAs(user, { server: server.url, skipTLSVerify: true }) };
  }

  // kubelet writes a new token every hour or so, and the API server refuses the old one soon after.
  test('goes with each call, and is that of the file as it is now', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const folder = tempFolder();
    const tokenFile = folder.write('token', 'first');
    const { server, api } = await loginAs({ authProvider: { name: 'tokenFile', config: { tokenFile } } });
    await failureOf(api.call('GET', ONE));
    folder.write('token', 'second');
    vi.advanceTimersByTime(90_000);
    await failureOf(api.call('GET', ONE));
    expect(server.requests.map(({ headers }) => headers['authorization'])).toEqual(['Bearer first', 'Bearer second']);
  });

  test('is what a program prints that the kubeconfig names', async () => {
    const command = tempFolder().write('log-in', '#!/bin/sh\necho \'{"status":{"token":"from-program"}}\'\n');
    chmodSync(command, 0o700);
    const { server, api } = await loginAs({ exec: { command } });
    await api.call('GET', SECRETS);
    expect(server.requests[0]?.headers['authorization']).toBe('Bearer from-program');
  });

  test('that fails is told for what it is, and nothing is asked', async () => {
    const { server, api } = await loginAs({ exec: { command: 'sh', args: ['-c', 'echo log in first >&2; exit 1'] } });
    expect((await failureOf(api.call('GET', SECRETS))).message).toBe(`cannot log in to ${server.url}: log in first`);
    expect(server.requests).toEqual([]);
  });

  // The line break at the end of a file is part of the token then, and node-fetch's error shows both.
  test('with a token that is none shows nothing of it', async () => {
    const { server, api } = await loginAs({ token: 'c2VjcmV0\n' });
    const { message, cause } = await failureOf(api.call('GET', SECRETS));
    expect(message).toContain(`cannot log in to ${server.url}: the token`);
    expect(`${message} ${String(cause)}`).not.toContain('c2VjcmV0');
  });

  test('that takes too long ends with the call', async () => {
    const { api } = await loginAs({ exec: { command: 'sleep', args: ['1'] } });
    expect((await failureOf(api.call('GET', SECRETS, { timeoutMs: 50 }))).message).toContain('within 0.05 s');
  });
});

test('over TLS only a certificate of the right authority, for the right name and time, is taken', async () => {
  const made = await makeRegistryCertificates(['127.0.0.1']);
  const folder = tempFolder();
  const caFile = folder.write('ca.crt', made.ca);
  const notPem = Buffer.from('not a certificate').toString('base64');
  const connect = async (served: ServedPair, user: Partial<User> = {}): Promise<ApiServer> => {
    const port = await listen(createTlsServer(served, (_request, response) => response.end('{}')));
    return connectAs(user, { server: `https://127.0.0.1:${port}`, caFile, skipTLSVerify: false });
  };
  const cases: readonly [api: ApiServer, says: string][] = [
    [await connect(made.unknown), 'unknown authority'],
    [await connect(made.wrongName), 'is for another host name'],
    [await connect(made.expired), 'has expired'],
    [await connect(made.notYetValid), 'is not valid yet'],
    [await connect(made.valid, { certData: notPem, keyData: notPem }), 'not valid PEM'],
  ];
  for (const [api, says] of cases) {
    const { message } = await failureOf(api.call('GET', '/version'));
    expect(message).toMatch(/^cannot reach https:\/\/127\.0\.0\.1:\d+: /);
    expect(message).toContain(says);
  }
  const api = await connect(made.valid);
  expect(await api.call('GET', '/version')).toEqual({});
  // Otherwise a cluster whose authority was changed is lost until pullguard is restarted.
  folder.write('ca.crt', made.selfSigned.cert);
  expect((await failureOf(api.call('GET', '/version'))).message).toContain('unknown authority');
});

describe('a watch', () => {
  test('brings each event once and in order, and ends when the server ends it', async () => {
    const { server, api } = await standIn();
    server.seed(SECRETS, [secret('one')]);
    const version = server.get(ONE)?.metadata.resourceVersion ?? '';
    let opened = 0;
    const onOpen = (): void => {
      opened += 1;
      server.seed(SECRETS, [secret('two')]);
      server.remove(ONE);
      server.bookmark();
      server.sendToWatches({ type: 'ERROR', object: { code: 500 } });
      server.disconnectWatches();
    };
    const query = { resourceVersion: version, allowWatchBookmarks: true };
    const events = await collect(api.watch(SECRETS, { query, signal: forever(), onOpen }));
    expect(events.map(({ type }) => type)).toEqual(['ADDED', 'DELETED', 'BOOKMARK', 'ERROR']);
    expect(events[0]?.object).toMatchObject(secret('two'));
    expect(server.requests[0]?.query).toEqual({ watch: 'true', resourceVersion: version, allowWatchBookmarks: 'true' });
    expect(opened).toBe(1);
  });

  test('that is refused says why', async () => {
    const { server, api } = await standIn();
    server.failNext({ status: 403, message: 'may not' });
    const error = await failureOf(collect(api.watch(SECRETS, { signal: forever() })));
    expect(error).toMatchObject({
      message: `the API server returned 403 for the watch of ${SECRETS}: may not`,
      status: 403,
    });
  });

  test('that lost its connection is not taken for one that ended', async () => {
    const { server, api } = await standIn();
    const onOpen = (): void => {
      server.disconnectWatches('cut');
    };
    const error = await failureOf(collect(api.watch(SECRETS, { signal: forever(), onOpen })));
    expect(error.message).toBe(`cannot reach ${server.url}: the connection was closed`);
  });

  test.each<[what: string, text: string, says: string]>([
    ['a line that is no JSON', 'c2VjcmV0\n', 'is not JSON'],
    ['a line that is no event', '{"type":"c2VjcmV0"}\n', 'other than an event'],
    ['half an event', '{"type":"ADDED","object":', 'ended in the middle'],
  ])('with %s is broken, and nothing of it is shown', async (_what, text, says) => {
    const api = await oddServer((_request, response) => response.end(text));
    const error = await failureOf(collect(api.watch(SECRETS, { signal: forever() })));
    expect(error.message).toContain(says);
    expect(error.message).not.toContain('c2VjcmV0');
  });

  // Behind a load balancer a connection may die without a word; its facts would stay as they are for ever.
  test.each([
    ['is never answered', true],
    ['falls silent', false],
  ])('that %s is given up', async (_what, hangs) => {
    const { server, api } = await standIn();
    if (hangs) server.hang();
    const error = await failureOf(collect(api.watch(SECRETS, { signal: forever(), idleMs: 50 })));
    expect(error.message).toBe(`the watch of ${SECRETS} is broken: nothing received from ${server.url} for 0.05 s`);
  });

  test('is not dead while its events are being dealt with', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { server, api } = await standIn();
    server.seed(SECRETS, [secret('one'), secret('two')]);
    let seen = 0;
    for await (const event of api.watch(SECRETS, { signal: forever(), idleMs: 100 })) {
      vi.advanceTimersByTime(150);
      expect(event.type).toBe('ADDED');
      if (++seen === 2) server.disconnectWatches();
    }
    expect(seen).toBe(2);
  });

  test.each<[when: string, abortOn: 'start' | 'open' | 'event']>([
    ['before it began', 'start'],
    ['while it is quiet', 'open'],
    ['in the middle of events', 'event'],
  ])('that is given up %s ends without a word and frees its connection', async (_when, abortOn) => {
    const { server, api } = await standIn();
    server.seed(SECRETS, abortOn === 'event' ? [secret('one'), secret('two')] : []);
    const caller = new AbortController();
    const abort = (): void => {
      caller.abort();
    };
    if (abortOn === 'start') abort();
    const events: WatchEvent[] = [];
    const onOpen = (): void => {
      if (abortOn === 'open') setImmediate(abort);
    };
    for await (const event of api.watch(SECRETS, { signal: caller.signal, onOpen })) {
      events.push(event);
      abort();
    }
    expect(events).toHaveLength(abortOn === 'event' ? 1 : 0);
    await expect.poll(() => server.openWatches()).toBe(0);
  });

  test('whose reader leaves frees its connection', async () => {
    const { server, api } = await standIn();
    server.seed(SECRETS, [secret('one')]);
    for await (const event of api.watch(SECRETS, { signal: forever() })) {
      expect(event.type).toBe('ADDED');
      break;
    }
    await expect.poll(() => server.openWatches()).toBe(0);
  });
});

describe('the lines of a watch', () => {
  const LIMIT = 20;

  async function linesOf(...chunks: readonly (string | Buffer)[]): Promise<unknown[]> {
    const lines: unknown[] = [];
    const stream = (async function* () {
      for (const chunk of chunks) yield await Promise.resolve(Buffer.from(chunk));
    })();
    for await (const line of readLines(stream, () => createBoundedText(LIMIT))) lines.push(line);
    return lines;
  }

  // A network cuts where it likes, also within a character of several bytes.
  test('are the same wherever the stream was cut', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 20 });
    const texts = fc.array(fc.string({ unit: fc.constantFrom('a', ' ', 'é', '€', '😀'), maxLength: 4 }));
    await fc.assert(
      fc.asyncProperty(texts, sizes, async (lines, cuts) => {
        let rest = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        const chunks = cuts.map((size) => {
          const chunk = rest.subarray(0, size);
          rest = rest.subarray(size);
          return chunk;
        });
        expect(await linesOf(...chunks, rest)).toEqual(lines.filter((line) => line.trim() !== ''));
      }),
      { numRuns: 50 },
    );
  });

  // Half an event may be valid JSON with another meaning: `1` of `12`. Without end, one would fill the memory of the pod.
  test('that were cut off, or are without end, are none', async () => {
    const part = 'x'.repeat(LIMIT);
    await expect(linesOf('{"a":1}\n', '{"a"')).rejects.toThrow('the response ended in the middle of a line');
    await expect(linesOf(part)).rejects.toThrow('ended in the middle');
    expect(await linesOf(part, 'x', 'y', 'z\n{}\n')).toEqual([{ head: `${part}x` }, '{}']);
  });
});

// A certificate made by a clock that is behind is not valid yet to the API server, which then calls no webhook.
test("the clock is the server's, from its latest answer on", async () => {
  const NOON = Date.parse('2026-01-01T12:00:00.000Z');
  vi.useFakeTimers({ now: NOON, toFake: ['Date'] });
  let date: string | undefined;
  const api = await oddServer((_request, response) => {
    response.sendDate = false;
    if (date !== undefined) response.setHeader('Date', date);
    response.end('{}');
  });
  const says: readonly [date: string | undefined, aheadMs: number][] = [
    [undefined, 0],
    ['soon', 0],
    ['Thu, 01 Jan 2026 12:00:00 GMT', 0],
    ['Thu, 01 Jan 2026 13:00:00 GMT', 3_600_500],
    // What cannot be read changes nothing.
    ['not a date', 3_600_500],
    // A slow answer explains it.
    ['Thu, 01 Jan 2026 11:59:58 GMT', 0],
    ['Thu, 01 Jan 2026 11:59:57 GMT', -2500],
  ];
  for (const [header, aheadMs] of says) {
    date = header;
    await api.call('GET', '/version');
    expect([header, api.now().getTime() - NOON]).toEqual([header, aheadMs]);
  }
  vi.advanceTimersByTime(60_000);
  expect(api.now().getTime() - NOON).toBe(60_000 - 2500);
});

test.each([
  [undefined, 'default'],
  ['web', 'web'],
])('the namespace of a context that says %s is %s', (given, namespace) => {
  expect(connectTo({ url: 'http://127.0.0.1:1' }, given).namespace).toBe(namespace);
});

test('the variables of a proxy are for registries: API servers are called directly, unless the kubeconfig has a proxy-url', async () => {
  const proxied: string[] = [];
  const proxy = createServer().on('connect', ({ url }, socket) => {
    proxied.push(url ?? '');
    socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
  });
  const url = `http://127.0.0.1:${await listen(proxy)}`;
  for (const name of ['HTTPS_PROXY', 'HTTP_PROXY', 'https_proxy', 'http_proxy']) vi.stubEnv(name, url);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  const { server, api } = await standIn();
  expect(await api.call('GET', SECRETS)).toHaveProperty('items');
  expect(proxied).toEqual([]);
  const other = connectAs({}, { server: server.url, skipTLSVerify: true, proxyUrl: url });
  await failureOf(other.call('GET', SECRETS));
  expect(proxied).toHaveLength(1);
});
