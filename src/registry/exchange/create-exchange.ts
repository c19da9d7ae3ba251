import { promises as dns } from 'node:dns';
import {
  request as requestHttp,
  type Agent,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { request as requestHttps, type RequestOptions as TlsRequestOptions } from 'node:https';
import { isIP, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { failBy } from '../../cause/answer.ts';
import { bareHost, isAllowedAddress, type ResolveHost } from './addresses.ts';
import { createConnections, type Connections } from './connections.ts';
import {
  classifyError,
  ExchangeError,
  proxyFailed,
  type Exchange,
  type ExchangeFailure,
  type ExchangeRequest,
  type ExchangeResponse,
} from './exchange.ts';
import type { ProxyFor } from './proxies.ts';

export type ExchangeOptions = Readonly<{
  /** The system's resolver by default. */
  resolve?: ResolveHost;
  /** The proxy to a URL; none by default. */
  proxyFor?: ProxyFor;
  /** Times for parts of a request other than the usual. */
  limits?: Partial<ExchangeLimits>;
}>;

const USUAL_LIMITS: ExchangeLimits = { lookupMs: 2500, connectMs: 2000, tlsMs: 2000, answerMs: 4000 };

/**
 * Sends requests over connections that are kept for a few seconds, only to addresses that the policy allows. Through a proxy, which
 * resolves names itself, this applies only to addresses in a URL. Header values must be visible ASCII and spaces. Other values fail
 * as `broken`, as they can only be from the registry, such as a token.
 */
export function createExchange({
  resolve = resolveBySystem,
  proxyFor = () => undefined,
  limits,
}: ExchangeOptions = {}): Exchange {
  const connectionsFor = createConnections(resolve);
  const allLimits = { ...USUAL_LIMITS, ...limits };
  return async (request) => {
    const protocol = checkRequest(request);
    return send(request, connectionsFor(protocol, request.registry, proxyFor(request.url)), allLimits);
  };
}

/** @throws ExchangeError for what must not be sent. */
function checkRequest({ url, headers, registry }: ExchangeRequest): 'http:' | 'https:' {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new ExchangeError(failBy('odd-address'));
  if (!Object.values(headers).every((value) => /^[ -~]*$/.test(value))) throw new ExchangeError(failBy('odd-header'));
  const host = bareHost(url);
  // An address is connected to without a lookup. A URL has no other spelling for it: `127.1` and `0x7f.1` are 127.0.0.1 there.
  if (isIP(host) !== 0 && !isAllowedAddress(host, registry.addresses))
    throw new ExchangeError({ outcome: 'forbidden-address', address: host });
  return url.protocol;
}

function resolveBySystem(host: string): ReturnType<ResolveHost> {
  return dns.lookup(host, { all: true });
}

/** Milliseconds for the parts of a request. The deadline of the request counts besides. */
export type ExchangeLimits = Readonly<{
  /** To look up the name. What takes longer is not the fault of the host. */
  lookupMs: number;
  /** To connect. */
  connectMs: number;
  /** To agree on TLS. */
  tlsMs: number;
  /** Until the head of the answer is there. */
  answerMs: number;
}>;

/** Interim responses, 100 or 103, that are ignored; the same number as in Go, and so in containerd. */
const MOST_INTERIM = 5;

/**
 * Sends a request over an idle connection, or a new one. A server may close an idle connection at the same moment; a request that
 * fails for this reason is sent once more over a new connection. GET and HEAD may be sent twice.
 *
 * @throws ExchangeError
 */
async function send(
  request: ExchangeRequest,
  connections: Connections,
  limits: ExchangeLimits,
): Promise<ExchangeResponse> {
  if (performance.now() >= request.deadline) throw new ExchangeError(TIMEOUT);
  const { kept, fresh, proxy } = connections;
  const outgoing = openRequest(request, kept);
  return new Promise((resolve, reject) => {
    let isSettled = false;
    let hasAnswer = false;
    let interim = 0;
    let timer: NodeJS.Timeout | undefined;
    limitPhases(outgoing, limits, limit, proxy);
    // Never removed: a late error without a listener would end the process.
    outgoing.on('error', (error) => {
      // Nothing to do, least of all a retry: `destroy` in `fail` is seen here as a reset.
      if (isSettled) return;
      const failure = classifyError(error);
      const isReset = failure.outcome === 'failed' && failure.cause === 'connection-reset';
      // The reader of the answer gets the error too, and knows how much it has read.
      if (isReset && hasAnswer) return;
      if (isReset && outgoing.reusedSocket) settle(send(request, { ...connections, kept: fresh }, limits));
      else fail(failure);
    });
    outgoing.on('information', () => {
      interim += 1;
      if (interim > MOST_INTERIM) fail(NOT_HTTP);
    });
    outgoing.on('upgrade', (_answer, socket) => {
      // The socket is no longer part of the request, so destroying the request does not close it.
      socket.on('error', () => undefined).destroy();
      fail(OTHER_PROTOCOL);
    });
    outgoing.on('response', (incoming) => {
      hasAnswer = true;
      // The body may take until the deadline.
      limit(Infinity);
      // Of what is behind a proxy it is not known.
      const isPrivate = proxy === undefined && !isAllowedAddress(incoming.socket.remoteAddress ?? '', NONE);
      readResponse(incoming, request.maxBytes).then(
        (response) => {
          settle(isPrivate ? { ...response, isPrivate } : response);
        },
        (error: unknown) => {
          fail(classifyError(error));
        },
      );
    });
    outgoing.end();

    /** Sets the time limit for the next part of the request; the deadline still applies. */
    function limit(ms: number, failure = TIMEOUT): void {
      clearTimeout(timer);
      const leftMs = request.deadline - performance.now();
      if (!isSettled) timer = setTimeout(fail, Math.min(ms, leftMs), failure);
    }

    function settle(response: ExchangeResponse | Promise<ExchangeResponse>): void {
      isSettled = true;
      clearTimeout(timer);
      resolve(response);
    }

    function fail(failure: ExchangeFailure): void {
      isSettled = true;
      clearTimeout(timer);
      reject(new ExchangeError(failure));
      outgoing.destroy();
    }
  });
}

const NONE: readonly string[] = [];
const TIMEOUT: ExchangeFailure = { outcome: 'failed', cause: 'timeout' };
const DNS_FAILED: ExchangeFailure = { outcome: 'dns-failed' };
const NOT_HTTP = failBy('not-http');
const OTHER_PROTOCOL = failBy('other-protocol');

function openRequest({ url, method, headers }: ExchangeRequest, agent: Agent): ClientRequest {
  const host = bareHost(url);
  const options: RequestOptions = {
    agent,
    method,
    host,
    path: url.pathname + url.search,
    // Ours come last, and so count. A user in the URL is not sent: credentials are a header.
    headers: { ...headers, Host: url.host, 'Accept-Encoding': 'identity', 'User-Agent': 'pullguard' },
    ...(url.port !== '' && { port: url.port }),
  };
  if (url.protocol === 'http:') return requestHttp(options);
  // Without this Node takes the name from the header, and one with a full stop at its end is in no certificate.
  const tlsOptions: TlsRequestOptions = { ...options, servername: isIP(host) === 0 ? host.replace(/\.$/, '') : '' };
  return requestHttps(tlsOptions);
}

function limitPhases(
  outgoing: ClientRequest,
  { lookupMs, connectMs, tlsMs, answerMs }: ExchangeLimits,
  limit: (ms: number, failure?: ExchangeFailure) => void,
  proxy: string | undefined,
): void {
  // The socket comes when the tunnel is there.
  if (proxy !== undefined) limit(lookupMs + connectMs + answerMs, proxyFailed(proxy, 'timeout'));
  // An address is connected to without a lookup.
  else if (isIP(outgoing.host) === 0) limit(lookupMs, DNS_FAILED);
  else limit(connectMs);
  outgoing.on('socket', (socket: Socket) => {
    if (outgoing.reusedSocket) {
      limit(answerMs);
      return;
    }
    const isTls = outgoing.protocol === 'https:';
    if (proxy !== undefined) limit(isTls ? tlsMs : answerMs);
    socket.once('lookup', () => {
      limit(connectMs);
    });
    socket.once('connect', () => {
      limit(isTls ? tlsMs : answerMs);
    });
    if (isTls)
      socket.once('secureConnect', () => {
        limit(answerMs);
      });
  });
}

/** What is read of an IncomingMessage. */
export type Incoming = Pick<IncomingMessage, 'headers' | 'statusCode' | 'complete'> & AsyncIterable<Buffer>;

/**
 * The whole of a response, of which no more than `maxBytes` are ever held.
 *
 * @throws ExchangeError when the body is longer, ends early, or is compressed.
 */
export async function readResponse(incoming: Incoming, maxBytes: number): Promise<ExchangeResponse> {
  const { headers, statusCode: status = 0 } = incoming;
  if (!/^(?:identity)?$/i.test(headers['content-encoding'] ?? '')) throw new ExchangeError(failBy('compressed'));
  let body = Buffer.alloc(0);
  let length = 0;
  try {
    for await (const chunk of incoming) {
      const needed = length + chunk.length;
      if (needed > maxBytes) throw new ExchangeError(failBy('too-long', maxBytes));
      // Copied, as a chunk of one byte takes hundreds in memory, and there can be millions of chunks.
      if (needed > body.length) body = grow(body, Math.min(Math.max(2 * body.length, needed), maxBytes));
      chunk.copy(body, length);
      length = needed;
    }
  } catch (error) {
    throw error instanceof ExchangeError ? error : new ExchangeError(failBy('ended-early'));
  }
  if (!incoming.complete) throw new ExchangeError(failBy('ended-early'));
  return { status, headers, body: body.subarray(0, length) };
}

function grow(body: Buffer, size: number): Buffer<ArrayBuffer> {
  const grown = Buffer.allocUnsafe(size);
  body.copy(grown);
  return grown;
}
