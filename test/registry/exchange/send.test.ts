import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createExchange } from '../../../src/registry/exchange/exchange.ts';
import type { ExchangeLimits } from '../../../src/registry/exchange/send.ts';
import type { Answer, FaultRegistry } from '../../support/fault-registry.ts';
import { ask, requestFor, serve } from './asking.ts';

const OK = { status: 200 };

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
    expect(await ask(exchange, requestTo(server))).toEqual({ outcome: 'failed', cause: 'connection-reset' });
    expect(server.requests).toHaveLength(3);
  });

  test.each<[what: string, answer: Answer, limits: Partial<ExchangeLimits>, failure: object]>([
    ['it is silent for too long', () => undefined, { answerMs: 400 }, { outcome: 'failed', cause: 'timeout' }],
    [
      'its answer has begun',
      hangUpInBody,
      {},
      { outcome: 'failed', cause: 'broken-registry', fault: { what: 'ended-early' } },
    ],
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
    expect(await ask(createExchange(), requestTo(server))).toEqual({ outcome: 'failed', cause: 'connection-reset' });
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
  test('for the answer begins anew with each request', async () => {
    const server = await serve((_request, response) => {
      setTimeout(() => response.end(), 400);
    });
    const exchange = createExchange({ limits: { connectMs: 1000, answerMs: 1000 } });
    for (let round = 0; round < 3; round++) expect(await ask(exchange, requestTo(server))).toMatchObject(OK);
  });

  test('for the answer is not time for the body', async () => {
    const server = await serve((_request, response) => {
      response.write('1');
      setTimeout(() => response.end('2'), 800);
    });
    const exchange = createExchange({ limits: { answerMs: 500 } });
    expect(await ask(exchange, requestTo(server))).toMatchObject(OK);
  });

  test('is over when the deadline is, even if the part in hand has more', async () => {
    const server = await serve(() => undefined);
    const request = { ...requestTo(server), deadline: performance.now() + 100 };
    expect(await ask(createExchange(), request)).toEqual({ outcome: 'failed', cause: 'timeout' });
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
