import { createExchange } from '../registry/exchange/create-exchange.ts';
import type { Exchange } from '../registry/exchange/exchange.ts';
import { readProxies } from '../registry/exchange/proxies.ts';
import { toUsageError } from './load-config.ts';

/** Requests to registries, through the proxy of the environment. @throws UsageError if that cannot be used */
export function openExchange(): Exchange {
  try {
    return createExchange({ proxyFor: readProxies(process.env) });
  } catch (error) {
    throw toUsageError(error);
  }
}
