import { failBy } from '../../cause/answer.ts';
import type { Fault } from '../../cause/fault.ts';
import type { IncomingMessage } from 'node:http';
import { ExchangeError } from './exchange-error.ts';
import type { ExchangeResponse } from './exchange.ts';

/** What is read of an IncomingMessage. */
export type Incoming = Pick<IncomingMessage, 'headers' | 'statusCode' | 'complete'> & AsyncIterable<Buffer>;

/**
 * The whole of a response, of which no more than `maxBytes` are ever held.
 *
 * @throws ExchangeError `broken` when the body is longer, ends early, or is compressed.
 */
export async function readResponse(incoming: Incoming, maxBytes: number): Promise<ExchangeResponse> {
  const { headers, statusCode: status = 0 } = incoming;
  const encoding = headers['content-encoding'] ?? '';
  if (!/^(?:identity)?$/i.test(encoding)) throw broken('compressed');
  return { status, headers, body: await readBody(incoming, maxBytes) };
}

async function readBody(incoming: Incoming, maxBytes: number): Promise<Buffer> {
  let body = Buffer.alloc(0);
  let length = 0;
  try {
    for await (const chunk of incoming) {
      const needed = length + chunk.length;
      if (needed > maxBytes) throw broken('too-long', maxBytes);
      // Copied and not kept: a chunk of one byte, of which there can be millions, takes hundreds.
      if (needed > body.length) body = grow(body, Math.min(Math.max(2 * body.length, needed), maxBytes));
      chunk.copy(body, length);
      length = needed;
    }
  } catch (error) {
    throw error instanceof ExchangeError ? error : endedEarly();
  }
  if (!incoming.complete) throw endedEarly();
  return body.subarray(0, length);
}

function endedEarly(): ExchangeError {
  return broken('ended-early');
}

function broken(what: Fault['what'], number?: number): ExchangeError {
  return new ExchangeError(failBy(what, number));
}

function grow(body: Buffer, size: number): Buffer<ArrayBuffer> {
  const grown = Buffer.allocUnsafe(size);
  body.copy(grown);
  return grown;
}
