import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { describeNotAsked, type NotAsked } from '../../../src/cause/not-asked.ts';
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

  const unnamed = (host: string): NotAsked => ({ why: 'token-host-not-named', host });

  test.each<[realm: string, because: NotAsked, policy?: Partial<RealmPolicy>]>([
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
    ['http://registry.example.com/token', { why: 'token-over-plain-http', host: 'registry.example.com' }],
    ['https://me:secret@registry.example.com/', { why: 'token-with-user' }],
    ['https://me@registry.example.com/', { why: 'token-with-user' }],
    ...[
      '/token',
      '//registry.example.com/',
      'ftp://registry.example.com/',
      'https:registry.example.com',
      'https://',
      '',
    ].map((realm): [string, NotAsked] => [realm, { why: 'token-from-no-address' }]),
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
        else if ('notAsked' in found)
          expect(describeNotAsked(found.notAsked)).toMatch(/^its tokens come from [ -~]{10,250}$/);
        else expect.unreachable();
      }),
    );
  });

  test('without the fragment, which is nobody else’s business', () => {
    expect(checkRealm('https://registry.example.com/token?a=b#c', POLICY)).toEqual(
      new URL('https://registry.example.com/token?a=b'),
    );
  });
});
