import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { failBy, failWith } from '../../../src/cause/answer.ts';
import { createExchange } from '../../../src/registry/exchange/create-exchange.ts';
import type { ExchangeFailure } from '../../../src/registry/exchange/exchange.ts';
import type { ExchangeLimits } from '../../../src/registry/exchange/send.ts';
import type { Answer, FaultRegistry } from '../../support/fault-registry.ts';
import { makeRegistryCertificates, type RegistryCertificates } from '../../support/registry-certificates.ts';
import { ask, LOOPBACK, requestFor, serve } from './asking.ts';

/** For what never happens: whatever is to happen has the usual times, as machines are busy. */
const SHORT = { connectMs: 150, tlsMs: 150, answerMs: 150 };

/** Names in these tests are on the loopback. */
const resolve = () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]);

const OK = { status: 200 };

let certificates: RegistryCertificates;

beforeAll(async () => {
  certificates = await makeRegistryCertificates();
});

describe('a registry that works', () => {
  test('is asked what was said, and answers with status, headers and body', async () => {
    const server = await serve((_request, response) => {
      response.writeHead(401, { 'WWW-Authenticate': 'Bearer realm="x"' }).end('{"errors":[]}');
    });
    const wrong = { Host: 'elsewhere.example.com', 'accept-encoding': 'gzip' };
    const headers = { Accept: 'application/json', Authorization: 'Basic dTpw', ...wrong };
    const response = await createExchange()(requestFor(`http://${server.host}/v2/a/b?ns=docker.io`, { headers }));
    expect(response).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Bearer realm="x"' } });
    expect(response.body.toString()).toBe('{"errors":[]}');
    expect(server.requests).toEqual([
      {
        method: 'GET',
        url: '/v2/a/b?ns=docker.io',
        headers: {
          accept: 'application/json',
          authorization: 'Basic dTpw',
          host: server.host,
          'accept-encoding': 'identity',
          'user-agent': 'pullguard',
          connection: 'keep-alive',
        },
      },
    ]);
  });

  test('has the length of what it would send in the answer to HEAD', async () => {
    const server = await serve((_request, response) => {
      response.writeHead(200, { 'Content-Length': 5_000_000 }).end();
    });
    const response = await createExchange()(requestFor(`http://${server.host}/`, { method: 'HEAD' }));
    expect(response).toMatchObject({ status: 200, headers: { 'content-length': '5000000' }, body: Buffer.alloc(0) });
  });

  test('may offer another protocol, as Apache does', async () => {
    const server = await serve(
      raw('HTTP/1.1 200 OK\r\nUpgrade: h2,h2c\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nok'),
    );
    const { body } = await createExchange()(requestFor(`http://${server.host}/`));
    expect(body.toString()).toBe('ok');
  });

  test('sends nobody elsewhere: a redirect is an answer like any other', async () => {
    const server = await serve((_request, response) => {
      response.writeHead(307, { Location: '/elsewhere' }).end();
    });
    expect(await createExchange()(requestFor(`http://${server.host}/`))).toMatchObject({ status: 307 });
    expect(server.requests).toHaveLength(1);
  });

  test.each(['http://user:password@HOST/', 'http://user@HOST/'])(
    'is not sent a user that stands in a URL: %s',
    async (url) => {
      const server = await serve((_request, response) => response.end());
      await createExchange()(requestFor(url.replace('HOST', server.host)));
      expect(server.requests[0]?.headers.authorization).toBeUndefined();
    },
  );

  test.each([
    ['localhost', 'localhost'],
    ['registry.example.com', 'registry.example.com'],
    ['registry.example.com.', 'registry.example.com'],
    ['127.0.0.1', false],
  ])('shows a certificate for %s of a CA that the policy trusts, when asked for %s', async (host, servername) => {
    let askedFor: unknown;
    const server = await serve(({ socket }, response) => {
      if ('servername' in socket) askedFor = socket.servername;
      response.end('ok');
    }, certificates.valid);
    const registry = { ...LOOPBACK, ca: certificates.ca };
    const response = await createExchange({ resolve })(requestFor(`https://${host}:${server.port}/`, { registry }));
    expect(response.body.toString()).toBe('ok');
    expect(askedFor).toBe(servername);
  });
});

