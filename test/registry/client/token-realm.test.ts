import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkRealm, type RealmPolicy } from '../../../src/registry/client/token-realm.ts';
import { anyString } from '../../image/arbitraries.ts';

const POLICY: RealmPolicy = {
  endpoint: 'registry.example.com:443',
  isDockerHub: false,
  plainHttp: false,
  tokenHosts: ['auth.example.com', 'tokens.example.com:8443'],
};

describe('tokens are fetched', () => {
  test.each<[realm: string, policy: Partial<RealmPolicy>]>([
    ['https://registry.example.com/token', {}],
    ['https://registry.example.com:443/token?account=a', {}],
    ['HTTPS://REGISTRY.EXAMPLE.COM/token', {}],
    ['https://auth.example.com/token', {}],
    ['https://AUTH.example.com:443/token', {}],
    ['https://tokens.example.com:8443/', {}],
    ['https://auth.docker.io/token', { isDockerHub: true }],
    ['http://registry.example.com/token', { plainHttp: true, endpoint: 'registry.example.com:80' }],
    ['https://auth.example.com/token', { plainHttp: true }],
    ['http://auth.example.com/token', { plainHttp: true }],
    ['https://[2001:db8::1]:5000/', { endpoint: '[2001:db8::1]:5000' }],
  ])('from %s', (realm, policy) => {
    expect(checkRealm(realm, { ...POLICY, ...policy })).toEqual(new URL(realm));
  });

  const unnamed = (host: string): string =>
    `its tokens come from "${host}", which registries[].probe.tokenHosts does not name`;

  test.each<[realm: string, because: string, policy?: Partial<RealmPolicy>]>([
    ['https://evil.example.com/token', unnamed('evil.example.com')],
    ['https://registry.example.com:8443/', unnamed('registry.example.com:8443')],
    ['https://auth.example.com:8443/', unnamed('auth.example.com:8443')],
    ['https://tokens.example.com/', unnamed('tokens.example.com')],
    ['https://registry.example.com.evil.example/', unnamed('registry.example.com.evil.example')],
    ['https://evil.example\\@registry.example.com/', unnamed('evil.example')],
    ['https://evil.example/?@registry.example.com/', unnamed('evil.example')],
    ['https://evil.example#@registry.example.com/', unnamed('evil.example')],
    // Only Docker Hub may leave its tokens to Docker Hub's service, and not at another port.
    ['https://auth.docker.io/token', unnamed('auth.docker.io')],
    ['https://auth.docker.io:444/token', unnamed('auth.docker.io:444'), { isDockerHub: true }],
    // The other port of the same registry is another service.
    [
      'https://registry.example.com/',
      unnamed('registry.example.com'),
      { plainHttp: true, endpoint: 'registry.example.com:80' },
    ],
    [
      'http://registry.example.com/token',
      'its tokens come from "registry.example.com" over plain HTTP, which registries[].probe.plainHttp does not allow',
    ],
    [
      'https://me:secret@registry.example.com/',
      'its tokens come from an address with a user name or password in it, which is not asked',
    ],
    [
      'https://me@registry.example.com/',
      'its tokens come from an address with a user name or password in it, which is not asked',
    ],
    ...[
      '/token',
      '//registry.example.com/',
      'ftp://registry.example.com/',
      'https:registry.example.com',
      'https://',
      '',
    ].map((realm): [string, string] => [realm, 'its tokens come from something that is no address of HTTPS']),
    // A host of any length is shown in a line.
    [
      `https://${'a.'.repeat(200)}example/`,
      unnamed(`${'a.'.repeat(30).slice(0, 59)}…${'a.'.repeat(10).slice(7)}example`),
    ],
  ])('not from %.70s', (realm, notAsked, policy = {}) => {
    expect(checkRealm(realm, { ...POLICY, ...policy })).toEqual({ notAsked });
  });

  test('from nowhere but the hosts that are named, whatever a challenge says', () => {
    const hostile = fc
      .tuple(fc.constantFrom('https://', 'http://', 'https:\\', 'https:/', ''), anyString)
      .map(([scheme, rest]) => scheme + rest);
    fc.assert(
      fc.property(hostile, (realm) => {
        const found = checkRealm(realm, POLICY);
        if (found instanceof URL)
          expect(['registry.example.com', 'auth.example.com', 'tokens.example.com:8443']).toContain(found.host);
        else expect(JSON.stringify(found)).toMatch(/^\{"notAsked":"its tokens come from [ -~]{10,250}"\}$/);
      }),
    );
  });

  test('without the fragment, which is nobody else’s business', () => {
    expect(checkRealm('https://registry.example.com/token?a=b#c', POLICY)).toEqual(
      new URL('https://registry.example.com/token?a=b'),
    );
  });
});
