import { once } from 'node:events';
import { Agent, get, request as startRequest } from 'node:https';
import { createServer, connect as connectTcp, type AddressInfo } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import request from 'supertest';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createProber } from '../../src/registry/prober/prober.ts';
import { startServer, type RunningServer, type ServerSettings } from '../../src/serve/start-server.ts';
import { createMetrics, type Metrics } from '../../src/serve/metrics.ts';
import { makeCertificates, type Certificates } from '../../src/tls/self-signed.ts';
import { readServingCertificate, type CertificateSource, type ServingCertificate } from '../../src/tls/source.ts';
import { makeClientCertificates } from './client-certificates.ts';
import { NO_IMAGE, probingPolicy, standInRegistry } from '../registry/prober/probing.ts';
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
  type LogLine,
  type RawConnection,
} from './helpers.ts';

const NAMES = ['localhost', '127.0.0.1'];

let serving: Certificates;
let others: Certificates;

beforeAll(async () => {
  [serving, others] = await Promise.all([makeCertificates({ names: NAMES }), makeCertificates({ names: NAMES })]);
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

  test.each([
    [['h2', 'http/1.1'], 'http/1.1'],
    [['http/1.1'], 'http/1.1'],
    [undefined, false],
  ])('a client that offers %j gets %s', async (ALPNProtocols, chosen) => {
    const { port } = await start();
    const socket = await handshake(port, { ...(ALPNProtocols !== undefined && { ALPNProtocols }) });
    expect(socket.alpnProtocol).toBe(chosen);
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
    const changed = { ...read(others), notAfter: new Date('2040-01-01T00:00:00Z') };
    source.change(changed);
    expect(await expiry()).toBe(Date.parse('2040-01-01T00:00:00Z') / 1000);
  });

  test('an expired certificate makes the pod not ready, and says so', async () => {
    const { adminPort, source } = await start();
    const ready = async () => {
      const { status, text } = await request(`http://127.0.0.1:${adminPort}`).get('/readyz');
      return [status, text];
    };
    expect(await ready()).toEqual([200, 'ok\n']);
    source.change({ ...read(others), notAfter: new Date('2020-01-01T00:00:00Z') });
    expect(await ready()).toEqual([
      503,
      'the certificate expired on 2020-01-01T00:00:00Z: put a new certificate and key in place\n',
    ]);
  });
});

describe('with --client-ca only clients with a certificate of that CA are served', () => {
  const clients = makeClientCertificates();
  const strangers = makeClientCertificates();

  test.each([
    ['without a certificate', {}, /certificate required|hang up|ECONNRESET/],
    ['with a certificate of another CA', strangers, /unknown ca|hang up|ECONNRESET/],
    ['with a certificate that is only for servers', 'serving', /certificate|hang up|ECONNRESET/],
  ] as const)('a client %s is refused, and counted', async (_name, client, refusal) => {
    const { port, metrics } = await start({ clientCa: clients.ca });
    const { cert, key } = client === 'serving' ? serving : { cert: undefined, key: undefined, ...client };
    await expect(post(port, { ...(cert !== undefined && { cert, key }) })).rejects.toThrow(refusal);
    await expect.poll(() => readCounter(metrics, 'pullguard_errors_total', { where: 'tls' })).toBe(1);
  });

  test('the right one is served, also after the serving certificate changed', async () => {
    const { port, source } = await start({ clientCa: clients.ca });
    const { cert, key } = clients;
    expect(await post(port, { cert, key })).toEqual(FINE_ANSWER);
    source.change(read(others));
    expect(await post(port, { cert, key, ca: others.ca })).toEqual(FINE_ANSWER);
    await expect(post(port, { ca: others.ca })).rejects.toThrow();
  });
});

describe('HTTP', () => {
  test('idle connections outlast the 90 s for which an API server keeps them, or calls would die on their way', async () => {
    const { port } = await start();
    const agent = new Agent({ keepAlive: true });
    onTestFinished(() => {
      agent.destroy();
    });
    const headers = await new Promise<unknown>((resolve, reject) => {
      get({ host: '127.0.0.1', port, path: '/', ca: serving.ca, agent }, (response) => {
        response.resume();
        resolve(response.headers);
      }).on('error', reject);
    });
    expect(headers).toMatchObject({ connection: 'keep-alive', 'keep-alive': 'timeout=120' });
  });

  const NO_HTTP = problemOf(400, 'BadRequest', 'this is not HTTP as RFC 9112 has it');
  const TOO_LONG = problemOf(431, 'RequestHeaderFieldsTooLarge', 'the address and headers of the request are too long');
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
    await expect.poll(() => lines).toMatchObject([{ msg: 'refused', problem: 'the body ended early' }]);
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

describe('a registry that hangs', () => {
  test('delays a review no longer than the policy says, and its late answer serves the next one', async () => {
    // A refusal is not told where nobody knows which pull secrets a pod has.
    const registry = standInRegistry(() => NO_IMAGE);
    const { registries } = probingPolicy();
    const policy = askingPolicy(50, { ...MIRRORED, registries });
    const prober = createProber({
      policy: () => policy,
      probeImage: registry.probeImage,
      readKeyring: async () => Promise.resolve({ entries: [], isComplete: true }),
      platforms: () => ['linux/amd64'],
      onProbed: () => undefined,
    });
    const { port } = await start({
      policy: () => policy,
      registries: () => ({ known: prober.registries, ask: prober.ask }),
    });
    registry.hold();
    expect(await post(port, {}, '/validate')).toEqual(FINE_ANSWER);
    expect(registry.requests).toHaveLength(1);
    registry.release();
    await expect.poll(() => prober.state()).toEqual({ answers: 1, inFlight: 0 });
    expect(await post(port, {}, '/validate')).toMatchObject({ response: { allowed: false } });
    expect(registry.requests).toHaveLength(1);
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
  test('ends at once when nothing is under way, whatever connections are open', async () => {
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
    const started = performance.now();
    await server.stop(0);
    expect(performance.now() - started).toBeLessThan(1000);
  });

  test('a call whose body is still coming is answered, asked to go elsewhere, and then the server ends', async () => {
    const { port, server } = await start();
    const body = JSON.stringify(FINE);
    const { socket, until, ended } = await connectSecurely(port);
    socket.write(rawPost('/mutate', body.slice(0, 20), { 'Content-Length': body.length }));
    await untilReading(port);
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
    await untilReading(port);
    await server.stop(0);
    await ended;
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

  /** A later request is answered only after an earlier one on another connection was seen. */
  async function untilReading(port: number): Promise<void> {
    await post(port);
  }
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
async function post(port: number, options: ConnectionOptions = {}, path = '/mutate'): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': 'application/json' };
    const target = { host: '127.0.0.1', port, path, method: 'POST', headers, agent: false } as const;
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