describe('what a registry does wrong', () => {
  const TIMEOUT: ExchangeFailure = failWith('timeout');
  const RESET: ExchangeFailure = failWith('connection-reset');
  const ENDED_EARLY = failBy('ended-early');
  const NOT_HTTP = failBy('not-http');

  test.each<[what: string, failure: ExchangeFailure, answer: Answer]>([
    ['never answers', TIMEOUT, () => undefined],
    ['hangs up before it answers', RESET, (_request, response) => socketOf(response).destroy()],
    ['breaks the connection', RESET, (_request, response) => socketOf(response).resetAndDestroy()],
    ['hangs up in its headers', RESET, raw('HTTP/1.1 200 OK\r\nContent-', 'end')],
    ['stops in its headers', TIMEOUT, raw('HTTP/1.1 200 OK\r\nContent-')],
    ['stops in its body', TIMEOUT, raw('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345')],
    ['hangs up in its body', ENDED_EARLY, raw('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345', 'end')],
    ['breaks off in its body', ENDED_EARLY, raw('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345', 'reset')],
    ['hangs up in its chunks', ENDED_EARLY, raw('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12', 'end')],
    [
      'hangs up after a chunk',
      ENDED_EARLY,
      raw('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n1\r\n', 'end'),
    ],
    ['sends no chunks', NOT_HTTP, raw('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello\r\n')],
    ['says too small a length', NOT_HTTP, raw('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n12345')],
    ['says two lengths', NOT_HTTP, raw('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n12')],
    ['says no number for a length', NOT_HTTP, raw('HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n12')],
    ['speaks something else', NOT_HTTP, raw('SSH-2.0-OpenSSH_9.6\r\n')],
    ['has headers without end', NOT_HTTP, raw(`HTTP/1.1 200 OK\r\n${'X-Flood: 12345678\r\n'.repeat(1500)}`)],
    ['has one header without end', NOT_HTTP, raw(`HTTP/1.1 200 OK\r\nX-Flood: ${'1'.repeat(20_000)}`)],
    ['has a line break in a header', NOT_HTTP, raw('HTTP/1.1 200 OK\r\nX: 1\n2\r\n\r\n')],
    ['sends interim answers without end', NOT_HTTP, raw('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(6))],
    [
      'goes over to another protocol',
      failBy('other-protocol'),
      raw('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n'),
    ],
    [
      'compresses',
      failBy('compressed'),
      (_request, response) => response.writeHead(200, { 'Content-Encoding': 'gzip' }).end('1234'),
    ],
    [
      'has a longer body than is read, and says so',
      failBy('too-long', 64 * 1024),
      (_request, response) => response.end(Buffer.alloc(64 * 1024 + 1)),
    ],
    ['has a body without end', failBy('too-long', 64 * 1024), sendForEver('12345678'.repeat(1024))],
    ['has chunks without end', failBy('too-long', 64 * 1024), sendForEver('1'.repeat(500))],
  ])('%s', async (_what, failure, answer) => {
    const server = await serve(answer);
    const request = requestFor(`http://${server.host}/`, { ...(failure === TIMEOUT && soon()) });
    expect(await ask(createExchange(), request)).toEqual(failure);
  });

  test('a byte now and then does not outlast the deadline', async () => {
    const server = await serve((_request, response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write('.'), 20);
      response.once('close', () => {
        clearInterval(timer);
      });
    });
    const request = requestFor(`http://${server.host}/`, soon());
    expect(await ask(createExchange(), request)).toEqual(TIMEOUT);
  });

  test('what is over before it began is not sent', async () => {
    const server = await serve((_request, response) => response.end());
    const request = requestFor(`http://${server.host}/`, { deadline: performance.now() - 1 });
    expect(await ask(createExchange(), request)).toEqual(TIMEOUT);
    expect(server.connections()).toBe(0);
  });

  test('nobody listens', async () => {
    const server = await serve(() => undefined);
    await server.close();
    const failure = await ask(createExchange(), requestFor(`http://${server.host}/`));
    expect(failure).toEqual(failWith('connection-refused'));
  });

  test.each(['http', 'https'])('its name is looked up for ever, %s', async (protocol) => {
    const exchange = createExchange({ resolve: () => new Promise(() => undefined), limits: SHORT });
    const failure = await ask(exchange, requestFor(`${protocol}://registry.example.com/`));
    expect(failure).toEqual(TIMEOUT);
  });

  test('its name is not known', async () => {
    const exchange = createExchange({
      resolve: () => Promise.reject(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })),
    });
    const failure = await ask(exchange, requestFor('http://registry.example.com/'));
    expect(failure).toEqual(failWith('no-such-host'));
  });

  test('a late reset after a full answer ends nothing', async () => {
    const server = await serve((_request, response) => {
      const socket = socketOf(response);
      response.end('ok', () => setImmediate(() => socket.resetAndDestroy()));
    });
    const exchange = createExchange();
    for (let round = 0; round < 5; round++)
      expect(await ask(exchange, requestFor(`http://${server.host}/`))).toMatchObject({ status: 200 });
  });
});

