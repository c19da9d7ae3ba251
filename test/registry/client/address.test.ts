import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressOf, registryAddressOf, toRegistryUrl } from '../../../src/registry/client/address.ts';
import { anyString, reference } from '../../image/arbitraries.ts';

describe('a registry is asked', () => {
  test.each<[registry: string, plainHttp: boolean, endpoint: string]>([
    ['registry.example.com', false, 'registry.example.com:443'],
    ['registry.example.com', true, 'registry.example.com:80'],
    ['registry.example.com:443', false, 'registry.example.com:443'],
    ['registry.example.com:5000', false, 'registry.example.com:5000'],
    ['registry.example.com:05000', false, 'registry.example.com:5000'],
    ['100.125.7.25:20202', false, '100.125.7.25:20202'],
    ['[2001:db8::1]:5000', false, '[2001:db8::1]:5000'],
    ['[2001:DB8:0::1]', false, '[2001:db8::1]:443'],
    ['localhost', true, 'localhost:80'],
    ['my_host.local', false, 'my_host.local:443'],
    ['Registry.Example.com', false, 'registry.example.com:443'],
    ['docker.io', false, 'registry-1.docker.io:443'],
  ])('%s, without TLS %s, at %s', (registry, plainHttp, endpoint) => {
    expect(registryAddressOf(registry, plainHttp)?.endpoint).toBe(endpoint);
  });

  // The first are addresses to Node, and would be another host than the one that the policy was asked about.
  test.each([
    ...['127.1', '0x7f.0.0.1', '2130706433', '1.2.3.4.5', 'registry.example.com:0', 'registry.example.com:70000'],
    ...[
      '[::1',
      '[1::2::3]',
      'xn--a',
      'user@registry.example.com',
      'registry.example.com/path',
      'registry.example.com?a',
    ],
    ...['[::1]/path', '[::1]@registry.example.com', 'registry.example.com#a', ''],
  ])('nowhere of the name %s', (registry) => {
    expect(registryAddressOf(registry, false)).toBeUndefined();
  });

  test('at a host and a port and nothing else, whatever is asked for', () => {
    fc.assert(
      fc.property(anyString, fc.boolean(), (host, plainHttp) => {
        const address = addressOf(host, plainHttp);
        if (address === undefined) return;
        const url = new URL(`${address.origin}/`);
        expect([url.username, url.password, url.pathname, url.search]).toEqual(['', '', '/', '']);
        expect(address.endpoint).toMatch(/^[^/@]+:[0-9]+$/);
      }),
    );
  });
});

describe('the URL of a manifest', () => {
  const address = addressOf('registry.example.com:5000', false)!;

  test('is what it is meant to be for every reference', () => {
    fc.assert(
      fc.property(reference, ({ repository, tag, digest }) => {
        const path = `/v2/${repository}/manifests/${digest ?? tag ?? 'latest'}`;
        expect(toRegistryUrl(address, path).href).toBe(`https://registry.example.com:5000${path}`);
      }),
    );
  });

  test('names the registry that a mirror is asked for', () => {
    expect(toRegistryUrl(address, '/v2/a/manifests/b', 'localhost:5000').href).toBe(
      'https://registry.example.com:5000/v2/a/manifests/b?ns=localhost%3A5000',
    );
  });

  // No reference has these; if one did, it is we who are wrong, and nothing is sent.
  test.each(['/v2/../admin', '/v2/a?b', '/v2/a#b', '/v2/a b', '/v2/%2e%2e/admin', '@evil.example.com/'])(
    'is not made of %s',
    (path) => {
      expect(() => toRegistryUrl(address, path)).toThrow('not what it was meant to be');
    },
  );
});
