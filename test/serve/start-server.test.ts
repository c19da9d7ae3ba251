import { generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request as startRequest, type RequestOptions } from 'node:https';
import { createServer, connect as connectTcp, type AddressInfo } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import forge from 'node-forge';
import request from 'supertest';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createAdminApp } from '../../src/serve/admin.ts';
import { startServer, type RunningServer, type ServerSettings } from '../../src/serve/start-server.ts';
import { createMetrics, type Metrics } from '../../src/serve/metrics.ts';
import { MOST_ADMIN_CONNECTIONS } from '../../src/text/bounds.ts';
import { makeCertificates, type Certificates } from '../../src/tls/self-signed.ts';
import { certificatesFor } from '../support/certificates.ts';
import { readServingCertificate, type CertificateSource, type ServingCertificate } from '../../src/tls/source.ts';
import { MIRRORED } from '../support/policies.ts';
import { askingPolicy, FOREVER_MS, holdRegistries, REFUSED } from './asking.ts';
import {
  collectLog,
  connectRaw,
  FINE,
  FINE_ANSWER,
  parseAnswer,
  problemOf,
  rawPost,
  readCounter,
  serveLocally,
  type LogLine,
  type RawConnection,
} from './helpers.ts';
import { startLoad, type Load } from './load.ts';

const NAMES = ['localhost', '127.0.0.1'];

let serving: Certificates;
let others: Certificates;

beforeAll(async () => {
  [serving, others] = await Promise.all([certificatesFor(...NAMES), makeCertificates({ names: NAMES })]);
});

