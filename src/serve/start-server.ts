import { once } from 'node:events';
import { createServer as createHttpServer, STATUS_CODES, type RequestListener, type Server } from 'node:http';
import { createServer as createHttpsServer, type ServerOptions } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { MOST_ADMIN_CONNECTIONS, MOST_CONNECTIONS } from '../text/bounds.ts';
import { validityProblem, type CertificateSource, type ServingCertificate, type Source } from '../tls/source.ts';
import { createAdminApp } from './admin.ts';
import { createApp, createRefusalLog, type AppOptions } from './app.ts';
import { serveConnections, type Refusal } from './connections.ts';
import { formatProblem, sendEarly } from './http.ts';

/** Go's HTTP client, which the API server uses, keeps idle connections for 90 s: closing one earlier kills a call on its way. */
const KEEP_ALIVE_MS = 120_000;
/** The head of a request, and a TLS handshake, are a few packets, so an API server never needs longer. */
const HEAD_TIMEOUT_MS = 10_000;
/** The longest that an API server waits for a webhook. */
const LONGEST_WAIT_MS = 30_000;
/** How often Node.js checks these timeouts; its default of 30 s would add up to that to each. */
const CHECK_INTERVAL_MS = 2000;
/** Node.js would answer a request without a Host header itself, without our limits. */
const HTTP_OPTIONS = { connectionsCheckingInterval: CHECK_INTERVAL_MS, requireHostHeader: false };
/**
 * How long a stop waits for the last calls: the default timeout of an API server for a webhook. Together with 10 s of drain a
 * stop fits into the 30 s that kubelet gives a Pod.
 */
const LAST_CALLS_MS = 10_000;
/** How often a stop checks whether the last call is answered. */
const LAST_CALL_INTERVAL_MS = 20;

export type ServerSettings = Omit<AppOptions, 'draining'> &
  Readonly<{
    host: string;
    /** 0 for any free port; the same for `adminPort`. */
    port: number;
    adminPort: number;
    /** As long as it has no certificate, every handshake fails, and the server is not ready. */
    certificate: CertificateSource;
    /** PEM certificates of the CAs of permitted clients; undefined permits every client. */
    clientCa?: Pick<Source<string>, 'current' | 'onChange'> | undefined;
    /** The certificate of a client must have one of these names; without any, all clients of `clientCa` are permitted. */
    clientNames?: readonly string[] | undefined;
    /** A reason why the server is not ready, besides its own; undefined if there is none. */
    readiness?: () => string | undefined;
    /** How long a request may take to arrive; by default as long as an API server waits at most. */
    requestTimeoutMs?: number;
  }>;

export type RunningServer = Readonly<{
  port: number;
  adminPort: number;
  /**
   * Stops gracefully: not ready at once, and every answer asks its client to reconnect elsewhere; after `drainMs` no new
   * connections; resolves when the last call is answered, or after some seconds.
   */
  stop: (drainMs: number) => Promise<void>;
}>;

/** @throws Error if a port cannot be opened */
export async function startServer(settings: ServerSettings): Promise<RunningServer> {
  const {
    certificate,
    metrics,
    logger,
    clientCa,
    clientNames = [],
    now = () => new Date(),
    requestTimeoutMs = LONGEST_WAIT_MS,
  } = settings;
  let draining = false;
  const readTlsOptions = (): ServerOptions => toTlsOptions(certificate.current(), clientCa?.current());
  const webhook = createHttpsServer(readTlsOptions());
  const readiness = (): string | undefined => {
    if (draining) return 'shutting down';
    const serving = certificate.current();
    const problem = serving === undefined ? undefined : validityProblem(serving, now());
    return problem ?? settings.readiness?.() ?? (serving === undefined ? 'no serving certificate yet' : undefined);
  };
  const admin = createHttpServer(HTTP_OPTIONS);
  for (const server of [webhook, admin]) {
    server.keepAliveTimeout = KEEP_ALIVE_MS;
    server.headersTimeout = Math.min(HEAD_TIMEOUT_MS, requestTimeoutMs);
    server.requestTimeout = requestTimeoutMs;
    server.on('clientError', refuseMalformed);
  }
  const onRefused = (port: 'webhook' | 'admin') => (reason: Refusal) => {
    metrics.connectionsRefused.inc({ port, reason });
  };
  const app = createApp({ ...settings, draining: () => draining });
  const calls = serveConnections(
    webhook,
    clientNames.length === 0 ? app : requireName(clientNames, app, settings, webhook),
    {
      most: MOST_CONNECTIONS,
      onRefused: onRefused('webhook'),
    },
  );
  const adminCalls = serveConnections(admin, createAdminApp(metrics, readiness), {
    most: MOST_ADMIN_CONNECTIONS,
    onRefused: onRefused('admin'),
  });
  metrics.measure({ connections: () => ({ webhook: calls.open(), admin: adminCalls.open() }) });
  const measureExpiry = (serving: ServingCertificate | undefined): void => {
    if (serving !== undefined) metrics.certificateExpiry.set(serving.notAfter.getTime() / 1000);
  };
  measureExpiry(certificate.current());
  certificate.onChange((changed) => {
    webhook.setSecureContext(readTlsOptions());
    measureExpiry(changed);
    logger.info({ notAfter: changed.notAfter }, 'certificate reloaded');
  });
  clientCa?.onChange(() => {
    webhook.setSecureContext(readTlsOptions());
    // Open connections were accepted with the earlier CAs.
    calls.retire();
    logger.info('client CA reloaded');
  });
  webhook.on('tlsClientError', (error) => {
    metrics.errors.inc({ where: 'tls' });
    logger.debug({ code: (error as NodeJS.ErrnoException).code, reason: error.message }, 'TLS handshake failed');
  });

  await listen(webhook, settings.port, settings.host);
  try {
    await listen(admin, settings.adminPort, settings.host);
  } catch (error) {
    webhook.close();
    throw error;
  }
  return {
    port: portOf(webhook),
    adminPort: portOf(admin),
    stop: async (drainMs) => {
      draining = true;
      await wait(drainMs);
      const closed = Promise.all([close(webhook), close(admin)]);
      const until = performance.now() + Math.min(requestTimeoutMs, LAST_CALLS_MS);
      while (calls.unanswered() > 0 && performance.now() < until) await wait(LAST_CALL_INTERVAL_MS);
      const unanswered = calls.unanswered();
      if (unanswered > 0) logger.warn({ unanswered }, 'stopped before all calls were answered');
      // Node.js closes idle connections, but waits for ever for those without a request yet and for those in their TLS handshake.
      calls.destroy();
      adminCalls.destroy();
      await closed;
    },
  };
}