describe('TLS', () => {
  const registry = () => ({ ...LOOPBACK, ca: certificates.ca });

  test.each<[problem: string, served: Exclude<keyof RegistryCertificates, 'ca'>]>([
    ['unknown-ca', 'unknown'],
    ['unknown-ca', 'selfSigned'],
    ['certificate-expired', 'expired'],
    ['certificate-expired', 'notYetValid'],
    ['certificate-wrong-host', 'wrongName'],
  ])('a certificate is %s: %s', async (problem, served) => {
    const server = await serve((_request, response) => response.end(), certificates[served]);
    const request = requestFor(`https://${server.host}/`, { registry: registry() });
    expect(await ask(createExchange(), request)).toEqual({ outcome: 'failed', cause: problem });
    expect(server.requests).toEqual([]);
  });

  test('a certificate is for the name that is asked for, not for another on the same server', async () => {
    const server = await serve((_request, response) => response.end(), certificates.valid);
    const request = requestFor(`https://other.example.com:${server.port}/`, {
      registry: registry(),
      headers: { Host: 'registry.example.com' },
    });
    const failure = await ask(createExchange({ resolve }), request);
    expect(failure).toEqual(failWith('certificate-wrong-host'));
  });

  test('a CA that the policy does not know is not trusted, whatever the environment says', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    const server = await serve((_request, response) => response.end(), certificates.valid);
    const failure = await ask(createExchange(), requestFor(`https://${server.host}/`));
    expect(failure).toEqual(failWith('unknown-ca'));
  });

  test('what one registry may show, another may not', async () => {
    const server = await serve((_request, response) => response.end(), certificates.valid);
    const exchange = createExchange();
    const url = `https://${server.host}/`;
    expect(await ask(exchange, requestFor(url, { registry: registry() }))).toMatchObject({ status: 200 });
    expect(await ask(exchange, requestFor(url))).toEqual(failWith('unknown-ca'));
  });

  test('a server without TLS', async () => {
    const server = await serve((_request, response) => response.end());
    const failure = await ask(createExchange(), requestFor(`https://${server.host}/`));
    expect(failure).toEqual(failBy('no-tls'));
  });

  test('a server with TLS that is asked without gives an answer or hangs up', async () => {
    const server = await serve((_request, response) => response.end(), certificates.valid);
    const failure = await ask(createExchange(), requestFor(`http://${server.host}/`));
    expect(failure).toMatchObject(failWith('connection-reset'));
  });

  test.each<[what: string, failure: ExchangeFailure, act: (socket: Socket) => void]>([
    ['says nothing', failWith('timeout'), () => undefined],
    ['hangs up', failWith('connection-reset'), (socket) => socket.destroy()],
    ['refuses', failBy('other-tls'), (socket) => socket.end(Buffer.from('15030300020228', 'hex'))],
  ])('a server %s in the handshake', async (_what, failure, act) => {
    const port = await listen(act);
    const isSilent = JSON.stringify(failure).includes('timeout');
    const exchange = createExchange(isSilent ? { limits: SHORT } : {});
    expect(await ask(exchange, requestFor(`https://127.0.0.1:${port}/`))).toEqual(failure);
  });
});

