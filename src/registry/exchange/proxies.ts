import { request as requestHttp, type Agent, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { domainToASCII } from 'node:url';
import { splitHostPort } from '../../pull/parse-url.ts';
import { bareHost, guardLookup, isInRange, type ResolveHost } from './addresses.ts';
import { classifyError, ExchangeError, proxyFailed } from './exchange.ts';

/** An HTTP proxy, which is asked for a tunnel with CONNECT. */
export type ProxyServer = Readonly<{
  protocol: 'http:' | 'https:';
  host: string;
  port: number;
  /** `Basic …`, from the user and the password in its URL. Never shown. */
  authorization?: string;
}>;

/** The proxy to a URL; undefined where it is connected to directly. */
export type ProxyFor = (url: URL) => ProxyServer | undefined;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads HTTPS_PROXY, HTTP_PROXY and NO_PROXY, or their names in lower case, as the Go programs of a cluster read them
 * (golang.org/x/net/http/httpproxy): so one setting means the same to containerd, kubelet and pullguard.
 *
 * @throws Error naming the variable, without its value, which may have a password
 */
export function readProxies(env: Environment): ProxyFor {
  const proxies = new Map([
    ['https:', readProxy('HTTPS_PROXY', env)],
    ['http:', readProxy('HTTP_PROXY', env)],
  ]);
  const isDirect = readExceptions(readVariable('NO_PROXY', env));
  return (url) => (isDirect(bareHost(url), portOf(url)) ? undefined : proxies.get(url.protocol));
}

/** `proxy.example.com:3128`, for messages. */
export function nameProxy({ host, port }: ProxyServer): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

function readVariable(name: string, env: Environment): string {
  const upper = env[name] ?? '';
  return upper !== '' ? upper : (env[name.toLowerCase()] ?? '');
}

function readProxy(name: string, env: Environment): ProxyServer | undefined {
  const value = readVariable(name, env);
  if (value === '') return undefined;
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.hostname === '')
    throw new Error(`${name} is not a URL: use one such as http://proxy.example.com:3128`);
  const { protocol, username, password } = url;
  if (protocol !== 'http:' && protocol !== 'https:')
    throw new Error(`${name} is a proxy of the type ${protocol.slice(0, -1)}, but only http and https are supported`);
  const login = `${decode(username)}:${decode(password)}`;
  return {
    protocol,
    host: bareHost(url),
    port: Number(portOf(url)),
    ...(login !== ':' && { authorization: `Basic ${Buffer.from(login).toString('base64')}` }),
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function portOf({ port, protocol }: URL): string {
  if (port !== '') return port;
  return protocol === 'http:' ? '80' : '443';
}

type IsDirect = (host: string, port: string) => boolean;

/** The loopback is never behind a proxy. */
function readExceptions(noProxy: string): IsDirect {
  const entries = noProxy.split(',').map((entry) => entry.trim().toLowerCase());
  const exceptions = entries.flatMap((entry) => readException(entry) ?? []);
  return (host, port) =>
    host === 'localhost' ||
    (isIP(host) !== 0 && isInRange(host, LOOPBACK)) ||
    exceptions.some((isDirect) => isDirect(host, port));
}

const LOOPBACK = ['127.0.0.0/8', '::1/128'];

/** `*`, `10.0.0.0/8`, `10.0.0.1:5000`, `example.com`, `.example.com:443` or `*.example.com`. */
function readException(entry: string): IsDirect | undefined {
  if (entry === '*') return () => true;
  const range = readRange(entry);
  if (range !== undefined) return (host) => isIP(host) !== 0 && isInRange(host, range);
  const { name, port: wanted } = splitHostPort(entry);
  if (name === '') return undefined;
  const isOfPort = (port: string): boolean => wanted === '' || wanted === port;
  const family = isIP(name);
  if (family !== 0) {
    const one = [`${name}/${family === 4 ? 32 : 128}`];
    return (host, port) => isOfPort(port) && isIP(host) !== 0 && isInRange(host, one);
  }
  const bare = name.replace(/^\*?\./, '');
  const domain = domainToASCII(bare) || bare;
  const isWithItself = bare === name;
  return (host, port) => isOfPort(port) && (host.endsWith(`.${domain}`) || (isWithItself && host === domain));
}

function readRange(entry: string): readonly string[] | undefined {
  const [, address = '', bits = ''] = /^([^/]*)\/(\d{1,3})$/.exec(entry) ?? [];
  const family = isIP(address);
  return family !== 0 && Number(bits) <= (family === 4 ? 32 : 128) ? [entry] : undefined;
}

/** After this time a tunnel is given up. Requests that wait for it have shorter limits of their own. */
const TUNNEL_MS = 10_000;

/** The cluster admin chose the proxy, so it may be anywhere. */
const ANYWHERE = ['0.0.0.0/0', '::/0'];

/** `trust`: how a proxy with TLS is authenticated. */
type Way = Readonly<{ proxy: ProxyServer; trust: ConnectionOptions; resolve: ResolveHost }>;

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
