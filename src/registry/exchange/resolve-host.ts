import { promises as dns, type LookupAddress } from 'node:dns';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { ResolveHost } from './addresses.ts';
import { ExchangeError } from './exchange.ts';

/** For one host with all names of the search list, in milliseconds. */
const LOOKUP_MS = 2000;
/** A datagram may be lost: after so many milliseconds it is sent again, once. */
const TRY_MS = 500;
const TRIES = 2;

/** The upper limit of glibc, which also reduces larger numbers to it. */
const MOST_NDOTS = 15;
/** The longest name in DNS. */
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
 * Resolves names without the system's `getaddrinfo`. All lookups and file reads share its few threads, so a few lookups that hang
 * would stop all others. Here each lookup has its own sockets and time limit. The order is that of Go: the hosts file first, then
 * DNS with the search list. The contents of the files are cached for some seconds, as hundreds of lookups may start at once.
 *
 * The result rejects with an ExchangeError if DNS fails or does not answer; for a name that does not exist it is empty.
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
    // The resolver reads the servers in resolv.conf itself. A shared one would let hundreds of hanging lookups make others fail.
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

/** A missing file counts as empty, as on systems other than Linux. */
function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
