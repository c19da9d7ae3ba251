import type { makeKeys, KeyPair } from '../../../src/tls/authority.ts';

/** Enough that the keys which stand beside each other in one test differ. */
const POOL_SIZE = 4;

/**
 * Stands in for `makeKeys` where certificates are made by the dozen, as each pair of keys costs a processor a third of a
 * second: the same few come again and again. That new ones are made is tested in issue-certificates.test.ts.
 */
export function poolKeys(make: typeof makeKeys): typeof makeKeys {
  const pool: Promise<KeyPair>[] = [];
  let turn = 0;
  return async () => {
    turn = (turn + 1) % POOL_SIZE;
    return (pool[turn] ??= make());
  };
}