describe('TLS', () => {
  test.each(['TLSv1.2', 'TLSv1.3'] as const)('%s is served', async (version) => {
    const { port } = await start();
    const socket = await handshake(port, { minVersion: version, maxVersion: version });
    expect([socket.getProtocol(), socket.authorized]).toEqual([version, true]);
  });

  test.each(['TLSv1', 'TLSv1.1'] as const)(
    '%s, which is broken, is refused, counted, and logged for debugging only',
    async (version) => {
      const { port, metrics, lines } = await start();
      await expect(
        handshake(port, { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' }),
      ).rejects.toThrow(/alert protocol version/);
      await expect.poll(() => readCounter(metrics, 'pullguard_errors_total', { where: 'tls' })).toBe(1);
      expect(lines).toMatchObject([{ level: 20, msg: 'TLS handshake failed' }]);
    },
  );

  test('a client that offers HTTP/2 gets HTTP/1.1', async () => {
    const { port } = await start();
    const { alpnProtocol } = await handshake(port, { ALPNProtocols: ['h2', 'http/1.1'] });
    expect(alpnProtocol).toBe('http/1.1');
  });

  test('plain HTTP sent to the TLS port harms nobody', async () => {
    const { port, metrics } = await start();
    const { socket, ended } = await connectRaw(port);
    socket.write('GET / HTTP/1.1\r\n\r\n');
    await ended;
    expect(await post(port)).toEqual(FINE_ANSWER);
    expect(await readCounter(metrics, 'pullguard_errors_total', { where: 'tls' })).toBe(1);
  });

  test('when the certificate expires can be read from the metrics, also after it changed', async () => {
    const { adminPort, source } = await start();
    const expiry = async () => {
      const { text } = await request(`http://127.0.0.1:${adminPort}`).get('/metrics');
      return Number(/^pullguard_certificate_expiry_timestamp_seconds (.*)$/m.exec(text)?.[1]);
    };
    expect(await expiry()).toBe(source.current()!.notAfter.getTime() / 1000);
    source.change({ ...read(others), notAfter: new Date('2040-01-01T00:00:00Z') });
    expect(await expiry()).toBe(Date.parse('2040-01-01T00:00:00Z') / 1000);
  });
});

describe('the admin port', () => {
  const serveAdmin = async (readiness: () => string | undefined = () => undefined) =>
    request((await serveLocally(createAdminApp(createMetrics(), readiness))).url);

  test('/healthz says ok even when not ready: a restart would mend nothing', async () => {
    const { status, type, text } = await (await serveAdmin(() => 'shutting down')).get('/healthz');
    expect([status, type, text]).toEqual([200, 'text/plain', 'ok\n']);
  });

  test('/readyz follows readiness, and says why not', async () => {
    let reason: string | undefined;
    const admin = await serveAdmin(() => reason);
    for (const [now, code] of [
      [undefined, 200],
      ['shutting down', 503],
      [undefined, 200],
    ] as const) {
      reason = now;
      const { status, text } = await admin.get('/readyz?verbose');
      expect([status, text]).toEqual([code, `${now ?? 'ok'}\n`]);
    }
  });

  test('an expired certificate makes the pod not ready, and says so', async () => {
    const { adminPort, source } = await start();
    source.change({ ...read(others), notAfter: new Date('2020-01-01T00:00:00Z') });
    const { status, text } = await request(`http://127.0.0.1:${adminPort}`).get('/readyz');
    expect(status).toBe(503);
    expect(text).toBe('the certificate expired at 2020-01-01T00:00:00Z: install a new certificate and key\n');
  });

  test('/metrics is in the text format of Prometheus', async () => {
    const answer = await (await serveAdmin()).get('/metrics');
    expect([answer.status, answer.get('Content-Type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
    expect(answer.text).toContain('\npullguard_policy_reloads_total{result="success"} 0\n');
  });

  test.each([
    ['get', '/'],
    ['get', '/mutate'],
    ['post', '/metrics'],
    ['get', '/%'],
  ] as const)('%s %s leads to the right addresses, and gives nothing away', async (method, path) => {
    const answer = await (await serveAdmin())[method](path);
    expect([answer.status, answer.text]).toEqual([404, 'not found: use /healthz, /readyz or /metrics\n']);
    expect(answer.get('X-Powered-By')).toBeUndefined();
  });
});

describe('with --client-ca only clients with a certificate of that CA are served', () => {
  const clients = makeClientCertificates();
  const strangers = makeClientCertificates(undefined, makeKeys());

  test.each([
    ['without a certificate', {}, /certificate required|hang up|ECONNRESET/],
    ['with a certificate of another CA', strangers, /unknown ca|hang up|ECONNRESET/],
    ['with a certificate that is only for servers', 'serving', /certificate|hang up|ECONNRESET/],
  ] as const)('a client %s is refused, and counted', async (_name, client, refusal) => {
    const { port, metrics } = await start({ clientCa: holdClientCa(clients.ca) });
    const { cert, key } = client === 'serving' ? serving : { cert: undefined, key: undefined, ...client };
    await expect(post(port, { ...(cert !== undefined && { cert, key }) })).rejects.toThrow(refusal);
    await expect.poll(() => readCounter(metrics, 'pullguard_errors_total', { where: 'tls' })).toBe(1);
  });

  test('the right one is served, also after the serving certificate changed', async () => {
    const { port, source } = await start({ clientCa: holdClientCa(clients.ca) });
    const { cert, key } = clients;
    expect(await post(port, { cert, key })).toEqual(FINE_ANSWER);
    source.change(read(others));
    expect(await post(port, { cert, key, ca: others.ca })).toEqual(FINE_ANSWER);
    await expect(post(port, { ca: others.ca })).rejects.toThrow();
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'a CA that is replaced counts at once over %s: open connections end, and a session from before is of no use',
    async (version) => {
      const clientCa = holdClientCa(clients.ca);
      const { port } = await start({ clientCa });
      const options = { cert: clients.cert, key: clients.key, minVersion: version, maxVersion: version };
      const open = connectTls({ host: '127.0.0.1', port, ca: serving.ca, ...options });
      const sessions: Buffer[] = [];
      open.on('session', (session: Buffer) => sessions.push(session));
      const connection = await connectRaw(port, open);
      open.write(rawPost('/mutate', JSON.stringify(FINE)));
      await connection.until(/\}$/);
      await expect.poll(() => sessions.length).toBeGreaterThan(0);
      clientCa.change(strangers.ca);
      await connection.ended;
      await expect(post(port, { ...options, session: sessions.at(-1)! })).rejects.toThrow();
      expect(await post(port, { cert: strangers.cert, key: strangers.key })).toEqual(FINE_ANSWER);
      // Neither does the serving certificate bring the old ones back.
      await expect(post(port, options)).rejects.toThrow();
    },
  );
});

describe('with --client-name only those of these names are served', () => {
  test.each<
    [what: string, names: Readonly<{ common?: readonly string[]; others?: readonly string[] }>, isServed: boolean]
  >([
    ['as a common name', { common: ['kube-apiserver'] }, true],
    ['as one of two common names', { common: ['other', 'kube-apiserver'] }, true],
    ['as a DNS name', { common: ['other'], others: ['x.example', 'kube-apiserver'] }, true],
    ['as a DNS name, without a common name', { others: ['kube-apiserver'] }, true],
    ['not at all, as a kubelet', { common: ['system:node:a'] }, false],
    ['not at all, without any name', {}, false],
    ['as a part of one', { common: ['kube-apiserver.example'], others: ['a.kube-apiserver'] }, false],
    ['in other letters', { common: ['Kube-apiserver'] }, false],
    ['within a DNS name that has a comma', { others: ['x, DNS:kube-apiserver'] }, false],
    ['beside a DNS name with a quote', { others: ['kube-apiserver', 'x"'] }, false],
  ])('a client with the name %s', async (_what, names, isServed) => {
    const clients = makeClientCertificates(names);
    const { port, metrics, lines } = await start({
      clientCa: holdClientCa(clients.ca),
      clientNames: ['front-proxy', 'kube-apiserver'],
    });
    const answer = await post(port, { cert: clients.cert, key: clients.key });
    const refused = problemOf(
      403,
      'Forbidden',
      'the client certificate has none of the names in --client-name: use the certificate of an API server',
    );
    expect(answer).toEqual(isServed ? FINE_ANSWER : refused);
    const counted = await readCounter(metrics, 'pullguard_calls_refused_total', { reason: 'client-name' });
    expect([counted, lines.filter(({ msg }) => msg === 'call rejected').length]).toEqual(isServed ? [0, 0] : [1, 1]);
  });
});

describe('HTTP', () => {
  test('idle connections outlast the 90 s for which an API server keeps them, or calls would die on their way', async () => {
    const { port } = await start();
    const { socket, until } = await connectSecurely(port);
    socket.write(rawPost('/mutate', JSON.stringify(FINE)));
    expect(await until(/\}$/)).toMatch(/\r\nConnection: keep-alive\r\nKeep-Alive: timeout=120\r\n/);
  });

  const NO_HTTP = problemOf(400, 'BadRequest', 'not valid HTTP (RFC 9112)');
  const TOO_LONG = problemOf(431, 'RequestHeaderFieldsTooLarge', 'the URL and headers of the request are too long');
  const head = 'POST /mutate HTTP/1.1\r\nHost: x\r\n';
  test.each([
    ['no HTTP', 'hello\r\n\r\n', NO_HTTP],
    ['a length that is no number', `${head}Content-Length: x\r\n\r\n`, NO_HTTP],
    ['two lengths', `${head}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`, NO_HTTP],
    ['a length and chunks', `${head}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`, NO_HTTP],
    ['an endless address', `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, TOO_LONG],
    ['an endless header', `${head}X: ${'a'.repeat(20_000)}\r\n\r\n`, TOO_LONG],
  ])('%s is refused in JSON, on both ports', async (_name, text, refusal) => {
    const { port, adminPort } = await start();
    for (const connection of [await connectSecurely(port), await connectRaw(adminPort)]) {
      connection.socket.write(text);
      expect(parseAnswer(await connection.ended)).toEqual({ code: refusal['code'], body: refusal });
    }
    expect(await post(port)).toEqual(FINE_ANSWER);
  });

  test('a body that does not come in time is a 408, and its connection ended', async () => {
    const { port, lines } = await start({ requestTimeoutMs: 100 });
    const { socket, ended } = await connectSecurely(port);
    socket.write(rawPost('/mutate', '{', { 'Content-Length': 100 }));
    const refusal = problemOf(408, 'Timeout', 'the request did not arrive in time');
    expect(parseAnswer(await ended)).toEqual({ code: 408, body: refusal });
    await expect
      .poll(() => lines)
      .toMatchObject([{ msg: 'call rejected', problem: 'the body ended before its Content-Length' }]);
  });

  test('chunks that are none end a request in the middle of its body', async () => {
    const { port } = await start();
    const { socket, ended } = await connectSecurely(port);
    socket.write(rawPost('/mutate', '').replace('Content-Length: 0', 'Transfer-Encoding: chunked'));
    socket.write('5\r\nhello\r\nno length\r\n');
    expect(parseAnswer(await ended).code).toBe(400);
    expect(await post(port)).toEqual(FINE_ANSWER);
  });
});

describe('connections', () => {
  test.each([
    ['calls of nothing that is there', 'GET /x HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['calls without a host', 'GET /x HTTP/1.1\r\n\r\n'],
    ['calls that expect something', 'GET /x HTTP/1.1\r\nHost: x\r\nExpect: x\r\n\r\n'],
  ])('%s that do not wait for an answer end theirs, on both ports, and none is kept', async (_name, call) => {
    const { port, adminPort, server, metrics } = await start();
    const hostile = [await connectSecurely(port), await connectRaw(adminPort)];
    for (const { socket } of hostile) socket.write(call.repeat(600));
    await Promise.all(hostile.map(({ ended }) => ended));
    for (const on of ['webhook', 'admin']) {
      expect(await readCounter(metrics, 'pullguard_connections_refused_total', { port: on, reason: 'pipelined' })).toBe(
        1,
      );
    }
    expect(await post(port)).toEqual(FINE_ANSWER);
    await server.stop(0);
  });

  test('that are used again as soon as an answer is there go on', async () => {
    const { port, metrics } = await start();
    const agent = new Agent({ keepAlive: true, maxSockets: 8 });
    onTestFinished(() => {
      agent.destroy();
    });
    const callInARow = async (): Promise<void> => {
      for (let i = 0; i < 30; i++) expect(await post(port, { agent })).toEqual(FINE_ANSWER);
    };
    await Promise.all(Array.from({ length: 8 }, callInARow));
    const pipelined = { port: 'webhook', reason: 'pipelined' };
    expect(await readCounter(metrics, 'pullguard_connections_refused_total', pipelined)).toBe(0);
  });

  test('held by one client, all that there may be, do not lock out others', async () => {
    const { adminPort, metrics } = await start();
    const connectFrom = async (localAddress: string): Promise<RawConnection> =>
      connectRaw(adminPort, connectTcp({ port: adminPort, host: '127.0.0.1', localAddress }));
    const isHealthy = async ({ socket, until }: RawConnection): Promise<void> => {
      socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
      await until(/ok\n$/);
    };
    const other = await connectFrom('127.0.0.2');
    const held: RawConnection[] = [];
    for (let i = 0; i < MOST_ADMIN_CONNECTIONS; i++) held.push(await connectFrom('127.0.0.1'));
    // Its own oldest one makes room, not the one of another client, which is older.
    await held[0]!.ended;
    await isHealthy(other);
    await isHealthy(held[1]!);
    await isHealthy(await connectFrom('127.0.0.3'));
    const limited = { port: 'admin', reason: 'limit' };
    expect(await readCounter(metrics, 'pullguard_connections_refused_total', limited)).toBe(2);
    expect(await readCounter(metrics, 'pullguard_connections_open', { port: 'admin' })).toBe(MOST_ADMIN_CONNECTIONS);
  });
});

describe('under load', () => {
  const startLoads = (port: number): readonly Load[] =>
    [true, true, false].map((keepAlive) => startLoad({ port, ca: serving.ca + others.ca, keepAlive }));

  /** Some calls later, which are sure to have begun after now. */
  const goOn = async (loads: readonly Load[]): Promise<void> => {
    const targets = loads.map(({ answers }) => answers.length + 3);
    await expect.poll(() => loads.every(({ answers }, at) => answers.length >= targets[at]!)).toBe(true);
  };

  test('a certificate is replaced: no call fails, new connections get the new one, old ones go on', async () => {
    const { port, source, lines } = await start();
    const loads = startLoads(port);
    const [first, second] = [serving, others].map(({ cert }) => new X509Certificate(cert).fingerprint256);
    const seen = (): readonly unknown[] => loads.map(({ answers }) => answers.at(-1)?.fingerprint);
    await goOn(loads);
    expect(seen()).toEqual([first, first, first]);
    for (const next of [others, serving, others]) {
      source.change(read(next));
      await goOn(loads);
      expect(seen()).toEqual([first, first, next === others ? second : first]);
    }
    await Promise.all(loads.map(({ stop }) => stop()));
    expect(loads.flatMap(({ failures }) => failures)).toEqual([]);
    expect(lines.filter(({ msg }) => msg === 'certificate reloaded')).toHaveLength(3);
  });

  test('a server that stops serves on for as long as it is told, and asks every client to go elsewhere', async () => {
    const { port, adminPort, server } = await start();
    const loads = startLoads(port);
    await goOn(loads);
    let isStopped = false;
    const stopping = server.stop(3000).then(() => (isStopped = true));
    expect((await request(`http://127.0.0.1:${adminPort}`).get('/readyz')).text).toBe('shutting down\n');
    const before = loads.map(({ answers }) => answers.length + 1);
    await goOn(loads);
    await Promise.all(loads.map(({ stop }) => stop()));
    expect(isStopped).toBe(false);
    const later = loads.flatMap(({ answers }, at) => answers.slice(before[at]));
    expect(new Set(later.map(({ connection }) => connection))).toEqual(new Set(['close']));
    expect(loads.flatMap(({ failures }) => failures)).toEqual([]);
    await stopping;
  });
});

describe('start', () => {
  test.each(['port', 'adminPort'] as const)('a taken %s is an error, and leaves nothing open', async (which) => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    onTestFinished(() => {
      taken.close();
    });
    const { port } = taken.address() as AddressInfo;
    await expect(start({ [which]: port })).rejects.toMatchObject({ code: 'EADDRINUSE', port });
  });
});

describe('stop', () => {
  test('ends when nothing is under way, whatever connections are open', async () => {
    const { port, adminPort, server } = await start();
    // One that was used, one that never was, one that never got through its handshake, one with half a head.
    const used = await connectSecurely(port);
    used.socket.write(rawPost('/mutate', JSON.stringify(FINE)));
    await used.until(/\}$/);
    await handshake(port);
    const silent = connectTcp(port, '127.0.0.1');
    await once(silent, 'connect');
    const half = await connectSecurely(port);
    half.socket.write('POST /mutate HTTP/1.1\r\nHost:');
    await connectRaw(adminPort);
    await server.stop(0);
  });

  test('a call whose body is still coming is answered, asked to go elsewhere, and then the server ends', async () => {
    const { port, server } = await start();
    const body = JSON.stringify(FINE);
    const { socket, until, ended } = await connectSecurely(port);
    socket.write(rawPost('/mutate', body.slice(0, 20), { 'Content-Length': body.length }));
    // Answered only after the one before it, on another connection, was seen.
    await post(port);
    let stopped = false;
    const stopping = server.stop(0).then(() => (stopped = true));
    // One that comes in the same moment may still get through.
    const isRefused = async (): Promise<boolean> =>
      post(port).then(
        () => false,
        () => true,
      );
    await expect.poll(isRefused).toBe(true);
    expect(stopped).toBe(false);
    socket.write(body.slice(20));
    const answer = await until(/\}$/);
    expect(parseAnswer(answer).body).toEqual(FINE_ANSWER);
    expect(answer).toContain('Connection: close\r\n');
    await ended;
    await stopping;
  });

  test('a body that never comes does not keep the server from ending', async () => {
    const { port, server } = await start({ requestTimeoutMs: 100 });
    const { socket, ended } = await connectSecurely(port);
    socket.write(rawPost('/mutate', '{', { 'Content-Length': 100 }));
    // Answered only after the one before it, on another connection, was seen.
    await post(port);
    await server.stop(0);
    await ended;
  });

  test('nor do calls behind it that it is not answered before', async () => {
    const { registries } = holdRegistries();
    const { port, server } = await start({ policy: () => askingPolicy(FOREVER_MS), registries, requestTimeoutMs: 100 });
    const { socket, ended } = await connectSecurely(port);
    socket.write(rawPost('/validate', JSON.stringify(FINE)).repeat(20));
    await ended;
    await server.stop(0);
  });

  test('a call that waits for registries is answered, asked to go elsewhere, and then the server ends', async () => {
    const { registries, asked, answer } = holdRegistries();
    const { port, server } = await start({ policy: () => askingPolicy(FOREVER_MS), registries });
    const { socket, until, ended } = await connectSecurely(port);
    socket.write(rawPost('/validate', JSON.stringify(FINE)));
    await expect.poll(asked).toBe(1);
    const stopping = server.stop(0);
    answer(REFUSED);
    const received = await until(/\}$/);
    expect(parseAnswer(received).body).toMatchObject({ response: { allowed: false } });
    expect(received).toContain('Connection: close\r\n');
    await ended;
    await stopping;
  });
});

type Started = Readonly<{
  port: number;
  adminPort: number;
  server: RunningServer;
  metrics: Metrics;
  lines: LogLine[];
  source: CertificateSource & { change: (to: ServingCertificate) => void };
}>;

async function start(settings: Partial<ServerSettings> = {}): Promise<Started> {
  const { logger, lines } = collectLog();
  const metrics = createMetrics();
  const source = changeableSource(read(serving));
  const server = await startServer({
    host: '127.0.0.1',
    port: 0,
    adminPort: 0,
    certificate: source,
    policy: () => MIRRORED,
    facts: () => ({}),
    metrics,
    logger,
    ...settings,
  });
  onTestFinished(() => server.stop(0).catch(() => undefined));
  return { port: server.port, adminPort: server.adminPort, server, metrics, lines, source };
}

function changeableSource(first: ServingCertificate): Started['source'] {
  let current = first;
  const listeners: ((certificate: ServingCertificate) => void)[] = [];
  return {
    current: () => current,
    onChange: (listener) => listeners.push(listener),
    close: async () => Promise.resolve(),
    change: (to) => {
      current = to;
      for (const listener of listeners) listener(to);
    },
  };
}

function read({ cert, key }: Certificates): ServingCertificate {
  return readServingCertificate(cert, key);
}

async function handshake(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connectTls({ host: '127.0.0.1', port, ca: serving.ca, ...options });
  onTestFinished(() => {
    socket.destroy();
  });
  await once(socket, 'secureConnect');
  return socket;
}

async function connectSecurely(port: number): Promise<RawConnection> {
  return connectRaw(port, connectTls({ host: '127.0.0.1', port, ca: serving.ca }));
}

/** Sends a review on a connection of its own. */
async function post(port: number, options: RequestOptions & Pick<ConnectionOptions, 'session'> = {}): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': 'application/json' };
    const target = { host: '127.0.0.1', port, path: '/mutate', method: 'POST', headers, agent: false } as const;
    const call = startRequest({ ...target, ca: serving.ca, ...options }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (data: string) => (text += data));
      response.on('end', () => {
        resolve(JSON.parse(text));
      });
    });
    call.on('error', reject).end(JSON.stringify(FINE));
  });
}

