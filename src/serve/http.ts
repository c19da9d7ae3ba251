import type { IncomingMessage, ServerResponse } from 'node:http';

const REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  408: 'Timeout',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  431: 'RequestHeaderFieldsTooLarge',
  500: 'InternalError',
  503: 'ServiceUnavailable',
};

/** A request that is refused, for `next`. The message goes to the caller: never a part of what it sent. */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem';
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * A Kubernetes Status object: the API server's client reads it, so that its message is what kubectl shows in place of "an
 * error on the server". Never a stack, never a part of the body.
 */
export function formatProblem(code: number, message: string): string {
  const reason = REASONS[code] ?? 'Unknown';
  return JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, code, message });
}

export function sendProblem(response: ServerResponse, code: number, message: string): void {
  sendJson(response, code, formatProblem(code, message));
}

export function sendJson(response: ServerResponse, code: number, text: string): void {
  writeJsonHead(response, code, text);
  response.end(text);
}

/** How long a client may take to notice that the rest of its body is not wanted. */
const LINGER_MS = 1000;

/**
 * Refuses a request whose body has not arrived, and ends its connection. The answer goes out at once; what still comes is
 * thrown away for a moment, as a client whose connection breaks while it writes may never read why.
 */
export function sendProblemEarly(
  request: IncomingMessage,
  response: ServerResponse,
  { code, message }: HttpProblem,
): void {
  const text = formatProblem(code, message);
  response.setHeader('Connection', 'close');
  writeJsonHead(response, code, text);
  response.write(text);
  const timer = setTimeout(end, LINGER_MS);
  request.once('end', end).once('close', end).resume();

  function end(): void {
    clearTimeout(timer);
    response.end();
  }
}

function writeJsonHead(response: ServerResponse, code: number, text: string): void {
  response.writeHead(code, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) });
}

/** How long an API server waits when its webhook configuration says nothing. */
const DEFAULT_TIMEOUT_MS = 10_000;

/** How long a caller waits, in milliseconds. An API server says `?timeout=10s`, in whole seconds from 1 to 30. */
export function readTimeoutOf({ url = '' }: Pick<IncomingMessage, 'url'>): number {
  const [, seconds] = /[?&]timeout=([1-9]|[12]\d|30)s(?:&|$)/.exec(url) ?? [];
  return seconds === undefined ? DEFAULT_TIMEOUT_MS : Number(seconds) * 1000;
}
