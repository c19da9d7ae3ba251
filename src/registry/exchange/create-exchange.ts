import { promises as dns } from 'node:dns';
import { isIP } from 'node:net';
import { failBy } from '../../cause/answer.ts';
import { bareHost, isAllowedAddress, type ResolveHost } from './addresses.ts';
import { createConnections } from './connections.ts';
import { ExchangeError, type Exchange, type ExchangeRequest } from './exchange.ts';
import type { ProxyFor } from './proxies.ts';
import { send, type ExchangeLimits } from './send.ts';

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
