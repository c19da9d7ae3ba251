import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import {
  LONGEST_BODY,
  LONGEST_REVIEW_HEAD,
  LONGEST_SMALL_BODY,
  MOST_BODY_BYTES,
  MOST_COLLECTIONS,
} from '../text/bounds.ts';
import { HttpProblem } from './http.ts';

/** A small body is read into one block, a large one into several; none of them is copied to make room. */
const FIRST_BYTES = LONGEST_SMALL_BODY;
const BLOCK_BYTES = 256 * 1024;

/**
 * Reads the JSON body of a request within limits of size and memory, and delivers it, or what is wrong with it.
 * The request does not keep the body: an idle connection keeps its last request, and would keep a whole object in memory.
 */
export type BodyReader = (request: IncomingMessage, deliver: (outcome: BodyOutcome) => void) => void;

export type BodyOutcome =
  /** `head` is the beginning of a body that is refused for its size or for lack of memory; a body that is not JSON has none. */
  | Readonly<{ problem: HttpProblem; head?: string }>
  | Readonly<{ body: unknown }>
  /** Parts of a large body that is not parsed yet. It counts as held until `letGo` is called. */
  | Readonly<{ large: readonly Buffer[]; letGo: () => void }>;

export function createBodyReader(): BodyReader {
  const held: Held = { bytes: 0, large: new Set() };
  return (request, deliver) => {
    const problem = inspectHead(request);
    if (problem !== undefined) {
      deliver({ problem });
      return;
    }
    collectBody(request, held, deliver);
  };
}

/** The bodies in memory. Only large ones are listed, to save time: most bodies are small and arrive in one piece. */
type Held = { bytes: number; readonly large: Set<Reading> };

/** A body that is being read, with the number of bytes read so far. */
type Reading = { length: number; readonly refuse: (problem: HttpProblem) => void };

function inspectHead({ headers }: IncomingMessage): HttpProblem | undefined {
  const type = headers['content-type'] ?? '';
  if (type !== 'application/json') {
    const [mediaType = '', ...parameters] = type.toLowerCase().split(';');
    if (mediaType.trim() !== 'application/json') {
      return new HttpProblem(415, 'unsupported content type: send an AdmissionReview as application/json');
    }
    const charset = /^\s*charset\s*=\s*"?([^\s"]*)/;
    if (!parameters.every((parameter) => /^utf-?8$/.test(charset.exec(parameter)?.[1] ?? 'utf-8'))) {
      return new HttpProblem(415, 'unsupported charset: send JSON in UTF-8');
    }
  }
  if ((headers['content-encoding']?.toLowerCase() ?? 'identity') !== 'identity') {
    return new HttpProblem(415, 'unsupported content encoding: send the body uncompressed, as API servers do');
  }
  return undefined;
}

/** Delivers once. Data that arrives after a problem is discarded. */
function collectBody(request: IncomingMessage, held: Held, deliver: (outcome: BodyOutcome) => void): void {
  const declared = Number(request.headers['content-length'] ?? FIRST_BYTES);
  // Only the beginning of a body that is too large is kept, to answer its sender.
  const most = declared > LONGEST_BODY ? LONGEST_REVIEW_HEAD : LONGEST_BODY;
  const first = Buffer.allocUnsafe(Math.min(declared, FIRST_BYTES));
  let blocks = [first];
  let room = first.length;
  let isSettled = false;
  const reading: Reading = { length: 0, refuse };

  request.on('data', (chunk: Buffer) => {
    if (isSettled) return;
    append(chunk);
    reading.length += chunk.length;
    held.bytes += chunk.length;
    if (reading.length > most) {
      refuse(tooLarge());
      return;
    }
    if (reading.length > FIRST_BYTES) held.large.add(reading);
    if (held.bytes > MOST_BODY_BYTES) refuseLargest(held, reading);
  });
  request.on('end', () => {
    if (declared > LONGEST_BODY) refuse(tooLarge());
    else
      settle(() => (blocks.length > 1 ? { large: takeBlocks(), letGo } : parseBody(first.subarray(0, reading.length))));
  });
  request.on('error', () => {
    settle(() => ({ problem: new HttpProblem(400, 'the body ended before its Content-Length') }));
  });

  /** Copies a chunk and does not keep it: there can be millions of chunks of one byte, and each takes hundreds of bytes. */
  function append(chunk: Buffer): void {
    for (let from = 0; from < chunk.length;) {
      let block = blocks.at(-1) ?? first;
      if (room === 0) {
        block = Buffer.allocUnsafe(BLOCK_BYTES);
        blocks.push(block);
        room = block.length;
      }
      const copied = chunk.copy(block, block.length - room, from);
      from += copied;
      room -= copied;
    }
  }

  function takeBlocks(): readonly Buffer[] {
    const last = blocks.pop() ?? first;
    return [...blocks, last.subarray(0, last.length - room)];
  }

  function refuse(problem: HttpProblem): void {
    settle(() => ({ problem, head: first.toString('utf8', 0, Math.min(reading.length, LONGEST_REVIEW_HEAD)) }));
  }

  function letGo(): void {
    held.bytes -= reading.length;
    reading.length = 0;
  }

  function settle(finish: () => BodyOutcome): void {
    if (isSettled) return;
    isSettled = true;
    held.large.delete(reading);
    const outcome = finish();
    if (!('large' in outcome)) letGo();
    blocks = [];
    deliver(outcome);
  }
}

function refuseLargest({ large }: Held, last: Reading): void {
  const largest = [...large].reduce((most, reading) => (reading.length > most.length ? reading : most), last);
  largest.refuse(new HttpProblem(503, 'too many large requests at once: try again in a second'));
}

/** Parses a body, or returns what is wrong with it. */
export function parseBody(
  body: Buffer,
): Readonly<{ problem: HttpProblem; head?: string }> | Readonly<{ body: unknown }> {
  if (body.length === 0) return { problem: new HttpProblem(400, 'the body is empty') };
  if (!isUtf8(body)) return { problem: new HttpProblem(400, 'the body is not valid UTF-8') };
  if (hasTooManyCollections(body)) {
    const message = `the body has more than ${MOST_COLLECTIONS} lists and objects`;
    return { problem: new HttpProblem(413, message), head: body.toString('utf8', 0, LONGEST_REVIEW_HEAD) };
  }
  try {
    return { body: JSON.parse(body.toString()) as unknown };
  } catch {
    return { problem: new HttpProblem(400, 'the body is not valid JSON') };
  }
}

/** Bodies of the usual size are too short for so many, and are not scanned. */
function hasTooManyCollections(body: Buffer): boolean {
  if (body.length <= MOST_COLLECTIONS) return false;
  let count = 0;
  let isInText = false;
  for (let at = 0; at < body.length && count <= MOST_COLLECTIONS; at++) {
    const byte = body[at];
    if (byte === QUOTE) isInText = !isInText;
    else if (isInText) at += byte === BACKSLASH ? 1 : 0;
    else if (byte === BRACKET || byte === BRACE) count++;
  }
  return count > MOST_COLLECTIONS;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BRACKET = 0x5b;
const BRACE = 0x7b;

function tooLarge(): HttpProblem {
  return new HttpProblem(413, `the body is larger than ${LONGEST_BODY} bytes, the limit for an AdmissionReview`);
}
