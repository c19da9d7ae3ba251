import type { LookupAddress } from 'node:dns';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { guardLookup, isAllowedAddress, type ResolveHost } from '../../../src/registry/exchange/addresses.ts';
import { ExchangeError } from '../../../src/registry/exchange/exchange.ts';

describe('without leave of the policy pullguard never connects to', () => {
  test.each<[what: string, addresses: readonly string[]]>([
    ['nothing in particular', ['0.0.0.0', '0.255.255.255', '::', '::0', '0:0:0:0:0:0:0:0']],
    ['itself', ['127.0.0.1', '127.0.0.53', '127.255.255.255', '::1', '0:0:0:0:0:0:0:1']],
    ['the metadata service', ['169.254.169.254', '169.254.0.1', '169.254.255.255', 'fd00:ec2::254']],
    [
      'private networks',
      ['10.0.0.0', '10.255.255.255', '172.16.0.0', '172.31.255.255', '192.168.0.0', '192.168.255.255'],
    ],
    ['private networks, IPv6', ['fc00::', 'fd12:3456::1', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff']],
    ["carriers' NAT, where clouds have services", ['100.64.0.0', '100.100.100.200', '100.125.7.25', '100.127.255.255']],
    ['benchmarks', ['198.18.0.0', '198.19.255.255']],
    ['protocol assignments', ['192.0.0.0', '192.0.0.192', '192.0.0.255', '192.88.99.1']],
    ['documentation', ['192.0.2.1', '198.51.100.1', '203.0.113.255', '2001:db8::1', '3fff:fff::1']],
    ['multicast', ['224.0.0.1', '239.255.255.255', 'ff02::1', 'ff0e::1']],
    ['reserved', ['240.0.0.0', '255.255.255.254', '255.255.255.255', '100::1', '1fff::1', '4000::1', '5f00::1']],
    ['link-local and site-local', ['fe80::1', 'febf::1', 'fec0::1', 'feff::1']],
    ['a zone', ['fe80::1%eth0', '2606:4700::1%1', '::1%lo']],
    [
      'IPv4 mapped',
      ['::ffff:127.0.0.1', '::ffff:7f00:1', '::FFFF:169.254.169.254', '0:0:0:0:0:ffff:a00:1', '::ffff:0.0.0.0'],
    ],
    ['IPv4 compatible', ['::127.0.0.1', '::a00:1', '::8.8.8.8', '::ffff:0:8.8.8.8']],
    [
      'NAT64',
      ['64:ff9b::10.0.0.1', '64:ff9b::7f00:1', '64:ff9b::a9fe:a9fe', '64:ff9b:1::8.8.8.8', '64:ff9b:1:fffe::1'],
    ],
    ['6to4 and Teredo', ['2002:7f00:1::', '2002:a9fe:a9fe::1', '2002:808:808::1', '2001::1', '2001:0:7f00:1::1']],
    [
      'what is no address',
      ['', 'localhost', '127.1', '0x7f.1', '2130706433', '0177.0.0.1', '127.0.0.1.', ' 8.8.8.8', '[::1]'],
    ],
  ])('%s', (_what, addresses) => {
    expect(addresses.filter((address) => isAllowedAddress(address, []))).toEqual([]);
  });
});

test('registries in the internet are reached, also at the edges of what is forbidden', () => {
  const addresses = `1.1.1.1 9.255.255.255 11.0.0.0 80.158.4.1 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0
    169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0
    223.255.255.255 2000::1 2600:1f18::1 2001:200::1 2001:db9::1 2003::1 2a00:1450:4001::1 3ffe::1 ::ffff:8.8.8.8
    64:ff9b::8.8.8.8 64:ff9b::5db8:d822`;
  expect(addresses.split(/\s+/).filter((address) => !isAllowedAddress(address, []))).toEqual([]);
});

describe('a policy allows', () => {
  test.each<[address: string, allowed: readonly string[], isAllowed: boolean]>([
    ['10.20.3.4', ['10.20.0.0/16'], true],
    ['10.20.3.4', ['10.20.255.255/16'], true],
    ['10.21.0.0', ['10.20.0.0/16'], false],
    ['10.21.0.0', ['10.20.0.0/16', '10.21.0.0/32'], true],
    ['100.125.7.25', ['100.125.0.0/16'], true],
    ['127.0.0.1', ['127.0.0.1/32'], true],
    ['127.0.0.2', ['127.0.0.1/32'], false],
    ['8.8.8.8', ['10.0.0.0/8'], true],
    ['169.254.169.254', ['0.0.0.0/0'], true],
    // Whoever allows private networks of IPv6 has not said anything of IPv4, nor the other way round.
    ['10.0.0.1', ['::/0'], false],
    ['::1', ['0.0.0.0/0'], false],
    ['::ffff:10.0.0.1', ['::/0'], false],
    ['fd00::1', ['fd00::/8'], true],
    ['fe80::1', ['fe80::/10'], true],
    ['fe80::1%eth0', ['fe80::/10'], false],
    ['2002:a00:1::', ['2002::/16'], true],
    ['64:ff9b:1::1', ['64:ff9b:1::/48'], true],
    ['64:ff9b::10.0.0.1', ['64:ff9b::/96'], true],
    ['64:ff9b::10.0.0.1', ['10.0.0.0/8'], true],
    ['64:ff9b::10.0.0.1', ['10.0.0.2/32'], false],
    ['10.0.0.1', ['::ffff:10.0.0.0/104'], true],
    ['11.0.0.1', ['::ffff:10.0.0.0/104'], true],
    ['192.168.0.1', ['::ffff:10.0.0.0/104'], false],
  ])('%s with %j: %s', (address, allowed, isAllowed) => {
    expect(isAllowedAddress(address, allowed)).toBe(isAllowed);
  });
});

const byte = fc.integer({ min: 0, max: 255 });
const ipv4 = fc.tuple(byte, byte, byte, byte).map((bytes) => bytes.join('.'));

test('an IPv4 address has no other spelling in IPv6 that is treated otherwise', () => {
  const bits = fc.integer({ min: 0, max: 32 });
  const samples = fc.record({ address: ipv4, other: ipv4, bits, isNear: fc.boolean(), isHex: fc.boolean() });
  fc.assert(
    fc.property(samples, ({ address, other, bits, isNear, isHex }) => {
      const allowed = [`${isNear ? address : other}/${bits}`];
      const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
      const held = isHex ? toText([a * 256 + b, c * 256 + d]) : address;
      const isAllowed = isAllowedAddress(address, allowed);
      expect(isAllowedAddress(`::ffff:${held}`, allowed)).toBe(isAllowed);
      expect(isAllowedAddress(`64:ff9b::${held}`, allowed)).toBe(isAllowed);
    }),
  );
});

function toText(groups: readonly number[]): string {
  return groups.map((group) => group.toString(16)).join(':');
}

describe('a socket is given', () => {
  const METADATA = { address: '169.254.169.254', family: 4 };
  const PUBLIC = { address: '8.8.8.8', family: 4 };
  const PUBLIC_IPV6 = { address: '2a00::1', family: 6 };
  const PRIVATE = { address: '10.20.0.1', family: 4 };
  const MAPPED = { address: '::ffff:169.254.169.254', family: 6 };

  async function lookUp(resolve: ResolveHost): Promise<{ error: unknown; addresses: unknown }> {
    const lookup = guardLookup(resolve, ['10.20.0.0/16']);
    return new Promise((done) => {
      lookup('registry.example.com', { all: true }, (error, addresses) => {
        done({ error: error instanceof ExchangeError ? error.failure : error, addresses });
      });
    });
  }

  test.each<[why: string, found: readonly LookupAddress[], kept: readonly LookupAddress[], failure: object | null]>([
    ['all that it may have', [PUBLIC, PUBLIC_IPV6], [PUBLIC, PUBLIC_IPV6], null],
    ['and none of the others', [METADATA, PUBLIC, MAPPED], [PUBLIC], null],
    ['with what the policy allows', [PRIVATE, METADATA, PUBLIC], [PRIVATE, PUBLIC], null],
    ['or none', [METADATA, MAPPED], [], { outcome: 'forbidden-address', address: '169.254.169.254' }],
    ['or none where there are none', [], [], { outcome: 'failed', cause: 'no-such-host' }],
  ])('the addresses of a name: %s', async (_why, found, kept, failure) => {
    expect(await lookUp(() => Promise.resolve(found))).toEqual({ error: failure, addresses: kept });
  });

  test('what the resolver says', async () => {
    const notFound = Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
    expect(await lookUp(() => Promise.reject(notFound))).toEqual({ error: notFound, addresses: [] });
  });

  // Or a silent host would be taken for one whose name is still looked up.
  test('nothing before who asked can listen, though the name is known at once', async () => {
    await Promise.resolve();
    let isListening = false;
    process.nextTick(() => {
      isListening = true;
    });
    await lookUp(() => Promise.resolve([PUBLIC]));
    expect(isListening).toBe(true);
  });
});
