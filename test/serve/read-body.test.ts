import { gzipSync } from 'node:zlib';
import request from 'supertest';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { MAX_BODY_BYTES, MAX_COLLECTIONS, MAX_HELD_BYTES } from '../../src/serve/read-body.ts';
import {
  connectRaw,
  FINE,
  FINE_ANSWER,
  parseAnswer,
  problemOf,
  rawPost,
  serveApp,
  type RawConnection,
} from './helpers.ts';

const REVIEW = JSON.stringify(FINE);
const TOO_LARGE = problemOf(
  413,
  'RequestEntityTooLarge',
  'the body is larger than 7340032 bytes, which no AdmissionReview needs',
);

describe('size', () => {
  test('a review of exactly the limit is read, a byte more is not', async () => {
    const { url } = await serveApp();
    const body = fill(MAX_BODY_BYTES);
    expect((await post(url, body)).body).toEqual(FINE_ANSWER);
    expect((await post(url, `${body} `)).body).toEqual(TOO_LARGE);
    expect((await post(url, REVIEW)).body).toEqual(FINE_ANSWER);
  });

  test('a length over the limit is refused before anything is sent', async () => {
    const { port } = await serveApp();
    for (const length of [MAX_BODY_BYTES + 1, 1e15]) {
      const { socket, until } = await connectRaw(port);
      socket.write(rawPost('/mutate', '', { 'Content-Length': length }));
      expect(parseAnswer(await until(/\}$/))).toEqual({ code: 413, body: TOO_LARGE });
    }
  });

  test('an endless body is refused at the limit, and its connection ended', async () => {
    const { port, url } = await serveApp();
    const { socket, until, ended } = await connectRaw(port);
    socket.write(chunkedHead());
    const stop = keepSending(socket, chunk('x'.repeat(256 * 1024)));
    expect(parseAnswer(await until(/\}$/))).toEqual({ code: 413, body: TOO_LARGE });
    await ended;
    stop();
    expect((await post(url, REVIEW)).body).toEqual(FINE_ANSWER);
  });

  test('a body in chunks of one byte is read, without holding each', async () => {
    const { port } = await serveApp();
    const { socket, until } = await connectRaw(port);
    const body = fill(300_000);
    socket.write(`${chunkedHead()}${body.replaceAll(/./g, chunk)}0\r\n\r\n`);
    expect(parseAnswer(await until(/\}$/)).body).toEqual(FINE_ANSWER);
  });

  test.each([
    ['lists in lists', (many: number) => '['.repeat(many) + ']'.repeat(many)],
    ['objects in a list', (many: number) => `[${'{},'.repeat(many - 2)}{}]`],
  ])('%s are read up to the limit, and no more', async (_name, make) => {
    const { url } = await serveApp();
    const others = REVIEW.match(/[[{]/g)?.length ?? 0;
    const withMany = (many: number) => REVIEW.replace('"dryRun"', `"many":${make(many)},"dryRun"`);
    expect((await post(url, withMany(MAX_COLLECTIONS - others))).body).toEqual(FINE_ANSWER);
    expect((await post(url, withMany(MAX_COLLECTIONS - others + 1))).body).toEqual(
      problemOf(
        413,
        'RequestEntityTooLarge',
        'the body has more than 250000 lists and objects, which no AdmissionReview has',
      ),
    );
  });
});

describe('content encoding', () => {
  const UNSUPPORTED = problemOf(
    415,
    'UnsupportedMediaType',
    'the content encoding is not supported; send the body uncompressed, as API servers do',
  );

  test.each(['gzip', 'GZIP', 'deflate', 'br', 'zstd', 'gzip, gzip', ''])('%j is refused', async (encoding) => {
    const { port, url } = await serveApp();
    expect(await postEncoded(port, encoding, gzipSync(REVIEW))).toEqual({ code: 415, body: UNSUPPORTED });
    expect((await post(url, REVIEW)).body).toEqual(FINE_ANSWER);
  });

  test('identity, which is none, is read', async () => {
    const { port } = await serveApp();
    expect(await postEncoded(port, 'Identity', Buffer.from(REVIEW))).toEqual({ code: 200, body: FINE_ANSWER });
  });
});

