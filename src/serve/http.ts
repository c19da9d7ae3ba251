import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  LONGEST_BODY,
  LONGEST_REVIEW_HEAD,
  LONGEST_SMALL_BODY,
  MOST_BODY_BYTES,
  MOST_COLLECTIONS,
} from '../text/bounds.ts';

const REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  408: 'Timeout',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  431: 'RequestHeaderFieldsTooLarge',
  500: 'InternalError',
  503: 'ServiceUnavailable',
};

/** Why a request is refused. The message is sent to the caller and never contains a part of the request. */
export type HttpProblem = Readonly<{ code: number; message: string }>;

/** `head`: the beginning of a body that may be a review nevertheless. */
export type Refusal = Readonly<{ problem: HttpProblem; head?: string }>;

/**
 * A Kubernetes Status object. The API server's client reads it, so that kubectl shows its message instead of "an error on the
 * server". It never contains a stack trace or a part of the body.
 */
export function formatProblem(code: number, message: string): string {
  const reason = REASONS[code] ?? 'Unknown';
  return JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, code, message });
}

/** Answers with JSON. Only the first response to a request is sent. */
export type Send = (response: ServerResponse, code: number, json: string) => void;

/**
 * Sends responses after all requests that have arrived by now are decided. Calls that arrive together take a sixth less processor
 * time this way, as the code for either half stays in the processor's caches, and their client is woken only once.
 *
 * @param closes whether clients should reconnect, which leads to another replica
 */
export function createSend(closes: () => boolean): Send {
  let waiting: Readonly<{ response: ServerResponse; code: number; json: string }>[] = [];
  return (response, code, json) => {
    if (waiting.push({ response, code, json }) === 1) setImmediate(sendAll);
  };

  function sendAll(): void {
    const answers = waiting;
    waiting = [];
    for (const { response, code, json } of answers) {
      if (response.headersSent) continue;
      if (closes()) response.setHeader('Connection', 'close');
      writeJsonHead(response, code, json);
      response.end(json);
    }
  }
}

/** How long a client may take to notice that the rest of its body is not needed. */
const LINGER_MS = 3000;

/**
 * Answers a request whose body has not fully arrived, and closes its connection. The response is sent at once. The rest of the
 * body is discarded for a moment, as a client whose connection breaks while it writes may never read the response.
 */
export function sendEarly(request: IncomingMessage, response: ServerResponse, code: number, json: string): void {
  response.setHeader('Connection', 'close');
  writeJsonHead(response, code, json);
  response.write(json);
  const timer = setTimeout(end, LINGER_MS);
  request.once('end', end).once('close', end).resume();

  function end(): void {
    clearTimeout(timer);
    response.end();
  }
}

function writeJsonHead(response: ServerResponse, code: number, json: string): void {
  response.writeHead(code, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(json) });
}

/** How long an API server waits if its webhook configuration sets no timeout. */
const DEFAULT_TIMEOUT_MS = 10_000;

/** How long a caller waits, in milliseconds. An API server sends `?timeout=10s`, in whole seconds from 1 to 30. */
export function readTimeoutOf({ url = '' }: Pick<IncomingMessage, 'url'>): number {
  const [, seconds] = /[?&]timeout=([1-9]|[12]\d|30)s(?:&|$)/.exec(url) ?? [];
  return seconds === undefined ? DEFAULT_TIMEOUT_MS : Number(seconds) * 1000;
}

/** A small body is read into one block, a large one into several; none of them is copied to make room. */
const FIRST_BYTES = LONGEST_SMALL_BODY;
const BLOCK_BYTES = 256 * 1024;

/**
 * Reads the JSON body of a request within limits of size and memory, and delivers it, or what is wrong with it.
 * The request does not keep the body: an idle connection keeps its last request, and would keep a whole object in memory.
 */
type BodyReader = (request: IncomingMessage, deliver: (outcome: BodyOutcome) => void) => void;

export type BodyOutcome = Refusal | ReadBody;

/** A body that may be a review. */
export type ReadBody =
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
      return { code: 415, message: 'unsupported content type: send an AdmissionReview as application/json' };
    }
    const charset = /^\s*charset\s*=\s*"?([^\s"]*)/;
    if (!parameters.every((parameter) => /^utf-?8$/.test(charset.exec(parameter)?.[1] ?? 'utf-8'))) {
      return { code: 415, message: 'unsupported charset: send JSON in UTF-8' };
    }
  }
  if ((headers['content-encoding']?.toLowerCase() ?? 'identity') !== 'identity') {
    return { code: 415, message: 'unsupported content encoding: send the body uncompressed, as API servers do' };
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
    settle(() => ({ problem: { code: 400, message: 'the body ended before its Content-Length' } }));
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
  largest.refuse({ code: 503, message: 'too many large requests at once: try again in a second' });
}

/** Parses a body, or returns what is wrong with it. */
export function parseBody(body: Buffer): Refusal | Readonly<{ body: unknown }> {
  if (body.length === 0) return { problem: { code: 400, message: 'the body is empty' } };
  if (!isUtf8(body)) return { problem: { code: 400, message: 'the body is not valid UTF-8' } };
  if (hasTooManyCollections(body)) {
    const message = `the body has more than ${MOST_COLLECTIONS} lists and objects`;
    return { problem: { code: 413, message }, head: body.toString('utf8', 0, LONGEST_REVIEW_HEAD) };
  }
  try {
    return { body: JSON.parse(body.toString()) as unknown };
  } catch {
    return { problem: { code: 400, message: 'the body is not valid JSON' } };
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
  return { code: 413, message: `the body is larger than ${LONGEST_BODY} bytes, the limit for an AdmissionReview` };
}
