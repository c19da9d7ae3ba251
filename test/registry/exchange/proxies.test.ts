import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { failWith } from '../../../src/cause/answer.ts';
import { createExchange, type ExchangeOptions } from '../../../src/registry/exchange/create-exchange.ts';
import { nameProxy, readProxies } from '../../../src/registry/exchange/proxies.ts';
import { registryCertificates } from '../../support/certificates.ts';
import type { RegistryCertificates } from '../../support/registry-certificates.ts';
import { ask, requestFor, serve } from './asking.ts';

const PROXY = 'http://proxy.example.com:3128';

describe('the proxy of a URL', () => {
  // What golang.org/x/net/http/httpproxy does with the same variables.
  test.each<[noProxy: string, url: string, isDirect: boolean]>([
    ['', 'https://example.com/', false],
    ['', 'https://localhost:5000/', true],
    ['', 'https://127.0.0.1:5000/', true],
    ['', 'https://127.8.8.8/', true],
    ['', 'https://[::1]/', true],
    ['*', 'https://example.com/', true],
    ['a.example,*', 'https://10.0.0.1/', true],
    ['example.com', 'https://example.com/', true],
    ['example.com', 'https://a.b.example.com/', true],
    ['example.com', 'https://notexample.com/', false],
    ['example.com', 'https://example.com:5000/', true],
    ['EXAMPLE.com ', 'https://a.Example.COM/', true],
    ['.example.com', 'https://a.example.com/', true],
    ['.example.com', 'https://example.com/', false],
    ['*.example.com', 'https://a.example.com/', true],
    ['*.example.com', 'https://example.com/', false],
    ['example.com:443', 'https://example.com/', true],
    ['example.com:5000', 'https://example.com/', false],
    ['example.com:5000', 'https://a.example.com:5000/', true],
    ['*.example.com:5000', 'https://a.example.com:5000/', true],
    ['example.com:80', 'http://example.com/', true],
    ['bücher.example', 'https://xn--bcher-kva.example/', true],
    ['10.0.0.0/8', 'https://10.20.30.40/', true],
    ['10.0.0.0/8', 'https://11.0.0.1/', false],
    // A range is of addresses: names are not resolved for it.
    ['10.0.0.0/8', 'https://ten.example.com/', false],
    ['10.0.0.1', 'https://10.0.0.1:5000/', true],
    ['10.0.0.1', 'https://10.0.0.11/', false],
    ['10.0.0.1:5000', 'https://10.0.0.1:5000/', true],
    ['10.0.0.1:5000', 'https://10.0.0.1/', false],
    ['fd00::/8', 'https://[fd00::7]/', true],
    ['fd00::/8', 'https://[fe00::7]/', false],
    ['fd00::7', 'https://[fd00:0::7]:5000/', true],
    ['[fd00::7]:5000', 'https://[fd00::7]:5000/', true],
    ['[fd00::7]:5000', 'https://[fd00::7]/', false],
    ['0.0.0.0/0', 'https://[fd00::7]/', false],
    ['example.org, ,example.com', 'https://example.com/', true],
    [',:443,.', 'https://example.com/', false],
    ['10.0.0.0/99,fd00::/129,a/8', 'https://10.0.0.1/', false],
    ['https://example.com', 'https://example.com/', false],
  ])('NO_PROXY=%s: %s is asked directly: %s', (noProxy, url, isDirect) => {
    for (const name of ['NO_PROXY', 'no_proxy']) {
      const proxyFor = readProxies({ HTTPS_PROXY: PROXY, HTTP_PROXY: PROXY, [name]: noProxy });
      expect(proxyFor(new URL(url)) === undefined).toBe(isDirect);
    }
  });

  test.each<[env: Record<string, string>, url: string, proxy: string | undefined]>([
    [{}, 'https://a.example/', undefined],
    [{ HTTPS_PROXY: PROXY }, 'https://a.example/', 'proxy.example.com:3128'],
    [{ HTTPS_PROXY: PROXY }, 'http://a.example/', undefined],
    [{ HTTP_PROXY: PROXY }, 'https://a.example/', undefined],
    [{ HTTP_PROXY: PROXY }, 'http://a.example/', 'proxy.example.com:3128'],
    [{ https_proxy: PROXY }, 'https://a.example/', 'proxy.example.com:3128'],
    [{ HTTPS_PROXY: '', https_proxy: PROXY }, 'https://a.example/', 'proxy.example.com:3128'],
    [{ HTTPS_PROXY: 'http://upper:1', https_proxy: PROXY }, 'https://a.example/', 'upper:1'],
    [{ HTTPS_PROXY: 'proxy:3128' }, 'https://a.example/', 'proxy:3128'],
    [{ HTTPS_PROXY: 'proxy' }, 'https://a.example/', 'proxy:80'],
    [{ HTTPS_PROXY: 'https://proxy' }, 'https://a.example/', 'proxy:443'],
    [{ HTTPS_PROXY: 'http://[fd00::1]:3128' }, 'https://a.example/', '[fd00::1]:3128'],
    [{ ALL_PROXY: PROXY }, 'https://a.example/', undefined],
  ])('with %j to %s is %s', (env, url, expected) => {
    const proxy = readProxies(env)(new URL(url));
    expect(proxy && nameProxy(proxy)).toBe(expected);
  });

  test.each<[value: string, authorization: string | undefined]>([
    ['http://user:pass@proxy:1', 'user:pass'],
    ['user:p%40ss@proxy:1', 'user:p@ss'],
    ['http://user@proxy:1', 'user:'],
    ['http://us%er:pä%zz@proxy:1', 'us%er:p%C3%A4%zz'],
    ['http://proxy:1', undefined],
  ])('the login in %s is %s', (value, login) => {
    const proxy = readProxies({ HTTPS_PROXY: value })(new URL('https://a.example/'));
    expect(proxy?.authorization).toBe(login && `Basic ${Buffer.from(login).toString('base64')}`);
  });

  test.each([
    [
      'socks5://user:hunter2@proxy:1080',
      'HTTPS_PROXY is a proxy of the type socks5, but only http and https are supported',
    ],
    ['http://user:hunter2@', 'HTTPS_PROXY is not a URL: use one such as http://proxy.example.com:3128'],
    ['http://user:hunter2@pro xy', 'HTTPS_PROXY is not a URL: use one such as http://proxy.example.com:3128'],
  ])('%s is an error that does not show the password', (value, message) => {
    expect(() => readProxies({ HTTPS_PROXY: value })).toThrow(new Error(message));
  });
});

