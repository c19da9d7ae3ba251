import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { failBy, failWith } from '../../../src/cause/answer.ts';
import { createExchange, type ExchangeLimits } from '../../../src/registry/exchange/create-exchange.ts';
import type { ExchangeFailure } from '../../../src/registry/exchange/exchange.ts';
import type { Answer, FaultRegistry } from '../../support/fault-registry.ts';
import { registryCertificates } from '../../support/certificates.ts';
import type { RegistryCertificates } from '../../support/registry-certificates.ts';
import { ask, LOOPBACK, requestFor, serve } from './asking.ts';

/** For what never happens: whatever is to happen has the usual times, as machines are busy. */
const SHORT = { lookupMs: 150, connectMs: 150, tlsMs: 150, answerMs: 150 };

/** Names in these tests are on the loopback. */
const resolve = () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]);

const OK = { status: 200 };
const TIMEOUT: ExchangeFailure = failWith('timeout');
const DNS_FAILED = { outcome: 'dns-failed' };
const RESET: ExchangeFailure = failWith('connection-reset');

let certificates: RegistryCertificates;

beforeAll(async () => {
  certificates = await registryCertificates();
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

  test.each<[what: string, method: 'GET' | 'HEAD', answer: string, told: object]>([
    ['tell a length for HEAD', 'HEAD', '200 OK\r\nContent-Length: 5000000', { body: Buffer.alloc(0) }],
    ['offer another protocol', 'GET', '200 OK\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 0', OK],
    ['redirect, and nobody goes there', 'GET', '307 Moved\r\nLocation: /b\r\nContent-Length: 0', { status: 307 }],
  ])('may %s', async (_what, method, answer, told) => {
    const server = await serve(raw(`HTTP/1.1 ${answer}\r\n\r\n`));
    expect(await createExchange()(requestFor(`http://${server.host}/`, { method }))).toMatchObject(told);
    expect(server.requests).toHaveLength(1);
  });

  test('is not sent a user that stands in a URL', async () => {
    const server = await serve(ok);
    await createExchange()(requestFor(`http://user:password@${server.host}/`));
    expect(server.requests[0]?.headers.authorization).toBeUndefined();
  });

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
  const ENDED_EARLY = failBy('ended-early');
  const NOT_HTTP = failBy('not-http');
  const TOO_LONG = failBy('too-long', 64 * 1024);
  const HALF = 'Content-Length: 10\r\n\r\n12345';
  const CHUNKS = 'Transfer-Encoding: chunked\r\n\r\n';
  const gzip: Answer = (_request, response) => response.writeHead(200, { 'Content-Encoding': 'gzip' }).end('1234');
  const long: Answer = (_request, response) => response.end(Buffer.alloc(64 * 1024 + 1));

  test.each<[what: string, failure: ExchangeFailure, answer: Answer | string, then?: 'end' | 'reset']>([
    ['never answers', TIMEOUT, () => undefined],
    ['hangs up before it answers', RESET, hangUp],
    ['breaks the connection', RESET, (_request, response) => socketOf(response).resetAndDestroy()],
    ['hangs up in its headers', RESET, 'Content-', 'end'],
    ['stops in its headers', TIMEOUT, 'Content-'],
    ['stops in its body', TIMEOUT, HALF],
    ['hangs up in its body', ENDED_EARLY, HALF, 'end'],
    ['breaks off in its body', ENDED_EARLY, HALF, 'reset'],
    ['hangs up in its chunks', ENDED_EARLY, `${CHUNKS}5\r\n12`, 'end'],
    ['hangs up after a chunk', ENDED_EARLY, `${CHUNKS}1\r\n1\r\n`, 'end'],
    ['sends no chunks', NOT_HTTP, `${CHUNKS}hello\r\n`],
    ['says too small a length', NOT_HTTP, 'Content-Length: 2\r\n\r\n12345'],
    ['says two lengths', NOT_HTTP, 'Content-Length: 1\r\nContent-Length: 2\r\n\r\n12'],
    ['says no number for a length', NOT_HTTP, 'Content-Length: many\r\n\r\n12'],
    ['speaks something else', NOT_HTTP, raw('SSH-2.0-OpenSSH_9.6\r\n')],
    ['has headers without end', NOT_HTTP, 'X-Flood: 12345678\r\n'.repeat(1500)],
    ['has one header without end', NOT_HTTP, `X-Flood: ${'1'.repeat(20_000)}`],
    ['has a line break in a header', NOT_HTTP, 'X: 1\n2\r\n\r\n'],
    ['sends interim answers without end', NOT_HTTP, raw('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(6))],
    [
      'goes over to another protocol',
      failBy('other-protocol'),
      raw('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n'),
    ],
    ['compresses', failBy('compressed'), gzip],
    ['has a longer body than is read, and says so', TOO_LONG, long],
    ['has a body without end', TOO_LONG, sendForEver('12345678'.repeat(1024))],
    ['has chunks without end', TOO_LONG, sendForEver('1'.repeat(500))],
  ])('%s', async (_what, failure, answer, then) => {
    const server = await serve(typeof answer === 'string' ? raw(`HTTP/1.1 200 OK\r\n${answer}`, then) : answer);
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
    expect(await ask(createExchange(), requestFor(`http://${server.host}/`, soon()))).toEqual(TIMEOUT);
  });

  test('what is over before it began is not sent', async () => {
    const server = await serve(ok);
    const request = requestFor(`http://${server.host}/`, { deadline: performance.now() - 1 });
    expect(await ask(createExchange(), request)).toEqual(TIMEOUT);
    expect(server.connections()).toBe(0);
  });

  test('nobody listens', async () => {
    const server = await serve(ok);
    await server.close();
    expect(await ask(createExchange(), requestTo(server))).toEqual(failWith('connection-refused'));
  });

  // Or names of others that hang would have it said to be out of reach.
  test.each(['http', 'https'])('its name is looked up for ever, which is not its fault, %s', async (protocol) => {
    const never = () => new Promise<never>(() => undefined);
    const url = `${protocol}://registry.example.com/`;
    const late = [
      ask(createExchange({ resolve: never, limits: SHORT }), requestFor(url)),
      ask(createExchange({ resolve: never }), requestFor(url, soon())),
    ];
    expect(await Promise.all(late)).toEqual([DNS_FAILED, DNS_FAILED]);
  });

  test('a late reset after a full answer ends nothing', async () => {
    const server = await serve((_request, response) => {
      const socket = socketOf(response);
      response.end('ok', () => setImmediate(() => socket.resetAndDestroy()));
    });
    const exchange = createExchange();
    for (let round = 0; round < 5; round++) expect(await ask(exchange, requestTo(server))).toMatchObject(OK);
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
    const server = await serve(ok, certificates[served]);
    const request = requestFor(`https://${server.host}/`, { registry: registry() });
    expect(await ask(createExchange(), request)).toEqual({ outcome: 'failed', cause: problem });
    expect(server.requests).toEqual([]);
  });

  test('a certificate is for the name that is asked for, not for another on the same server', async () => {
    const server = await serve(ok, certificates.valid);
    const headers = { Host: 'registry.example.com' };
    const request = requestFor(`https://other.example.com:${server.port}/`, { registry: registry(), headers });
    expect(await ask(createExchange({ resolve }), request)).toEqual(failWith('certificate-wrong-host'));
  });

  test('a CA that the policy of a registry does not name is not trusted, whatever others and the environment say', async () => {
    const server = await serve(ok, certificates.valid);
    const exchange = createExchange();
    const url = `https://${server.host}/`;
    expect(await ask(exchange, requestFor(url, { registry: registry() }))).toMatchObject(OK);
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    expect(await ask(exchange, requestFor(url))).toEqual(failWith('unknown-ca'));
  });

  test('a server without it, and one with it that is asked without', async () => {
    const [plain, tls] = [await serve(ok), await serve(ok, certificates.valid)];
    expect(await ask(createExchange(), requestFor(`https://${plain.host}/`))).toEqual(failBy('no-tls'));
    expect(await ask(createExchange(), requestFor(`http://${tls.host}/`))).toEqual(RESET);
  });

  test.each<[what: string, failure: ExchangeFailure, limits: object, act: (socket: Socket) => void]>([
    ['says nothing', TIMEOUT, SHORT, () => undefined],
    ['hangs up', RESET, {}, (socket) => socket.destroy()],
    ['refuses', failBy('other-tls'), {}, (socket) => socket.end(Buffer.from('15030300020228', 'hex'))],
  ])('a server %s in the handshake', async (_what, failure, limits, act) => {
    const port = await listen(act);
    expect(await ask(createExchange({ limits }), requestFor(`https://127.0.0.1:${port}/`))).toEqual(failure);
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
    const resolveNothing = vi.fn(resolve);
    const failure = await ask(
      createExchange({ resolve: resolveNothing }),
      requestFor(url, { registry: { addresses: [] } }),
    );
    expect(failure).toMatchObject({ outcome: 'forbidden-address' });
    expect(resolveNothing).not.toHaveBeenCalled();
  });

  test.each<[what: string, before: object[]]>([
    ['that it may not have', [metadata, { address: '::1', family: 6 }]],
    ['that do not answer', [{ address: '127.0.0.9', family: 4 }]],
  ])('of a name %s are passed over', async (_what, before) => {
    const server = await serve(ok);
    const exchange = createExchange({ resolve: async () => [...(before as [typeof metadata]), ...(await resolve())] });
    expect(await ask(exchange, requestFor(`http://registry.example.com:${server.port}/`))).toMatchObject(OK);
    expect(server.requests[0]?.headers.host).toBe(`registry.example.com:${server.port}`);
  });

  test('of a name are looked at each time, as they may be others', async () => {
    const server = await serve((_request, response) => response.writeHead(200, { Connection: 'close' }).end());
    const answers = [await resolve(), [metadata]];
    const exchange = createExchange({ resolve: () => Promise.resolve(answers.shift() ?? []) });
    const request = requestFor(`http://registry.example.com:${server.port}/`);
    expect(await ask(exchange, request)).toMatchObject(OK);
    expect(await ask(exchange, request)).toEqual({ outcome: 'forbidden-address', address: '169.254.169.254' });
  });

  test('are those that the system has where nobody says otherwise', async () => {
    const server = await serve(ok);
    const askFor = async (addresses: readonly string[]) =>
      ask(createExchange(), requestFor(`http://localhost:${server.port}/`, { registry: { addresses } }));
    expect(await askFor(['127.0.0.0/8', '::1/128'])).toMatchObject(OK);
    expect(await askFor([])).toMatchObject({ outcome: 'forbidden-address' });
  });
});

describe('what is never sent', () => {
  test.each(['a\r\nX-Evil: 1', 'a\nb', 'a\0b', 'tab\t', 'ünïcode', '\x7f'])('a header with %j', async (value) => {
    const server = await serve(ok);
    const request = requestFor(`http://${server.host}/`, { headers: { Authorization: value } });
    expect(await ask(createExchange(), request)).toEqual(failBy('odd-header'));
    expect(server.connections()).toBe(0);
  });

  test.each(['ftp://127.0.0.1/', 'file:///etc/passwd', 'javascript:1'])('anything but HTTP: %s', async (url) => {
    expect(await ask(createExchange(), requestFor(url))).toEqual(failBy('odd-address'));
  });
});

describe('a connection that is kept', () => {
  test.each<[what: string, answers: [Answer, ...Answer[]], atFirst: number, told: object, requests: number]>([
    ['one was closed meanwhile: it goes once more over a new one', [ok, hangUp, ok], 1, OK, 3],
    ['several were: it costs no more than one turn', [ok, ok, ok, hangUp, ok], 3, OK, 5],
    ['the new one is closed as well, so that is what the registry does', [ok, hangUp], 1, RESET, 3],
    ['there was none before, and so there is no second', [hangUp], 0, RESET, 1],
  ])('may be closed: %s', async (...[, answers, atFirst, told, requests]) => {
    for (const method of ['GET', 'HEAD'] as const) {
      const server = await serve(answerInTurn(answers));
      const exchange = createExchange();
      await Promise.all(Array.from({ length: atFirst }, async () => exchange(requestTo(server))));
      expect(await ask(exchange, { ...requestTo(server), method })).toMatchObject(told);
      expect(server.requests).toHaveLength(requests);
    }
  });

  test.each<[what: string, answer: Answer, limits: Partial<ExchangeLimits>, failure: object]>([
    ['it is silent for too long', () => undefined, { answerMs: 400 }, TIMEOUT],
    ['its answer has begun', hangUpInBody, {}, failBy('ended-early')],
  ])('has nothing sent twice when %s', async (_what, answer, limits, failure) => {
    const server = await serve(answerInTurn([ok, answer, ok]));
    const exchange = createExchange({ limits });
    await exchange(requestTo(server));
    expect(await ask(exchange, requestTo(server))).toEqual(failure);
    // Whatever would be sent in spite of that has reached the server before the second of these.
    for (let round = 0; round < 2; round++) await exchange(requestTo(server));
    expect(server.requests).toHaveLength(4);
  });

  test.each<[when: string, isLate: boolean]>([
    ['with the first', false],
    ['while nothing is asked', true],
  ])('does not have an answer to nothing, %s, taken for the next', async (_when, isLate) => {
    const { port, poisoned } = await serveTwice(isLate);
    const exchange = createExchange();
    const first = await exchange(requestFor(`http://127.0.0.1:${port}/`));
    expect(first.body.toString()).toBe('first');
    await poisoned;
    await new Promise((done) => setTimeout(done, 50));
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
    expect(await asked).toEqual(TIMEOUT);
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

function requestTo(server: FaultRegistry) {
  return requestFor(`http://${server.host}/`);
}

/** A deadline for what would otherwise last for seconds. */
function soon() {
  return { deadline: performance.now() + 200 };
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

/** Each answer once, the last one from then on. */
function answerInTurn(answers: readonly [Answer, ...Answer[]]): Answer {
  let turn = 0;
  return (request, response) => {
    const answer = answers[Math.min(turn, answers.length - 1)] ?? answers[0];
    turn += 1;
    answer(request, response);
  };
}

/** Writes bytes past the HTTP server, and then ends the connection, breaks it, or leaves it open. */
function raw(bytes: string, then?: 'end' | 'reset'): Answer {
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

/** A port until the end of the test, with a server that the answer is not HTTP. */
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

/** Answers the first request twice, in one piece or after a moment, and all others once. */
async function serveTwice(isLate: boolean): Promise<{ port: number; poisoned: Promise<void> }> {
  const answer = (body: string): string => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  let requests = 0;
  let tell: () => void = () => undefined;
  const poisoned = new Promise<void>((done) => {
    tell = done;
  });
  const port = await listen((socket) => {
    socket.on('data', () => {
      requests += 1;
      if (requests > 1) socket.write(answer('second'));
      else if (!isLate) socket.write(answer('first') + answer('poison'), tell);
      else socket.write(answer('first'), () => setTimeout(() => socket.write(answer('poison'), tell), 20));
    });
  });
  return { port, poisoned };
}
