import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { HttpProblem } from './http.ts';

/**
 * The largest body read, in bytes. etcd takes objects of 1.5 MiB, which double when protobuf becomes JSON, and an update
 * brings the old object along: 2 × 2 × 1.5 MiB, and 1 MiB for the rest of the review.
 */
export const MAX_BODY_BYTES = 7 * 1024 * 1024;

/**
 * The most bytes held for all bodies that are being read; beyond it the largest is refused, so that reviews of the usual
 * few kB find room whatever else is sent. A container of 256 MiB has 70 MiB of pullguard in it and needs up to 110 MiB
 * more to parse the worst body, and as much again may wait for the garbage collector: two of the largest bodies still fit.
 */
export const MAX_HELD_BYTES = 2 * MAX_BODY_BYTES;

/**
 * The most lists and objects in a body. Each takes about 100 bytes to parse however few it is written in: 7 MiB of "[" would
 * take 370 MB. Recorded reviews have one in 34 bytes or more; of the largest body this is one in 29.
 */
export const MAX_COLLECTIONS = 250_000;

/** A first buffer for bodies of unknown length; it grows as they come. */
const FIRST_BYTES = 64 * 1024;

/**
 * Reads the JSON body of a request within bounds of size and memory, and hands it over, or what is wrong with it.
 * Nothing here keeps it: a connection remembers its last request, and would hold a whole object for as long as it idles.
 */
export type BodyReader = (request: IncomingMessage, deliver: (outcome: BodyOutcome) => void) => void;

export type BodyOutcome = Readonly<{ problem: HttpProblem }> | Readonly<{ body: unknown }>;

export function createBodyReader(): BodyReader {
  const held: Held = { bytes: 0, large: new Set() };
  return (request, deliver) => {
    const problem = inspectHead(request);
    if (problem !== undefined) {
      deliver({ problem });
      return;
    }
    collectBody(request, held, (collected) => {
      deliver(collected instanceof HttpProblem ? { problem: collected } : parseBody(collected));
    });
  };
}

/** Most bodies are small and come in one piece: only those that do not are worth the time to be kept in a list. */
type Held = { bytes: number; readonly large: Set<Reading> };

/** A body on its way, with the bytes there are of it. */
type Reading = { length: number; readonly settle: (outcome: Buffer | HttpProblem) => void };

function inspectHead({ headers }: IncomingMessage): HttpProblem | undefined {
  const type = headers['content-type'] ?? '';
  if (type !== 'application/json') {
    const [mediaType = '', ...parameters] = type.toLowerCase().split(';');
    if (mediaType.trim() !== 'application/json') {
      return new HttpProblem(415, 'an AdmissionReview is sent with the content type application/json');
    }
    const charset = /^\s*charset\s*=\s*"?([^\s"]*)/;
    if (!parameters.every((parameter) => /^utf-?8$/.test(charset.exec(parameter)?.[1] ?? 'utf-8'))) {
      return new HttpProblem(415, 'the charset is not supported; JSON is sent in UTF-8');
    }
  }
  if ((headers['content-encoding']?.toLowerCase() ?? 'identity') !== 'identity') {
    return new HttpProblem(415, 'the content encoding is not supported; send the body uncompressed, as API servers do');
  }
  return Number(headers['content-length'] ?? 0) > MAX_BODY_BYTES ? tooLarge() : undefined;
}

/** Calls back once, with the body or what is wrong with it. What comes after a problem is thrown away. */
function collectBody(request: IncomingMessage, held: Held, callback: (body: Buffer | HttpProblem) => void): void {
  let body = Buffer.allocUnsafe(Math.min(Number(request.headers['content-length'] ?? FIRST_BYTES), FIRST_BYTES));
  let isSettled = false;
  const reading: Reading = { length: 0, settle };

  request.on('data', (chunk: Buffer) => {
    if (isSettled) return;
    const length = reading.length + chunk.length;
    if (length > MAX_BODY_BYTES) {
      settle(tooLarge());
      return;
    }
    // Copied and not kept: a chunk of one byte, of which there can be millions, takes hundreds.
    if (length > body.length) body = grow(body, length);
    chunk.copy(body, reading.length);
    reading.length = length;
    held.bytes += chunk.length;
    if (length > FIRST_BYTES) held.large.add(reading);
    if (held.bytes > MAX_HELD_BYTES) refuseLargest(held, reading);
  });
  request.on('end', () => {
    settle(body.subarray(0, reading.length));
  });
  request.on('error', () => {
    settle(new HttpProblem(400, 'the body ended early'));
  });

  function settle(outcome: Buffer | HttpProblem): void {
    if (isSettled) return;
    isSettled = true;
    held.large.delete(reading);
    held.bytes -= reading.length;
    body = EMPTY;
    callback(outcome);
  }
}

const EMPTY = Buffer.alloc(0);

function refuseLargest({ large }: Held, last: Reading): void {
  const largest = [...large].reduce((most, reading) => (reading.length > most.length ? reading : most), last);
  largest.settle(new HttpProblem(503, 'too many large requests at once; try again in a second'));
}

function grow(body: Buffer, needed: number): Buffer<ArrayBuffer> {
  const grown = Buffer.allocUnsafe(Math.min(Math.max(2 * body.length, needed), MAX_BODY_BYTES));
  body.copy(grown);
  return grown;
}

function parseBody(body: Buffer): BodyOutcome {
  if (body.length === 0) return { problem: new HttpProblem(400, 'the body is empty') };
  if (!isUtf8(body)) return { problem: new HttpProblem(400, 'the body is not valid UTF-8') };
  if (hasTooManyCollections(body)) {
    const message = `the body has more than ${MAX_COLLECTIONS} lists and objects, which no AdmissionReview has`;
    return { problem: new HttpProblem(413, message) };
  }
  try {
    return { body: JSON.parse(body.toString()) as unknown };
  } catch {
    return { problem: new HttpProblem(400, 'the body is not valid JSON') };
  }
}

/** Brackets in texts count as well, which saves reading JSON twice. Bodies of the usual size are not looked at. */
function hasTooManyCollections(body: Buffer): boolean {
  if (body.length <= MAX_COLLECTIONS) return false;
  let left = MAX_COLLECTIONS;
  for (let at = 0; at < body.length && left >= 0; at++) if (body[at] === BRACKET || body[at] === BRACE) left--;
  return left < 0;
}

const BRACKET = '['.charCodeAt(0);
const BRACE = '{'.charCodeAt(0);

function tooLarge(): HttpProblem {
  return new HttpProblem(413, `the body is larger than ${MAX_BODY_BYTES} bytes, which no AdmissionReview needs`);
}
