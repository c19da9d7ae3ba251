import type { LookupAddress } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { memoizeByObject } from '../../text/memoize.ts';
import { ExchangeError, type ExchangeFailure } from './exchange.ts';

/** All addresses of a host name, the best first. Rejects as `dns.promises.lookup` does, or with an ExchangeError. */
export type ResolveHost = (host: string) => Promise<readonly LookupAddress[]>;

/**
 * The `lookup` of a socket, which connects to nothing else than what it is given here: so what was checked is what is
 * connected to, however often a name changes its address.
 */
export function guardLookup(resolve: ResolveHost, allowed: readonly string[]): LookupFunction {
  return (host, _options, callback) => {
    // Always asynchronous: the socket is returned, and gets its listeners, only after the lookup has started.
    resolve(host).then(
      (found) => {
        const kept = found.filter(({ address }) => isAllowedAddress(address, allowed));
        const [first] = found;
        if (kept.length > 0) setImmediate(callback, null, kept);
        else setImmediate(callback, new ExchangeError(first === undefined ? NO_SUCH_HOST : forbid(first.address)), []);
      },
      (error: unknown) => {
        setImmediate(callback, error as NodeJS.ErrnoException, []);
      },
    );
  };
}

const NO_SUCH_HOST: ExchangeFailure = { outcome: 'failed', cause: 'no-such-host' };

function forbid(address: string): ExchangeFailure {
  return { outcome: 'forbidden-address', address };
}

/**
 * Whether pullguard may connect to an address: a public one, or one in a CIDR that the policy allows. Neither a name in a policy
 * nor a registry's response must make it connect to the metadata service, the API server or another internal host.
 *
 * `::ffff:10.0.0.1` counts as the IPv4 address in it, also in CIDRs. Addresses with a zone, `fe80::1%eth0`, are never allowed.
 */
export function isAllowedAddress(address: string, allowed: readonly string[]): boolean {
  const family = isIP(address);
  if (family === 0 || address.includes('%')) return false;
  const { ipv4, ipv6 } = rangesOf(allowed);
  if (family === 4) return isAllowedIPv4(address, ipv4);
  const { prefix, held } = splitIPv6(address);
  if (prefix === MAPPED) return isAllowedIPv4(held, ipv4);
  if (ipv6.check(address, 'ipv6')) return true;
  // Clusters without IPv4 see the rest of the internet in this one.
  if (prefix === NAT64) return isAllowedIPv4(held, ipv4);
  return GLOBAL_IPV6.check(address, 'ipv6') && !SPECIAL_IPV6.check(address, 'ipv6');
}

/** The host without the brackets of an IPv6 address. */
export function bareHost({ hostname }: URL): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
}

/** Whether an address is in one of these CIDRs. */
export function isInRange(address: string, cidrs: readonly string[]): boolean {
  const { ipv4, ipv6 } = rangesOf(cidrs);
  if (isIP(address) === 4) return ipv4.check(address, 'ipv4');
  const { prefix, held } = splitIPv6(address);
  return prefix === MAPPED ? ipv4.check(held, 'ipv4') : ipv6.check(address, 'ipv6');
}

function isAllowedIPv4(address: string, allowed: BlockList): boolean {
  return allowed.check(address, 'ipv4') || !SPECIAL_IPV4.check(address, 'ipv4');
}

/**
 * The allowed ranges by family. Kept apart, as Node also matches IPv4 addresses with IPv6 ranges, and all of them with `::/0`.
 */
type Ranges = Readonly<{ ipv4: BlockList; ipv6: BlockList }>;

const rangesOf = memoizeByObject((allowed: readonly string[]): Ranges => {
  const ipv4 = new BlockList();
  const ipv6 = new BlockList();
  for (const { address, bits } of allowed.map((cidr) => parseCidr(cidr))) {
    if (isIP(address) === 4) ipv4.addSubnet(address, bits, 'ipv4');
    else if (bits >= 96 && splitIPv6(address).prefix === MAPPED)
      ipv4.addSubnet(splitIPv6(address).held, bits - 96, 'ipv4');
    else ipv6.addSubnet(address, bits, 'ipv6');
  }
  return { ipv4, ipv6 };
});

/** IANA's registries of special addresses: what is not reachable from everywhere. */
const SPECIAL_IPV4 = listOf('ipv4', [
  '0.0.0.0/8', // this network, and the unspecified address
  '10.0.0.0/8', // private
  '100.64.0.0/10', // carriers' NAT; clouds have their own services there
  '127.0.0.0/8', // loopback
  '169.254.0.0/16', // link-local: metadata of clouds
  '172.16.0.0/12', // private
  '192.0.0.0/24', // protocol assignments
  '192.0.2.0/24', // documentation
  '192.88.99.0/24', // relays of 6to4
  '192.168.0.0/16', // private
  '198.18.0.0/15', // benchmarks
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, and broadcast
]);

/** All addresses assigned so far. Not in it: `::`, `::1`, IPv4-compatible ones, fc00::/7, fe80::/10, fec0::/10, ff00::/8. */
const GLOBAL_IPV6 = listOf('ipv6', ['2000::/3']);

const SPECIAL_IPV6 = listOf('ipv6', [
  '2001::/23', // protocol assignments, Teredo among them, which holds an IPv4 address
  '2001:db8::/32', // documentation
  '2002::/16', // 6to4, which holds an IPv4 address
  '3fff::/20', // documentation
]);

/** The first six groups of addresses whose last two are an IPv4 address. */
const MAPPED = '0:0:0:0:0:ffff';
const NAT64 = '64:ff9b:0:0:0:0';

/** The first six groups without leading zeros, and the last two as an IPv4 address. */
function splitIPv6(address: string): Readonly<{ prefix: string; held: string }> {
  // A URL has one spelling for each address.
  const [before = '', after] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const head = splitGroups(before);
  const tail = splitGroups(after ?? '');
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0');
  const groups = [...head, ...zeros, ...tail];
  const held = groups.slice(6).flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
  return { prefix: groups.slice(0, 6).join(':'), held: held.join('.') };
}

function splitGroups(text: string): readonly string[] {
  return text === '' ? [] : text.split(':');
}

function listOf(family: 'ipv4' | 'ipv6', cidrs: readonly string[]): BlockList {
  const list = new BlockList();
  for (const { address, bits } of cidrs.map((cidr) => parseCidr(cidr))) list.addSubnet(address, bits, family);
  return list;
}

/** Of a text for which `isCidr` holds. */
function parseCidr(cidr: string): Readonly<{ address: string; bits: number }> {
  const slash = cidr.indexOf('/');
  return { address: cidr.slice(0, slash), bits: Number(cidr.slice(slash + 1)) };
}
