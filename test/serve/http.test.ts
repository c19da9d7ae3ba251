import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import request from 'supertest';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  createBodyReader,
  createSend,
  formatProblem,
  readTimeoutOf,
  sendEarly,
  type BodyOutcome,
} from '../../src/serve/http.ts';
import { LONGEST_BODY, MOST_BODY_BYTES, MOST_COLLECTIONS } from '../../src/text/bounds.ts';
import {
  answerOf,
  connectRaw,
  FINE,
  FINE_ANSWER,
  parseAnswer,
  problemOf,
  type RawConnection,
  rawPost,
  serveApp,
  serveLocally,
} from './helpers.ts';

test.each([
  [400, 'BadRequest'],
  [403, 'Forbidden'],
  [404, 'NotFound'],
  [405, 'MethodNotAllowed'],
  [408, 'Timeout'],
  [413, 'RequestEntityTooLarge'],
  [415, 'UnsupportedMediaType'],
  [431, 'RequestHeaderFieldsTooLarge'],
  [500, 'InternalError'],
  [503, 'ServiceUnavailable'],
  [418, 'Unknown'],
])('%d reaches kubectl as a Status with the reason %s', (code, reason) => {
  expect(JSON.parse(formatProblem(code, 'what is wrong'))).toEqual(problemOf(code, reason, 'what is wrong'));
});

test('the length of an answer counts bytes, so that one with umlauts is not cut off; of two answers the first is sent', async () => {
  const send = createSend(() => false);
  const { url } = await serveLocally((_request, response) => {
    send(response, 200, '{"name":"Müller €"}');
    send(response, 500, '{}');
  });
  const answer = await request(url).get('/');
  expect([answer.status, answer.type, answer.body]).toEqual([200, 'application/json', { name: 'Müller €' }]);
  expect(answer.get('Content-Length')).toBe('22');
});

test('a client that is refused while it sends gets the answer at once, and its connection ends soon', async () => {
  const { port } = await serveLocally((incoming, response) => {
    sendEarly(incoming, response, 413, formatProblem(413, 'too much'));
  });
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const { socket, until, ended } = await connectRaw(port);
  socket.write(rawPost('/', 'the start', { 'Content-Length': 1e9 }));
  const answer = parseAnswer(await until(/\}$/));
  expect(answer).toEqual({ code: 413, body: problemOf(413, 'RequestEntityTooLarge', 'too much') });
  // Goes on sending, as a client does that reads only when it is done.
  for (let more = 0; more < 5; more++) {
    socket.write('more');
    await turn();
  }
  expect(socket.readableEnded).toBe(false);
  // Not those that come of it: something in this process may set one anew each time.
  vi.runOnlyPendingTimers();
  expect(await ended).toContain('Connection: close');
});

test('a client that has sent everything is not kept waiting for the end of the connection', async () => {
  const { port } = await serveLocally((incoming, response) => {
    sendEarly(incoming, response, 415, formatProblem(415, 'no'));
  });
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const { socket, ended } = await connectRaw(port);
  socket.write(rawPost('/', 'all of it'));
  expect(parseAnswer(await ended).code).toBe(415);
});

test.each<[query: string, milliseconds: number]>([
  ['?timeout=1s', 1000],
  ['?timeout=30s', 30_000],
  ['?a=b&timeout=3s&c', 3000],
  ...['', '3', '0s', '31s', '03s', '100s', '-3s', '1.5s', '250ms', '1m', '1m30s', '3s;', '3S', '٣s'].map(
    (value): [string, number] => [`?timeout=${value}`, 10_000],
  ),
  ['', 10_000],
  ['?retimeout=3s', 10_000],
  ['/timeout=3s', 10_000],
])('an API server that calls /mutate%s is waited for %d ms', (query, milliseconds) => {
  expect(readTimeoutOf({ url: `/mutate${query}` })).toBe(milliseconds);
});

const REVIEW = JSON.stringify(FINE);
const TOO_LARGE = 'the body is larger than 19922944 bytes, the limit for an AdmissionReview';
const REFUSED = problemOf(413, 'RequestEntityTooLarge', TOO_LARGE);

/** The answer of `/mutate` to a review whose object was not read. */
const unread = (error: string, problem: string) =>
  answerOf({
    uid: 'b3f1',
    allowed: true,
    warnings: [`pullguard did not check this Pod: ${problem}`],
    auditAnnotations: { error },
  });

