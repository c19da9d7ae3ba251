import { performance } from 'node:perf_hooks';
import { onTestFinished } from 'vitest';
import { ExchangeError, type ExchangeFailure } from '../../../src/registry/exchange/exchange.ts';
import type { Exchange, ExchangeRequest, ExchangeResponse } from '../../../src/registry/exchange/exchange.ts';
import { startFaultRegistry, type Answer, type FaultRegistry } from '../../support/fault-registry.ts';
import type { ServedPair } from '../../support/registry-certificates.ts';

/** A policy that lets registries be on the loopback. */
export const LOOPBACK = { addresses: ['127.0.0.0/8'] };

/** A fault registry until the end of the test. */
export async function serve(answer: Answer, tls?: ServedPair): Promise<FaultRegistry> {
  const server = await startFaultRegistry(answer, tls === undefined ? {} : { tls });
  onTestFinished(() => server.close());
  return server;
}

/** A GET with ten seconds for it, unless `special` says otherwise. */
export function requestFor(url: string, special: Partial<ExchangeRequest> = {}): ExchangeRequest {
  return {
    method: 'GET',
    url: new URL(url),
    headers: {},
    registry: LOOPBACK,
    maxBytes: 64 * 1024,
    deadline: performance.now() + 10_000,
    ...special,
  };
}

/** The response, or why there is none; any other error is one of the test's. */
export async function ask(exchange: Exchange, request: ExchangeRequest): Promise<ExchangeResponse | ExchangeFailure> {
  try {
    return await exchange(request);
  } catch (error) {
    if (error instanceof ExchangeError) return error.failure;
    throw error;
  }
}