describe('addresses', () => {
  const metadata = { address: '169.254.169.254', family: 4 };

  test.each([
    ...['http://127.0.0.1/', 'http://127.1/', 'http://0x7f.1/', 'http://0177.0.0.1/', 'http://2130706433/'],
    ...['http://127.0.0.1./', 'http://0/', 'http://１２７.0.0.1/', 'http://127。0。0。1/', 'https://%31%32%37.0.0.1/'],
    ...['http://[::1]/', 'http://[::ffff:127.0.0.1]/', 'http://[::ffff:7f00:1]/', 'http://[::]/', 'http://[fe80::1]/'],
    ...['http://169.254.169.254/', 'http://[64:ff9b::169.254.169.254]/', 'https://10.0.0.1:5000/'],
  ])('%s is not connected to without leave', async (url) => {
    const request = requestFor(url, { registry: { addresses: [] } });
    const resolveNothing = vi.fn(resolve);
    const failure = await ask(createExchange({ resolve: resolveNothing }), request);
    expect(failure).toMatchObject({ outcome: 'forbidden-address' });
    expect(resolveNothing).not.toHaveBeenCalled();
  });

  test('a name that leads to the metadata service is refused, and the address told', async () => {
    const exchange = createExchange({ resolve: () => Promise.resolve([metadata]) });
    const failure = await ask(exchange, requestFor('http://registry.example.com/'));
    expect(failure).toEqual({ outcome: 'forbidden-address', address: '169.254.169.254' });
  });

  test('a name that leads there as well is asked where it may be', async () => {
    const server = await serve((_request, response) => response.end('ok'));
    const exchange = createExchange({
      resolve: async () => [metadata, ...(await resolve()), { address: '::1', family: 6 }],
    });
    const response = await exchange(requestFor(`http://registry.example.com:${server.port}/`));
    expect(response.body.toString()).toBe('ok');
    expect(server.requests[0]?.headers.host).toBe(`registry.example.com:${server.port}`);
  });

  test('of two addresses the one that answers is used', async () => {
    const server = await serve((_request, response) => response.end('ok'));
    const exchange = createExchange({
      resolve: async () => [{ address: '127.0.0.9', family: 4 }, ...(await resolve())],
    });
    expect(await ask(exchange, requestFor(`http://registry.example.com:${server.port}/`))).toMatchObject({
      status: 200,
    });
  });

  test('a name that leads elsewhere the second time is judged again', async () => {
    const server = await serve((_request, response) => response.writeHead(200, { Connection: 'close' }).end());
    const answers = [await resolve(), [metadata]];
    const exchange = createExchange({ resolve: () => Promise.resolve(answers.shift() ?? []) });
    const request = requestFor(`http://registry.example.com:${server.port}/`);
    expect(await ask(exchange, request)).toMatchObject({ status: 200 });
    expect(await ask(exchange, request)).toEqual({ outcome: 'forbidden-address', address: '169.254.169.254' });
  });

  test('the system resolver is asked where nobody says otherwise', async () => {
    const server = await serve((_request, response) => response.end());
    const url = `http://localhost:${server.port}/`;
    const registry = { addresses: ['127.0.0.0/8', '::1/128'] };
    expect(await ask(createExchange(), requestFor(url, { registry }))).toMatchObject({ status: 200 });
    const failure = await ask(createExchange(), requestFor(url, { registry: { addresses: [] } }));
    expect(failure).toMatchObject({ outcome: 'forbidden-address' });
  });
});

describe('what is never sent', () => {
  test.each(['a\r\nX-Evil: 1', 'a\nb', 'a\0b', 'tab\t', 'ünïcode', '\x7f'])('a header with %j', async (value) => {
    const server = await serve((_request, response) => response.end());
    const request = requestFor(`http://${server.host}/`, { headers: { Authorization: value } });
    const failure = await ask(createExchange(), request);
    expect(failure).toEqual(failBy('odd-header'));
    expect(server.connections()).toBe(0);
  });

  test.each(['ftp://127.0.0.1/', 'file:///etc/passwd', 'javascript:1'])('anything but HTTP: %s', async (url) => {
    expect(await ask(createExchange(), requestFor(url))).toEqual(failBy('odd-address'));
  });
});