describe('time', () => {
  test('a body that does not arrive within ?timeout=1s is a 408, and its connection ended', async () => {
    const { port, url } = await serveApp();
    const { socket, until, ended } = await connectRaw(port);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const headers = { 'Content-Length': REVIEW.length, Expect: '100-continue' };
    socket.write(rawPost('/mutate?timeout=1s', REVIEW.slice(0, 50), headers));
    await until(/100 Continue/);
    vi.advanceTimersByTime(999);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(1);
    const message = "the request's body did not arrive within its timeout of 1000 ms";
    expect(parseAnswer(await until(/\}$/))).toEqual({ code: 408, body: problemOf(408, 'Timeout', message) });
    vi.runAllTimers();
    await ended;
    expect((await post(url, REVIEW)).body).toEqual(FINE_ANSWER);
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
      .poll(() => lines.filter(({ msg }) => msg === 'refused'))
      .toMatchObject([{ problem: 'the body ended early' }, { problem: 'the body ended early' }]);
  });
});

describe('memory', () => {
  test('of too many large bodies at once the largest is refused, and small reviews find room all the time', async () => {
    const { port, url } = await serveApp();
    // Each sends all but the last byte of its body, and waits.
    const large = fill(0.875 * MAX_BODY_BYTES).slice(0, -1);
    const larger: RawConnection[] = [];
    for (let sent = 0; sent < MAX_HELD_BYTES; sent += large.length) larger.push(await startLarge(port, large));
    const refused = await Promise.race(larger.map(({ until }) => until(/\}$/)));
    const message = 'too many large requests at once; try again in a second';
    expect(parseAnswer(refused)).toEqual({ code: 503, body: problemOf(503, 'ServiceUnavailable', message) });
    expect(refused).toContain('Retry-After: 1\r\n');

    expect((await post(url, REVIEW)).body).toEqual(FINE_ANSWER);
    for (const { socket } of larger) socket.write('}');
    const answers = await Promise.all(larger.map(({ until }) => until(/\}$/)));
    expect(answers.map((answer) => parseAnswer(answer).code).sort()).toEqual([200, 200, 503]);
  });

  test('what is held is given back by every way a body can end, or nothing would be read one day', async () => {
    const { port, url } = await serveApp();
    const half = 'x'.repeat(MAX_BODY_BYTES / 2);
    const start = async (): Promise<RawConnection> => {
      const connection = await connectRaw(port);
      connection.socket.write(rawPost('/mutate?timeout=1s', half, { 'Content-Length': 2 * half.length }));
      return connection;
    };
    for (let round = 0; round < 4; round++) {
      const finished = await start();
      finished.socket.write(half);
      await finished.until(/\}$/);
      const goneAway = await start();
      goneAway.socket.destroy();
      await goneAway.ended;
    }
    const late = await Promise.all(Array.from({ length: 3 }, start));
    for (const { until } of late) expect(parseAnswer(await until(/\}$/)).code).toBe(408);
    for (let round = 0; round < 2; round++) expect((await post(url, fill(MAX_BODY_BYTES))).body).toEqual(FINE_ANSWER);
  });

  test('the largest of many goes first, whoever came first', async () => {
    const { port } = await serveApp();
    const sizes = [0.9, 0.6, 0.3].map((share) => Math.round(share * MAX_BODY_BYTES));
    const connections = await Promise.all(sizes.map(async (size) => startLarge(port, ' '.repeat(size))));
    const last = await connectRaw(port);
    last.socket.write(
      rawPost('/mutate?timeout=30s', ' '.repeat(MAX_BODY_BYTES * 0.7), { 'Content-Length': MAX_BODY_BYTES }),
    );
    expect(await connections[0]?.until(/\}$/)).toMatch(/^HTTP\/1.1 503/);
    for (const { socket } of [...connections.slice(1), last]) expect(socket.bytesRead).toBe(0);
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
  await new Promise<void>((resolve) => {
    connection.socket.write(rawPost('/mutate?timeout=30s', body, { 'Content-Length': body.length + 1 }), () => {
      resolve();
    });
  });
  return connection;
}

function chunkedHead(): string {
  return rawPost('/mutate', '').replace('Content-Length: 0', 'Transfer-Encoding: chunked');
}

function chunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`;
}

/** Writes the text again and again, as fast as it is taken. */
function keepSending(socket: RawConnection['socket'], text: string): () => void {
  let stopped = false;
  const send = (): void => {
    if (!stopped && !socket.destroyed) socket.write(text, send);
  };
  send();
  return () => {
    stopped = true;
  };
}
