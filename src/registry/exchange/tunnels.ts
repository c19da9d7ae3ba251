import { request as requestHttp, type Agent, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { guardLookup, type ResolveHost } from './addresses.ts';
import { classifyError, ExchangeError, proxyFailed } from './exchange.ts';
import { nameProxy, type ProxyServer } from './proxies.ts';

/** A tunnel that is still not there after this time is given up; whoever waits for it gives up earlier, by its own limits. */
const TUNNEL_MS = 10_000;

/** The cluster admin chose the proxy, so it may be anywhere. */
const ANYWHERE = ['0.0.0.0/0', '::/0'];

/** `trust`: how a proxy with TLS is authenticated. */
export type Way = Readonly<{ proxy: ProxyServer; trust: ConnectionOptions; resolve: ResolveHost }>;

/**
 * Has an agent connect through a proxy. Also plain HTTP goes through a tunnel, so that what the proxy says, and what the registry
 * says, are never taken for each other. TLS is with the registry: the proxy sees its name and port alone.
 */
export function tunnel<Of extends Agent>(agent: Of, to: Way): Of {
  agent.createConnection = (options: RequestOptions, callback) => {
    const { host, port } = options as { host: string; port: number };
    openTunnel(to, `${isIP(host) === 6 ? `[${host}]` : host}:${port}`).then(
      (socket) => {
        const isTls = agent instanceof HttpsAgent;
        callback?.(
          null,
          isTls ? connectTls({ ...(options as ConnectionOptions), socket, ALPNProtocols: HTTP }) : socket,
        );
      },
      (error: unknown) => {
        callback?.(error as ExchangeError, undefined as never);
      },
    );
    return undefined;
  };
  return agent;
}

const HTTP = ['http/1.1'];

async function openTunnel({ proxy, trust, resolve }: Way, target: string): Promise<Socket> {
  const { protocol, host, port, authorization } = proxy;
  const signal = AbortSignal.timeout(TUNNEL_MS);
  const options = {
    method: 'CONNECT',
    host,
    port,
    path: target,
    agent: false,
    lookup: guardLookup(resolve, ANYWHERE),
    autoSelectFamily: true,
    signal,
    headers: {
      Host: target,
      'User-Agent': 'pullguard',
      ...(authorization !== undefined && { 'Proxy-Authorization': authorization }),
    },
  };
  const outgoing =
    protocol === 'http:'
      ? requestHttp(options)
      : requestHttps({ ...options, ...trust, servername: isIP(host) === 0 ? host : '' });
  return new Promise((opened, failed) => {
    const fail = (says: string): void => {
      failed(new ExchangeError(proxyFailed(nameProxy(proxy), says)));
    };
    outgoing.on('connect', ({ statusCode = 0 }, socket: Socket, head) => {
      if (statusCode === 200 && head.length === 0) {
        opened(socket);
        return;
      }
      socket.on('error', () => undefined).destroy();
      fail(`HTTP ${statusCode}`);
    });
    outgoing.on('error', (error) => {
      const failure = classifyError(error);
      const code = failure.outcome === 'failed' ? failure.cause : failure.outcome;
      fail(signal.aborted ? 'timeout' : code.replaceAll('-', ' '));
    });
    outgoing.end();
  });
}