describe('a connection that is kept', () => {
  test('is used for the next request', async () => {
    const server = await serve((_request, response) => response.end('ok'));
    const exchange = createExchange();
    for (let round = 0; round < 3; round++) expect(await ask(exchange, requestTo(server))).toMatchObject(OK);
    expect(server.connections()).toBe(1);
  });

  test.each(['GET', 'HEAD'] as const)('and was closed meanwhile: %s goes once more over a new one', async (method) => {
    const server = await serve(answerInTurn([ok, hangUp, ok]));
    const exchange = createExchange();
    await exchange(requestTo(server));
    expect(await ask(exchange, { ...requestTo(server), method })).toMatchObject(OK);
    expect(server.requests.map((request) => request.method)).toEqual(['GET', method, method]);
    expect(server.connections()).toBe(2);
  });

  test('several that were closed meanwhile cost a request no more than one turn', async () => {
    const server = await serve(answerInTurn([ok, ok, ok, hangUp, ok]));
    const exchange = createExchange();
    await Promise.all([1, 2, 3].map(() => exchange(requestTo(server))));
    expect(await ask(exchange, requestTo(server))).toMatchObject(OK);
    expect(server.requests).toHaveLength(5);
  });

  test('and was closed meanwhile, as the new one is: that is what the registry does', async () => {
    const server = await serve(answerInTurn([ok, hangUp]));
    const exchange = createExchange();
    await exchange(requestTo(server));
    expect(await ask(exchange, requestTo(server))).toEqual(failWith('connection-reset'));
    expect(server.requests).toHaveLength(3);
  });

  test.each<[what: string, answer: Answer, limits: Partial<ExchangeLimits>, failure: object]>([
    ['it is silent for too long', () => undefined, { answerMs: 400 }, failWith('timeout')],
    ['its answer has begun', hangUpInBody, {}, failBy('ended-early')],
  ])('but nothing is sent twice when %s', async (_what, answer, limits, failure) => {
    const server = await serve(answerInTurn([ok, answer, ok]));
    const exchange = createExchange({ limits });
    await exchange(requestTo(server));
    expect(await ask(exchange, requestTo(server))).toEqual(failure);
    // Whatever would be sent in spite of that has reached the server before the second of these.
    for (let round = 0; round < 2; round++) await exchange(requestTo(server));
    expect(server.requests).toHaveLength(4);
  });

  test('a first connection that breaks is no reason for a second one', async () => {
    const server = await serve(hangUp);
    expect(await ask(createExchange(), requestTo(server))).toEqual(failWith('connection-reset'));
    expect(server.requests).toHaveLength(1);
  });

  test.each<[when: string, isLate: boolean]>([
    ['with the first', false],
    ['while nothing is asked', true],
  ])('an answer to nothing, %s, is not taken for the next', async (_when, isLate) => {
    const { port, poisoned } = await serveTwice(isLate);
    const exchange = createExchange();
    const first = await exchange(requestFor(`http://127.0.0.1:${port}/`));
    expect(first.body.toString()).toBe('first');
    await poisoned;
    await new Promise((resolve) => setTimeout(resolve, 50));
    const second = await exchange(requestFor(`http://127.0.0.1:${port}/`));
    expect(second.body.toString()).toBe('second');
  });
});