describe('through a proxy', () => {
  let certificates: RegistryCertificates;

  beforeAll(async () => {
    certificates = await registryCertificates();
  });

  type Proxy = Readonly<{ port: number; connects: IncomingMessage[] }>;

  /** A proxy that leads everything to one port of the loopback, or refuses with a status, or never answers. */
  async function startProxy(
    to: number | 'nothing' | Readonly<{ status: number }>,
    tls?: { cert: string; key: string },
  ): Promise<Proxy> {
    const connects: IncomingMessage[] = [];
    const sockets = new Set<Socket>();
    const server = tls === undefined ? createServer() : createTlsServer(tls);
    server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => undefined)));
    server.on('connect', (request: IncomingMessage, client: Socket) => {
      connects.push(request);
      client.on('error', () => undefined);
      if (to === 'nothing') return;
      if (typeof to === 'object') {
        client.end(`HTTP/1.1 ${to.status} Refused\r\nContent-Length: 3\r\n\r\nno!`);
        return;
      }
      const upstream = connect(to, '127.0.0.1', () => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n');
        client.pipe(upstream).pipe(client);
      });
      upstream.on('error', () => client.destroy());
      sockets.add(upstream);
    });
    server.listen(0, '127.0.0.1');
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    await once(server, 'listening');
    return { port: (server.address() as AddressInfo).port, connects };
  }

  /** Names in these tests are known to the proxy alone, and that is on the loopback. */
  function throughProxy(
    { port }: Pick<Proxy, 'port'>,
    { env = {}, ...options }: ExchangeOptions & { env?: object } = {},
  ) {
    const value = `http://user:hunter2@proxy.example.com:${port}`;
    const resolve = async (host: string) =>
      Promise.resolve(host === 'proxy.example.com' ? [{ address: '127.0.0.1', family: 4 }] : []);
    return createExchange({
      resolve,
      proxyFor: readProxies({ HTTPS_PROXY: value, HTTP_PROXY: value, ...env }),
      ...options,
    });
  }

  const PUBLIC = { addresses: [] };

  test('a registry is asked by its name, with TLS to the registry itself, and a tunnel is used again', async () => {
    const registry = await serve((_request, response) => response.end('{}'), certificates.valid);
    const proxy = await startProxy(registry.port);
    const exchange = throughProxy(proxy);
    const request = requestFor('https://registry.example.com/v2/', {
      headers: { Authorization: 'Basic dTpw' },
      registry: { ...PUBLIC, ca: certificates.ca },
    });
    for (let at = 0; at < 3; at++) expect(await ask(exchange, request)).toMatchObject({ status: 200 });
    expect(proxy.connects.map(({ url, headers }) => [url, headers])).toEqual([
      [
        'registry.example.com:443',
        {
          host: 'registry.example.com:443',
          'user-agent': 'pullguard',
          'proxy-authorization': `Basic ${Buffer.from('user:hunter2').toString('base64')}`,
          connection: expect.any(String) as string,
        },
      ],
    ]);
    expect(registry.requests).toHaveLength(3);
    expect(JSON.stringify(registry.requests)).not.toContain('roxy');
    // It is private, but so may anything be that a proxy leads to.
    expect(await ask(exchange, request)).not.toHaveProperty('isPrivate');
  });

  test('plain HTTP goes through a tunnel as well', async () => {
    const registry = await serve((_request, response) => response.end('{}'));
    const proxy = await startProxy(registry.port);
    expect(
      await ask(throughProxy(proxy), requestFor('http://registry.example.com:5000/v2/', { registry: PUBLIC })),
    ).toMatchObject({ status: 200 });
    expect(proxy.connects.map(({ url }) => url)).toEqual(['registry.example.com:5000']);
    expect(registry.requests).toMatchObject([{ url: '/v2/', headers: { host: 'registry.example.com:5000' } }]);
  });

  test('what is in NO_PROXY is asked directly, and its address is checked', async () => {
    const registry = await serve((_request, response) => response.end('{}'));
    const proxy = await startProxy(registry.port);
    const resolve = async () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]);
    const exchange = throughProxy(proxy, { env: { NO_PROXY: '.example.com' }, resolve });
    const url = `http://registry.example.com:${registry.port}/v2/`;
    expect(await ask(exchange, requestFor(url))).toMatchObject({ status: 200 });
    expect(await ask(exchange, requestFor(url, { registry: PUBLIC }))).toEqual({
      outcome: 'forbidden-address',
      address: '127.0.0.1',
    });
    expect(proxy.connects).toEqual([]);
  });

  test.each(['169.254.169.254', '10.0.0.1', '[fd00::1]'])(
    'the proxy is not asked for %s, which the policy does not allow',
    async (host) => {
      const proxy = await startProxy({ status: 200 });
      const asked = await ask(throughProxy(proxy), requestFor(`https://${host}/v2/`, { registry: PUBLIC }));
      expect(asked).toMatchObject({ outcome: 'forbidden-address' });
      expect(proxy.connects).toEqual([]);
    },
  );

  test('a certificate of another name is the fault of the registry', async () => {
    const registry = await serve((_request, response) => response.end('{}'), certificates.wrongName);
    const proxy = await startProxy(registry.port);
    const request = requestFor('https://registry.example.com/v2/', { registry: { ...PUBLIC, ca: certificates.ca } });
    expect(await ask(throughProxy(proxy), request)).toEqual(failWith('certificate-wrong-host'));
    expect(registry.requests).toEqual([]);
  });

  test.each([403, 407, 502, 204])('a proxy that answers with %i says nothing of the registry', async (status) => {
    const proxy = await startProxy({ status });
    const asked = await ask(throughProxy(proxy), requestFor('https://registry.example.com/v2/', { registry: PUBLIC }));
    expect(asked).toEqual({
      outcome: 'proxy-failed',
      proxy: `proxy.example.com:${proxy.port}`,
      says: `HTTP ${status}`,
    });
  });

  test('neither does one that never answers, cannot be found or reached, or whose certificate is not trusted', async () => {
    const request = requestFor('https://registry.example.com/v2/', { registry: PUBLIC });
    const limits = { lookupMs: 100, connectMs: 100, answerMs: 100 };
    const silent = await startProxy('nothing');
    expect(await ask(throughProxy(silent, { limits }), request)).toMatchObject({
      outcome: 'proxy-failed',
      says: 'timeout',
    });
    expect(silent.connects).toHaveLength(1);
    expect(await ask(throughProxy({ port: 1 }), request)).toMatchObject({ says: 'connection refused' });
    const elsewhere = { HTTPS_PROXY: 'http://elsewhere.example.com:1' };
    expect(await ask(throughProxy(silent, { env: elsewhere }), request)).toMatchObject({ says: 'no such host' });
    const secure = await startProxy('nothing', certificates.valid);
    const env = { HTTPS_PROXY: `https://proxy.example.com:${secure.port}` };
    expect(await ask(throughProxy(secure, { env }), request)).toMatchObject({ says: 'unknown ca' });
    expect(secure.connects).toEqual([]);
  });
});
