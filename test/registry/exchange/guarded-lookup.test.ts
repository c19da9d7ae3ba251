import type { LookupAddress } from 'node:dns';
import { expect, test } from 'vitest';
import { ExchangeError } from '../../../src/registry/exchange/exchange-error.ts';
import { guardLookup, type ResolveHost } from '../../../src/registry/exchange/guarded-lookup.ts';

const METADATA = { address: '169.254.169.254', family: 4 };
const PUBLIC = { address: '8.8.8.8', family: 4 };
const PUBLIC_IPV6 = { address: '2a00::1', family: 6 };
const PRIVATE = { address: '10.20.0.1', family: 4 };

test.each<[why: string, found: readonly LookupAddress[], kept: readonly LookupAddress[]]>([
  ['all that it may have', [PUBLIC, PUBLIC_IPV6], [PUBLIC, PUBLIC_IPV6]],
  ['and none of the others', [METADATA, PUBLIC, { address: '::ffff:169.254.169.254', family: 6 }], [PUBLIC]],
  ['with what the policy allows', [PRIVATE, METADATA, PUBLIC], [PRIVATE, PUBLIC]],
])('a socket is given the addresses of a name: %s', async (_why, found, kept) => {
  expect(await lookUp(() => Promise.resolve(found))).toEqual({ error: null, addresses: kept });
});

test('a name with forbidden addresses only is refused with the first of them', async () => {
  const { error } = await lookUp(() => Promise.resolve([METADATA, { address: '127.0.0.1', family: 4 }]));
  expect(failureOf(error)).toEqual({ outcome: 'forbidden-address', address: '169.254.169.254' });
});

test('a name without an address is one that is not known', async () => {
  const { error } = await lookUp(() => Promise.resolve([]));
  expect(failureOf(error)).toEqual({ outcome: 'failed', cause: 'no-such-host' });
});

test('what the resolver says reaches the socket', async () => {
  const notFound = Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
  expect(await lookUp(() => Promise.reject(notFound))).toEqual({ error: notFound, addresses: [] });
});

async function lookUp(resolve: ResolveHost): Promise<{ error: unknown; addresses: unknown }> {
  const lookup = guardLookup(resolve, ['10.20.0.0/16']);
  return new Promise((done) => {
    lookup('registry.example.com', { all: true }, (error, addresses) => {
      done({ error, addresses });
    });
  });
}

function failureOf(error: unknown) {
  return error instanceof ExchangeError ? error.failure : error;
}
