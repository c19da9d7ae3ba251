import type * as Authority from '../../src/tls/authority.ts';

/**
 * Stands in for the module that makes keys where certificates are made by the dozen, as each pair of keys costs a processor a third
 * of a second: the same few come again and again, never the same twice in a row.
 */
export async function poolKeys(importOriginal: <Module>() => Promise<Module>): Promise<typeof Authority> {
  const authority = await importOriginal<typeof Authority>();
  const pool = await Promise.all([authority.makeKeys(), authority.makeKeys(), authority.makeKeys()]);
  let turn = 0;
  return { ...authority, makeKeys: async () => Promise.resolve(pool[turn++ % pool.length]!) };
}