/** The same for all clients, as new keys take a third of a second. */
const [CLIENT_AUTHORITY, CLIENT] = [makeKeys(), makeKeys()];

type ClientNames = Readonly<{ common?: readonly string[]; others?: readonly string[] }>;

/** PEM texts: a CA, and a certificate of it that says who calls, as an API server has one. */
function makeClientCertificates(
  { common = [], others: dnsNames = [] }: ClientNames = { common: ['kube-apiserver'] },
  authority = CLIENT_AUTHORITY,
): Readonly<{
  ca: string;
  cert: string;
  key: string;
}> {
  const make = (publicKey: string, names: readonly string[], ...extensions: readonly object[]): string => {
    const certificate = forge.pki.createCertificate();
    certificate.publicKey = forge.pki.publicKeyFromPem(publicKey);
    certificate.serialNumber = '01';
    certificate.validity.notBefore = new Date(Date.now() - 60_000);
    certificate.validity.notAfter = new Date(Date.now() + 3_600_000);
    certificate.setSubject(names.map((value) => ({ shortName: 'CN', value })));
    certificate.setIssuer([{ shortName: 'CN', value: 'clients' }]);
    certificate.setExtensions([...extensions]);
    // In native code, as node-forge takes a second to sign on a busy machine.
    const signer = {
      sign: () => {
        const signed = Buffer.from(forge.asn1.toDer(certificate.tbsCertificate).getBytes(), 'latin1');
        return sign('sha256', signed, authority.privateKey).toString('latin1');
      },
    };
    certificate.sign(signer as unknown as forge.pki.rsa.PrivateKey, forge.md.sha256.create());
    return forge.pki.certificateToPem(certificate);
  };
  return {
    ca: make(authority.publicKey, ['clients'], { name: 'basicConstraints', cA: true, critical: true }),
    cert: make(
      CLIENT.publicKey,
      common,
      { name: 'extKeyUsage', clientAuth: true },
      ...(dnsNames.length > 0
        ? [{ name: 'subjectAltName', altNames: dnsNames.map((value) => ({ type: 2, value })) }]
        : []),
    ),
    key: CLIENT.privateKey,
  };
}

/** The CAs that may call, as a file that changes has them. */
function holdClientCa(pem: string): NonNullable<ServerSettings['clientCa']> & { change: (pem: string) => void } {
  let current = pem;
  const listeners: ((pem: string) => void)[] = [];
  return {
    current: () => current,
    onChange: (listener) => listeners.push(listener),
    change: (changed) => {
      current = changed;
      for (const listener of listeners) listener(changed);
    },
  };
}

function makeKeys(): { publicKey: string; privateKey: string } {
  return generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
}