describe('size', () => {
  test('a review of exactly the limit is read, and one of a byte more is answered as one that was not', async () => {
    const { url, lines } = await serveApp();
    const body = fill(LONGEST_BODY);
    expect((await post(url, body)).body).toEqual(FINE_ANSWER);
    expect((await post(url, `${body} `)).body).toEqual(unread('too-large', TOO_LARGE));
    expect(lines.at(-1)).toMatchObject({ msg: 'call rejected', uid: 'b3f1', code: 413, allowed: true });
    expect((await post(url, REVIEW)).body).toEqual(FINE_ANSWER);
  });

  test('of a body that says it is too large only the beginning is waited for', async () => {
    const { port } = await serveApp();
    for (const [body, answer] of [
      [fill(70_000), { code: 200, body: unread('too-large', TOO_LARGE) }],
      ['x'.repeat(70_000), { code: 413, body: REFUSED }],
    ] as const) {
      const { socket, until } = await connectRaw(port);
      socket.write(rawPost('/mutate', body, { 'Content-Length': LONGEST_BODY + 1 }));
      expect(parseAnswer(await until(/\}$/))).toEqual(answer);
    }
  });

  test('an endless body is refused at the limit, and its connection ended', async () => {
    const { port, url } = await serveApp();
    const { socket, until, ended } = await connectRaw(port);
    socket.write(chunkedHead());
    const piece = chunk('x'.repeat(1024 * 1024));
    const send = (): void => {
      if (!socket.destroyed) socket.write(piece, send);
    };
    send();
    expect(parseAnswer(await until(/\}$/))).toEqual({ code: 413, body: REFUSED });
    await ended;
    expect((await post(url, REVIEW)).body).toEqual(FINE_ANSWER);
  });

  test('a body in chunks of one byte is read', async () => {
    const { port } = await serveApp();
    const { socket, until } = await connectRaw(port);
    socket.write(`${chunkedHead()}${fill(70_000).replaceAll(/./g, chunk)}0\r\n\r\n`);
    expect(parseAnswer(await until(/\}$/)).body).toEqual(FINE_ANSWER);
  });

  test.each([
    ['lists in lists', (many: number) => '['.repeat(many) + ']'.repeat(many)],
    ['objects in a list', (many: number) => `[${'{},'.repeat(many - 2)}{}]`],
  ])('%s are read up to the limit, and no more', async (_name, make) => {
    const { url } = await serveApp();
    const others = REVIEW.match(/[[{]/g)?.length ?? 0;
    const withMany = (many: number) => REVIEW.replace('"dryRun"', `"many":${make(many)},"dryRun"`);
    expect((await post(url, withMany(MOST_COLLECTIONS - others))).body).toEqual(FINE_ANSWER);
    expect((await post(url, withMany(MOST_COLLECTIONS - others + 1))).body).toEqual(
      unread('too-large', 'the body has more than 250000 lists and objects'),
    );
  });

  test('brackets in texts are no lists', async () => {
    const { url } = await serveApp();
    const text = JSON.stringify('"[{\\'.repeat(MOST_COLLECTIONS));
    expect((await post(url, REVIEW.replace('"dryRun"', `"text":${text},"dryRun"`))).body).toEqual(FINE_ANSWER);
  });
});

describe('content encoding', () => {
  const UNSUPPORTED = problemOf(
    415,
    'UnsupportedMediaType',
    'unsupported content encoding: send the body uncompressed, as API servers do',
  );

  test.each(['gzip', 'BR', 'gzip, gzip', ''])('%j is refused', async (encoding) => {
    const { port, url } = await serveApp();
    expect(await postEncoded(port, encoding, gzipSync(REVIEW))).toEqual({ code: 415, body: UNSUPPORTED });
    expect((await post(url, REVIEW)).body).toEqual(FINE_ANSWER);
  });

  test('identity, which is none, is read', async () => {
    const { port } = await serveApp();
    expect(await postEncoded(port, 'Identity', Buffer.from(REVIEW))).toEqual({ code: 200, body: FINE_ANSWER });
  });
});

