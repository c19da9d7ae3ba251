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

/** Small bodies are in one block; a large one is in as many as it takes, and none is copied again. */
const FIRST_BYTES = LONGEST_SMALL_BODY;
const BLOCK_BYTES = 256 * 1024;

/**
 * Reads the JSON body of a request within bounds of size and memory, and hands it over, or what is wrong with it.
 * Nothing here keeps it: a connection remembers its last request, and would hold a whole object for as long as it idles.
 */
export type BodyReader = (request: IncomingMessage, deliver: (outcome: BodyOutcome) => void) => void;

export type BodyOutcome =
  /** `head` is how a body begins that is refused for its size or for want of room; of what is no JSON there is none. */
  | Readonly<{ problem: HttpProblem; head?: string }>
  | Readonly<{ body: unknown }>
  /** Parts of one that is not parsed yet. It counts as held until it is let go. */
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

/** Most bodies are small and come in one piece: only those that do not are worth the time to be kept in a list. */
type Held = { bytes: number; readonly large: Set<Reading> };

/** A body on its way, with the bytes there are of it. */
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

/** Delivers once. What comes after a problem is thrown away. */
function collectBody(request: IncomingMessage, held: Held, deliver: (outcome: BodyOutcome) => void): void {
  const declared = Number(request.headers['content-length'] ?? FIRST_BYTES);
  // Of a body that is too large only the beginning is kept, to answer its sender.
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

  /** Copies it and does not keep it: a chunk of one byte, of which there can be millions, takes hundreds. */
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

/** What a body says, or what is wrong with it. */
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

/** Bodies of the usual size are not looked at. */
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