/** Passes calls to `listener` if the client certificate has one of these names, and rejects the others. */
function requireName(
  names: readonly string[],
  listener: RequestListener,
  { metrics, logger }: Pick<ServerSettings, 'metrics' | 'logger'>,
  server: Server,
): RequestListener {
  const logRefusal = createRefusalLog(logger);
  // Checked once per connection, as reading a certificate takes as long as a review.
  const named = new WeakSet<Socket>();
  server.on('secureConnection', (socket: TLSSocket) => {
    if (isNamedCaller(socket, names)) named.add(socket);
  });
  return (request, response) => {
    if (named.has(request.socket)) {
      listener(request, response);
      return;
    }
    metrics.callsRefused.inc({ reason: 'client-name' });
    logRefusal({ code: 403, problem: NOT_NAMED });
    sendEarly(request, response, 403, formatProblem(403, NOT_NAMED));
  };
}

const NOT_NAMED = 'the client certificate has none of the names in --client-name: use the certificate of an API server';

/**
 * Whether the certificate of a client has one of these names, as a common name or a DNS name. Without this check, every
 * certificate of the CA of the API servers would be accepted, such as a kubelet's.
 */
function isNamedCaller(socket: TLSSocket, names: readonly string[]): boolean {
  return readNames(socket).some((name) => names.includes(name));
}

/** Node's types lack that there is no subject without a certificate, and that it may have several common names. */
type Shown = Readonly<{ subject?: Readonly<{ CN?: string | readonly string[] }>; subjectaltname?: string }>;

function readNames(socket: TLSSocket): readonly string[] {
  const { subject, subjectaltname: others = '' } = socket.getPeerCertificate() as Shown;
  const common = subject?.CN ?? [];
  return [...(typeof common === 'string' ? [common] : common), ...readDnsNames(others)];
}

/**
 * `DNS:a.example, IP Address:10.0.0.1` → `a.example`. Node.js quotes a name that contains a comma or similar characters. No API
 * server has such a name, and a quote makes it uncertain where a name begins, so no name of such a text is used.
 */
function readDnsNames(text: string): readonly string[] {
  if (text.includes('"')) return [];
  return text.split(', ').flatMap((name) => (name.startsWith('DNS:') ? [name.slice('DNS:'.length)] : []));
}

/** Without a certificate every handshake fails, until there is one. */
function toTlsOptions(serving: ServingCertificate | undefined, clientCa: string | undefined): ServerOptions {
  return {
    ...(serving !== undefined && { cert: serving.cert, key: serving.key }),
    // Not 1.3: API servers built for FIPS with Go before 1.23 speak 1.2 alone, and would admit everything unchecked.
    minVersion: 'TLSv1.2',
    handshakeTimeout: HEAD_TIMEOUT_MS,
    ...HTTP_OPTIONS,
    ...(clientCa !== undefined && { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
  };
}

async function listen(server: Server, port: number, host: string): Promise<void> {
  server.listen(port, host);
  // Rejects if there is an error first.
  await once(server, 'listening');
}

/** Accepts no more connections, and closes idle ones. Resolves when none is left. */
async function close(server: Server): Promise<void> {
  await once(server.close(), 'close');
}

const CODES: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 };

const MALFORMED: Readonly<Record<number, string>> = {
  400: 'not valid HTTP (RFC 9112)',
  408: 'the request did not arrive in time',
  431: 'the URL and headers of the request are too long',
};

/** Answers malformed requests. Failed TLS handshakes come here as well. */
function refuseMalformed(error: NodeJS.ErrnoException, socket: Duplex): void {
  const { code: cause = '' } = error;
  if (!socket.writable || !/^HPE_|^ERR_HTTP_/.test(cause)) {
    socket.destroy();
    return;
  }
  const code = CODES[cause] ?? 400;
  const text = formatProblem(code, MALFORMED[code] ?? '');
  const head = [
    `HTTP/1.1 ${code} ${STATUS_CODES[code] ?? ''}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(text)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${text}`, () => socket.destroy());
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
