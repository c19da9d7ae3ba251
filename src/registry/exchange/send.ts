import { failBy } from '../../cause/answer.ts';
import { request as requestHttp, type Agent, type ClientRequest, type RequestOptions } from 'node:http';
import { request as requestHttps, type RequestOptions as TlsRequestOptions } from 'node:https';
import { isIP, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { classifyError } from './classify-error.ts';
import type { Connections } from './connections.ts';
import { ExchangeError, type ExchangeFailure } from './exchange-error.ts';
import type { ExchangeRequest, ExchangeResponse } from './exchange.ts';
import { limitPhases, type PhaseLimit } from './phase-limit.ts';
import { readResponse } from './read-response.ts';

/** Milliseconds for the parts of a request. The deadline of the request counts besides. */
export type ExchangeLimits = Readonly<{
  /** To look up the name and connect. */
  connectMs: number;
  /** To agree on TLS. */
  tlsMs: number;
  /** Until the head of the answer is there. */
  answerMs: number;
}>;

/** Interim responses, 100 or 103, that are passed over; as many as Go passes over, and so containerd. */
const MOST_INTERIM = 5;

/**
 * Sends a request over a connection that is kept, or a new one. A server closes idle connections when it likes, and may do so
 * just now: what fails in that way goes once more over a fresh one. GET and HEAD may be sent twice.
 *
 * @throws ExchangeError
 */
export async function send(
  request: ExchangeRequest,
  { kept, fresh }: Connections,
  limits: ExchangeLimits,
): Promise<ExchangeResponse> {
  const leftMs = request.deadline - performance.now();
  if (leftMs <= 0) throw new ExchangeError(TIMEOUT);
  const outgoing = openRequest(request, kept);
  return new Promise((resolve, reject) => {
    let isSettled = false;
    let hasAnswer = false;
    let interim = 0;
    const phases = limitPhases(leftMs, () => {
      fail(TIMEOUT);
    });
    watchPhases(outgoing, phases, limits);
    // Stays for good: an error that comes late, with nobody to hear it, would end the process.
    outgoing.on('error', (error) => {
      // Nothing more is to be done then, least of all to send it again: giving up is heard here as a reset.
      if (isSettled) return;
      const failure = classifyError(error);
      const isReset = failure.outcome === 'failed' && failure.cause === 'connection-reset';
      // Who reads the answer is told as well, and knows how much of it there is.
      if (isReset && hasAnswer) return;
      if (isReset && outgoing.reusedSocket) settle(send(request, { kept: fresh, fresh }, limits));
      else fail(failure);
    });
    outgoing.on('information', () => {
      interim += 1;
      if (interim > MOST_INTERIM) fail(NOT_HTTP);
    });
    outgoing.on('upgrade', (_answer, socket) => {
      // No longer the request's, which would destroy it.
      socket.on('error', () => undefined).destroy();
      fail(OTHER_PROTOCOL);
    });
    outgoing.on('response', (incoming) => {
      hasAnswer = true;
      phases.end();
      readResponse(incoming, request.maxBytes).then(settle, (error: unknown) => {
        fail(classifyError(error));
      });
    });
    outgoing.end();

    function settle(response: ExchangeResponse | Promise<ExchangeResponse>): void {
      isSettled = true;
      phases.close();
      resolve(response);
    }

    function fail(failure: ExchangeFailure): void {
      isSettled = true;
      phases.close();
      reject(new ExchangeError(failure));
      outgoing.destroy();
    }
  });
}

const TIMEOUT: ExchangeFailure = { outcome: 'failed', cause: 'timeout' };
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

/** The host without the brackets of an IPv6 address. */
export function bareHost({ hostname }: URL): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
}

function watchPhases(
  outgoing: ClientRequest,
  phases: PhaseLimit,
  { connectMs, tlsMs, answerMs }: ExchangeLimits,
): void {
  phases.begin(connectMs);
  outgoing.on('socket', (socket: Socket) => {
    if (outgoing.reusedSocket) {
      phases.begin(answerMs);
      return;
    }
    const isTls = outgoing.protocol === 'https:';
    socket.once('connect', () => {
      phases.begin(isTls ? tlsMs : answerMs);
    });
    if (isTls)
      socket.once('secureConnect', () => {
        phases.begin(answerMs);
      });
  });
}