test('a client that goes away in the middle of its body is noted, and harms nobody', async () => {
  const { port, url, lines } = await serveApp();
  for (const end of ['end', 'resetAndDestroy'] as const) {
    const { socket, ended } = await connectRaw(port);
    socket.write(rawPost('/mutate', '{"kind":', { 'Content-Length': 1000 }));
    await expect.poll(async () => (await post(url, REVIEW)).status).toBe(200);
    socket[end]();
    await ended;
  }
  await expect
    .poll(() => lines.filter(({ msg }) => msg === 'call rejected'))
    .toMatchObject([
      { problem: 'the body ended before its Content-Length' },
      { problem: 'the body ended before its Content-Length' },
    ]);
});

describe('memory', () => {
  test('of too many large bodies at once the largest is refused, whoever came first, and small reviews find room', async () => {
    const { port, url } = await serveApp();
    // Each sends all but the last byte of its body, and waits.
    const bodies = [0.98, 0.95, 0.9].map((share) => fill(Math.round(share * LONGEST_BODY)));
    const [largest, ...others] = await Promise.all(bodies.map(async (body) => startLarge(port, body)));
    expect((await post(url, REVIEW)).body).toEqual(FINE_ANSWER);
    const last = await connectRaw(port);
    last.socket.write(rawPost('/mutate', ' '.repeat(0.6 * LONGEST_BODY), { 'Content-Length': LONGEST_BODY }));
    const refused = await largest!.until(/\}$/);
    const body = unread('overloaded', 'too many large requests at once: try again in a second');
    expect(parseAnswer(refused)).toEqual({ code: 200, body });
    expect((await post(url, REVIEW)).body).toEqual(FINE_ANSWER);
    expect(last.socket.bytesRead).toBe(0);
    for (const { socket, until } of others) {
      socket.write('}');
      expect(parseAnswer(await until(/\}$/)).body).toEqual(FINE_ANSWER);
    }
  });

  test('many small bodies are bounded as well', async () => {
    // As if two connections sent what takes hundreds.
    const deliveries: BodyOutcome[] = [];
    const read = createBodyReader();
    const send = (bytes: number): PassThrough => {
      const body = new PassThrough();
      const headers = { 'content-type': 'application/json', 'content-length': String(bytes) };
      read(Object.assign(body, { headers }) as unknown as IncomingMessage, (outcome) => deliveries.push(outcome));
      body.write(Buffer.alloc(bytes, ' '));
      return body;
    };
    for (let held = 0; held <= MOST_BODY_BYTES; held += 60_000) send(60_000);
    await expect.poll(() => deliveries).toMatchObject([{ problem: { code: 503 } }]);
  });

  test('what is held is given back by every way a body can end, or nothing would be read one day', async () => {
    const { port, url } = await serveApp();
    const half = 'x'.repeat(LONGEST_BODY / 2);
    for (let round = 0; round < 4; round++) {
      const [finished, goneAway] = await Promise.all([startLarge(port, half), startLarge(port, half)]);
      finished.socket.write('x');
      expect(parseAnswer(await finished.until(/\}$/)).code).toBe(400);
      goneAway.socket.destroy();
      await goneAway.ended;
    }
    for (let round = 0; round < 2; round++) expect((await post(url, fill(LONGEST_BODY))).body).toEqual(FINE_ANSWER);
  });
});

/** A review of that many bytes. */
function fill(bytes: number): string {
  return REVIEW.replace('"dryRun"', `"filling":"${'x'.repeat(bytes - REVIEW.length - 13)}","dryRun"`);
}

async function post(url: string, body: string): Promise<{ status: number; body: unknown }> {
  return request(url).post('/mutate').set('Content-Type', 'application/json').send(body);
}

async function postEncoded(port: number, encoding: string, body: Buffer): Promise<unknown> {
  const { socket, until } = await connectRaw(port);
  socket.write(rawPost('/mutate', '', { 'Content-Encoding': encoding, 'Content-Length': body.length }));
  socket.write(body);
  return parseAnswer(await until(/\}$/));
}

/** Sends a body but for its last byte; resolves when it is on its way. */
async function startLarge(port: number, body: string): Promise<RawConnection> {
  const connection = await connectRaw(port);
  const text = rawPost('/mutate', body.slice(0, -1), { 'Content-Length': body.length });
  await new Promise((resolve) => connection.socket.write(text, resolve));
  return connection;
}

function chunkedHead(): string {
  return rawPost('/mutate', '').replace('Content-Length: 0', 'Transfer-Encoding: chunked');
}

function chunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`;
}