describe('time', () => {
  /** From now on it passes only when it is told to, for us and not for sockets. */
  function stopTime(): void {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    onTestFinished(() => {
      vi.useRealTimers();
    });
  }

  test('for the answer begins anew with each request', async () => {
    stopTime();
    let arrive: (response: ServerResponse) => void = () => undefined;
    const server = await serve((_request, response) => {
      arrive(response);
    });
    const exchange = createExchange({ limits: { answerMs: 1000 } });
    for (let round = 0; round < 3; round++) {
      const arrived = new Promise<ServerResponse>((done) => (arrive = done));
      const asked = ask(exchange, requestTo(server));
      const response = await arrived;
      vi.advanceTimersByTime(900);
      response.end();
      expect(await asked).toMatchObject(OK);
    }
  });

  test('for the answer is not time for the body, which has as long as there is', async () => {
    stopTime();
    const server = await serve((_request, response) => response.write('1'));
    const exchange = createExchange({ limits: { answerMs: 1000 } });
    const headed = new Promise((done) => {
      const tell = (): void => {
        unsubscribe('http.client.response.finish', tell);
        setImmediate(done);
      };
      subscribe('http.client.response.finish', tell);
    });
    let failure: unknown;
    const asked = ask(exchange, requestTo(server)).then((told) => (failure = told));
    await headed;
    vi.advanceTimersByTime(9900);
    await new Promise((done) => setImmediate(done));
    expect(failure).toBeUndefined();
    vi.advanceTimersByTime(200);
    expect(await asked).toEqual(failWith('timeout'));
  });
});

test('a few interim answers are passed over, as containerd passes over them', async () => {
  const server = await serve((_request, response) => {
    for (const send of ['writeContinue', 'writeProcessing'] as const) response[send]();
    response.writeEarlyHints({ link: '</style.css>; rel=preload' });
    response.end('ok');
  });
  expect(await ask(createExchange(), requestTo(server))).toMatchObject(OK);
});

/** A deadline for what would otherwise last for seconds. */
function soon() {
  return { deadline: performance.now() + 200 };
}

/** Writes bytes past the HTTP server, and then ends the connection, breaks it, or leaves it open. */
function raw(bytes: string, then: 'end' | 'reset' | 'leave' = 'leave'): Answer {
  return (_request, response) => {
    const socket = socketOf(response);
    socket.write(bytes, () => {
      if (then === 'end') socket.end();
      // Later, as a reset overtakes what was sent just before it.
      if (then === 'reset') setTimeout(() => socket.resetAndDestroy(), 100);
    });
  };
}

function sendForEver(piece: string): Answer {
  return (_request, response) => {
    const send = (): void => {
      while (!response.destroyed && response.write(piece));
    };
    response.on('drain', send);
    send();
  };
}

function socketOf({ socket }: ServerResponse): Socket {
  if (socket === null) throw new Error('the connection is gone');
  return socket;
}

/** A port until the end of the test, with a server that does not speak HTTP. */
async function listen(act: (socket: Socket) => void): Promise<number> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => undefined));
    act(socket);
  }).listen(0, '127.0.0.1');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function requestTo(server: FaultRegistry) {
  return requestFor(`http://${server.host}/`);
}

/** Each answer once, the last one from then on. */
function answerInTurn(answers: readonly [Answer, ...Answer[]]): Answer {
  let turn = 0;
  return (request, response) => {
    const answer = answers[Math.min(turn, answers.length - 1)] ?? answers[0];
    turn += 1;
    answer(request, response);
  };
}

function ok(_request: unknown, response: ServerResponse): void {
  response.end('ok');
}

function hangUp(_request: unknown, response: ServerResponse): void {
  response.destroy();
}

function hangUpInBody(_request: unknown, response: ServerResponse): void {
  response.writeHead(200, { 'Content-Length': 10 }).write('12345', () => {
    response.destroy();
  });
}

/** Answers the first request twice, in one piece or after a moment, and all others once. */
async function serveTwice(isLate: boolean): Promise<{ port: number; poisoned: Promise<void> }> {
  const sockets: Socket[] = [];
  let requests = 0;
  let tell: () => void = () => undefined;
  const poisoned = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => undefined));
    socket.on('data', () => {
      requests += 1;
      if (requests > 1) socket.write(answerWith('second'));
      else if (!isLate) socket.write(answerWith('first') + answerWith('poison'), tell);
      else socket.write(answerWith('first'), () => setTimeout(() => socket.write(answerWith('poison'), tell), 20));
    });
  }).listen(0, '127.0.0.1');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, poisoned };
}

function answerWith(body: string): string {
  return `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}
