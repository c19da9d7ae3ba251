import type { IncomingHttpHeaders } from 'node:http';
import type { RegistryProbe } from '../../../src/policy/policy.ts';

import {
  ExchangeError,
  type Exchange,
  type ExchangeFailure,
  type ExchangeRequest,
} from '../../../src/registry/exchange/exchange.ts';
import { addressOf } from '../../../src/registry/client/address.ts';
import {
  createRegistryClient,
  type ClientOptions,
  type RegistryClient,
} from '../../../src/registry/client/registry-client.ts';

/** What is answered: status 200 without headers and body unless told otherwise, or no response at all. */
export type FakeAnswer =
  | Readonly<{ status?: number; headers?: IncomingHttpHeaders; body?: string | Buffer | object; isPrivate?: boolean }>
  | ExchangeFailure;

/** Answers by `HEAD https://registry.example.com/…`. Of a list the first answers the first request, the last all that follow. */
export type FakeAnswers = Readonly<Record<string, FakeAnswer | readonly FakeAnswer[]>>;

/** `asked`: one line for each request, with what it logs in with if it does. */
export type FakeExchange = Readonly<{
  exchange: Exchange;
  requests: readonly ExchangeRequest[];
  asked: () => string[];
}>;

/** An exchange that nothing leaves the process by. What it has no answer for is 404 without a word. */
export function fakeExchange(answers: FakeAnswers): FakeExchange {
  const requests: ExchangeRequest[] = [];
  const count = new Map<string, number>();
  const exchange: Exchange = async (request) => {
    requests.push(request);
    const key = `${request.method} ${request.url.href}`;
    const times = count.get(key) ?? 0;
    count.set(key, times + 1);
    const found = answers[key] ?? { status: 404 };
    const list = Array.isArray(found) ? (found as readonly FakeAnswer[]) : [found as FakeAnswer];
    return Promise.resolve(answer(list[Math.min(times, list.length - 1)]!));
  };
  return {
    exchange,
    requests,
    asked: () =>
      requests.map(({ method, url, headers: { Authorization } }) =>
        [method, url.href, ...(Authorization === undefined ? [] : [`as ${Authorization}`])].join(' '),
      ),
  };
}

function answer(given: FakeAnswer): Awaited<ReturnType<Exchange>> {
  if ('outcome' in given) throw new ExchangeError(given);
  const { status = 200, headers = {}, body = '', isPrivate = false } = given;
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return { status, headers, body: bytes, isPrivate };
}

export const NO_POLICY: RegistryProbe = { plainHttp: false, tokenHosts: [], addresses: [], mirrors: [] };

/** A client for `registry.example.com/team/app` that asks this exchange. */
export function clientOf(answers: FakeAnswers, options: Partial<ClientOptions> = {}): RegistryClient & FakeExchange {
  const fake = fakeExchange(answers);
  const client = createRegistryClient({
    exchange: fake.exchange,
    address: addressOf('registry.example.com', false)!,
    isDockerHub: false,
    repository: 'team/app',
    registry: NO_POLICY,
    credentials: undefined,
    deadline: performance.now() + 10_000,
    now: () => Date.UTC(2026, 5, 1, 12),
    ...options,
  });
  return { ...client, ...fake };
}

export const MANIFESTS = 'https://registry.example.com/v2/team/app/manifests';
