import { Readable } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { failBy } from '../../../src/cause/answer.ts';
import { ExchangeError } from '../../../src/registry/exchange/exchange.ts';
import { readResponse, type Incoming } from '../../../src/registry/exchange/create-exchange.ts';

test('a body comes whole however it is cut up, unless it is too long', async () => {
  const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(chunks, fc.integer({ min: 0, max: 700 }), async (pieces, maxBytes) => {
      const whole = Buffer.concat(pieces);
      const read = readResponse(incomingOf(pieces), maxBytes);
      if (whole.length > maxBytes) await expect(read).rejects.toBeInstanceOf(ExchangeError);
      else expect((await read).body.equals(whole)).toBe(true);
    }),
  );
});

test('a body of single bytes takes little more memory than its length', async () => {
  const byte = Buffer.from('1');
  const { body } = await readResponse(incomingOf(Array.from({ length: 10_000 }, () => byte)), 16_384);
  expect(body).toHaveLength(10_000);
  expect(body.buffer.byteLength).toBeLessThanOrEqual(16_384);
});

test.each([undefined, '', 'identity', 'Identity'])('an encoding of %s is none', async (encoding) => {
  const headers = { 'content-encoding': encoding };
  const response = await readResponse(incomingOf([Buffer.from('ok')], { headers }), 10);
  expect(response).toEqual({ status: 200, headers, body: Buffer.from('ok') });
});

test.each(['gzip', 'br', 'zstd', 'gzip, identity'])('an encoding of "%s" is not read', async (encoding) => {
  const incoming = incomingOf([Buffer.from('ok')], { headers: { 'content-encoding': encoding } });
  const failure = failBy('compressed');
  await expect(readResponse(incoming, 10)).rejects.toMatchObject({ failure });
});

function incomingOf(chunks: readonly Uint8Array[], special: Partial<Incoming> = {}): Incoming {
  const stream = Readable.from(chunks.map((chunk) => Buffer.from(chunk)));
  return Object.assign(stream, { statusCode: 200, headers: {}, complete: true, ...special });
}
