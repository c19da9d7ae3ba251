import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { isAllowedAddress } from './addresses.ts';
import { ExchangeError } from './exchange-error.ts';

/** All addresses of a host name, the best first. Rejects as `dns.promises.lookup` does. */
export type ResolveHost = (host: string) => Promise<readonly LookupAddress[]>;

/**
 * The `lookup` of a socket, which connects to nothing else than what it is given here: so what was checked is what is
 * connected to, however often a name changes its address.
 */
export function guardLookup(resolve: ResolveHost, allowed: readonly string[]): LookupFunction {
  return (host, _options, callback) => {
    resolve(host).then(
      (found) => {
        const kept = found.filter(({ address }) => isAllowedAddress(address, allowed));
        const [first] = found;
        if (kept.length > 0) callback(null, kept);
        else callback(first === undefined ? notFound() : forbidden(first.address), []);
      },
      (error: unknown) => {
        callback(error as NodeJS.ErrnoException, []);
      },
    );
  };
}

function forbidden(address: string): ExchangeError {
  return new ExchangeError({ outcome: 'forbidden-address', address });
}

function notFound(): ExchangeError {
  return new ExchangeError({ outcome: 'failed', cause: 'no-such-host' });
}
