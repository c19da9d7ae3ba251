import { promises as dns, type LookupAddress } from 'node:dns';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { ResolveHost } from './addresses.ts';
import { ExchangeError } from './exchange.ts';

/** For a name with all that the search list makes of it, in milliseconds. */
const LOOKUP_MS = 2000;
/** A datagram may be lost: after so many milliseconds it is sent again, once. */
const TRY_MS = 500;
const TRIES = 2;

/** glibc takes a larger number for this one. */
const MOST_NDOTS = 15;
/** DNS has no longer names. */
const LONGEST_NAME = 253;

const LOOPBACK: readonly LookupAddress[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
];

export type ResolverOptions = Readonly<{
  resolvConf?: string;
  hosts?: string;
  /** `10.96.0.10`, or with a port; those of `resolv.conf` by default. */
  servers?: readonly string[];
}>;

/**
 * Looks names up without the system's `getaddrinfo`, whose few threads all names and files share: some names that hang would stop
 * all others. Each lookup has sockets and a limit of its own. As Go does it: the hosts file first, then DNS with the search list.
 * Of the files what they say is kept for some seconds: hundreds of lookups may begin at once.
 *
 * The result rejects with an ExchangeError where DNS fails or does not answer; a name that does not exist has no addresses.
 */
export function createResolver({
  resolvConf = '/etc/resolv.conf',
  hosts = '/etc/hosts',
  servers,
}: ResolverOptions = {}): ResolveHost {
  const readHosts = keepRead(hosts);
  const readConf = keepRead(resolvConf);
  return async (host) => {
    const name = host.toLowerCase();
    const bare = name.replace(/\.$/, '');
    const known = findInHosts(readHosts(), bare);
    if (known.length > 0) return known;
    if (bare === 'localhost') return LOOPBACK;
    // Reads resolv.conf for the servers by itself. With one for all lookups, hundreds of names that hang have others fail.
    const resolver = new dns.Resolver({ timeout: TRY_MS, tries: TRIES });
    if (servers !== undefined) resolver.setServers(servers);
    return resolveInTime(resolver, listNames(name, readConf()));
  };
}

async function resolveInTime(resolver: dns.Resolver, names: readonly string[]): Promise<readonly LookupAddress[]> {
  const time = { isOver: false };
  let hasFailed = false;
  const timer = setTimeout(() => {
    time.isOver = true;
    resolver.cancel();
  }, LOOKUP_MS);
  try {
    for (const name of names) {
      const found = await Promise.all([
        query(async () => resolver.resolve4(name), 4),
        query(async () => resolver.resolve6(name), 6),
      ]);
      const addresses = found.flatMap((each) => (each === 'failed' ? [] : each));
      if (addresses.length > 0) return addresses;
      hasFailed ||= found.includes('failed');
      if (time.isOver) break;
    }
  } finally {
    clearTimeout(timer);
  }
  // One of the names that failed may be the one that exists.
  if (hasFailed) throw new ExchangeError({ outcome: 'dns-failed' });
  return [];
}

/** What DNS says when there is no such name, or no address of this kind. */
const ABSENT: readonly unknown[] = ['ENOTFOUND', 'ENODATA', 'EBADNAME'];

async function query(
  ask: () => Promise<readonly string[]>,
  family: 4 | 6,
): Promise<readonly LookupAddress[] | 'failed'> {
  try {
    return (await ask()).map((address) => ({ address, family }));
  } catch (error) {
    return ABSENT.includes((error as NodeJS.ErrnoException).code) ? [] : 'failed';
  }
}

/** The names to try in turn. One that ends with a full stop is whole; one with few dots is tried in the search list first. */
function listNames(name: string, resolvConf: string): readonly string[] {
  if (name.endsWith('.')) return [name];
  const { search, ndots } = readResolvConf(resolvConf);
  const longer = search.map((domain) => `${name}.${domain}`).filter((each) => each.length <= LONGEST_NAME);
  return name.split('.').length > ndots ? [name, ...longer] : [...longer, name];
}

/** Of several lines the last counts. */
function readResolvConf(text: string): Readonly<{ search: readonly string[]; ndots: number }> {
  let search: readonly string[] = [];
  let ndots = 1;
  for (const [keyword, ...words] of readWords(text)) {
    if (keyword === 'search' || keyword === 'domain')
      search = words.map((word) => word.replace(/\.$/, '')).filter((word) => word !== '');
    if (keyword !== 'options') continue;
    for (const word of words) {
      const number = /^ndots:([0-9]{1,9})$/.exec(word)?.[1];
      if (number !== undefined) ndots = Math.min(Number(number), MOST_NDOTS);
    }
  }
  return { search, ndots };
}

function findInHosts(text: string, name: string): readonly LookupAddress[] {
  return readWords(text).flatMap(([address = '', ...names]) => {
    const family = isIP(address);
    return family !== 0 && names.some((each) => each.toLowerCase().replace(/\.$/, '') === name)
      ? [{ address, family }]
      : [];
  });
}

function readWords(text: string): readonly (readonly string[])[] {
  return text.split('\n').map((line) => (line.split(/[#;]/)[0] ?? '').split(/\s+/).filter((word) => word !== ''));
}

/** For how long a file is not read again, in milliseconds. */
const KEPT_MS = 2000;

function keepRead(file: string): () => string {
  let text = '';
  let readAt = -Infinity;
  return () => {
    const now = performance.now();
    if (now - readAt >= KEPT_MS) [text, readAt] = [readText(file), now];
    return text;
  };
}

/** Without the file there is nothing in it, as on other systems than Linux. */
function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
