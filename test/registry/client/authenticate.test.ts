import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { failWith, describeNotAsked, type NotAsked } from '../../../src/cause/answer.ts';
import type { RegistryProbe } from '../../../src/policy/policy.ts';
import { addressOf } from '../../../src/registry/client/address.ts';
import { logIn, parseChallenges, type LoginOptions } from '../../../src/registry/client/authenticate.ts';
import { broken, type ProbeFailure } from '../../../src/registry/client/outcome.ts';
import { anyString } from '../../image/arbitraries.ts';
import { fakeExchange, NO_POLICY, type FakeAnswer, type FakeAnswers } from './fake-exchange.ts';

const NOW = Date.UTC(2026, 5, 1, 12);
const USER = { username: 'me', password: 'secret' };
const BASIC = 'Basic bWU6c2VjcmV0';
const REALM = 'https://registry.example.com/token';
const SCOPE = 'scope=repository%3Ateam%2Fapp%3Apull';

type Options = Readonly<
  Partial<Omit<LoginOptions, 'address' | 'registry'>> & {
    host?: string;
    registry?: Partial<RegistryProbe>;
    isPrivate?: boolean;
  }
>;

/** What comes of a challenge of `registry.example.com`, and what was asked for that. */
async function meet(
  header: string | undefined,
  answers: FakeAnswers = {},
  { host, registry, isPrivate = false, ...options }: Options = {},
) {
  const fake = fakeExchange(answers);
  const policy = { ...NO_POLICY, ...registry };
  const headers = header === undefined ? {} : { 'www-authenticate': header };
  const login = await logIn(
    { headers, isPrivate },
    {
      exchange: fake.exchange,
      address: addressOf(host ?? 'registry.example.com', policy.plainHttp)!,
      isDockerHub: false,
      repository: 'team/app',
      credentials: undefined,
      deadline: 1000,
      now: () => NOW,
      ...options,
      registry: policy,
    },
  );
  return { login, ...fake };
}

const bearer = (realm: string, more = ''): string => `Bearer realm="${realm.replaceAll(/["\\]/g, '\\$&')}"${more}`;

/** What comes of a challenge that is met at the usual place, with this answer there. */
const meetBearer = async (answer: FakeAnswer, options?: Options) =>
  meet(bearer(REALM), { [`GET ${REALM}?${SCOPE}`]: answer }, options);

describe('challenges', () => {
  /** As plain values, `[scheme, { name: value }]`. */
  const read = (header: string) =>
    parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

  test.each<[header: string, ...challenges: [scheme: string, parameters: object][]]>([
    [
      'Bearer realm="https://a/b",service="s",scope="repository:team/app:pull"',
      ['bearer', { realm: 'https://a/b', service: 's', scope: 'repository:team/app:pull' }],
    ],
    // A comma in quotes is text; of several headers Node makes one, with commas between.
    [
      'Bearer realm="a",scope="pull,push", Basic realm="b"',
      ['bearer', { realm: 'a', scope: 'pull,push' }],
      ['basic', { realm: 'b' }],
    ],
    // Names in any case, spaces wherever they may be, values without quotes.
    ['BEARER Realm = "a" ,\tSERVICE=b', ['bearer', { realm: 'a', service: 'b' }]],
    ['Basic realm="say \\"hello\\" \\\\ world"', ['basic', { realm: 'say "hello" \\ world' }]],
    ['Negotiate, Basic realm=""', ['negotiate', {}], ['basic', { realm: '' }]],
    ['Negotiate YWJj==, Basic realm="a"', ['negotiate', { ywjj: '' }], ['basic', { realm: 'a' }]],
    // What is in quotes is never a challenge, closed or not.
    ['Basic realm="Bearer realm=evil"', ['basic', { realm: 'Bearer realm=evil' }]],
    ['"Bearer realm=evil" Basic realm=a', ['basic', { realm: 'a' }]],
    ['Basic realm="a, Bearer realm=evil', ['basic', { realm: '' }]],
    ['Basic realm="a\\", Bearer realm="evil"', ['basic', { realm: 'a", Bearer realm=' }], ['evil', {}]],
    // The first of two counts, and one without a scheme counts for nobody.
    ['Bearer realm="a",realm="b"', ['bearer', { realm: 'a' }]],
    ['realm="a"'],
    [' , ,, '],
  ])('of %s', (header, ...challenges) => {
    expect(read(header)).toEqual(challenges);
  });

  const name = fc.stringMatching(/^[a-z][\w!#$%&'*+.^`|~-]{0,8}$/).map((text) => text.toLowerCase());
  const value = fc.string({ unit: 'grapheme-ascii', maxLength: 20 });
  const challenge = fc.tuple(name, fc.dictionary(name, value, { minKeys: 1, maxKeys: 4, noNullPrototype: true }));

  test('are read as they were written', () => {
    fc.assert(
      fc.property(fc.array(challenge, { maxLength: 4 }), (challenges) => {
        const header = challenges.map(([scheme, parameters]) => {
          const written = Object.entries(parameters).map(
            ([key, text]) => `${key}="${text.replaceAll(/["\\]/g, '\\$&')}"`,
          );
          return `${scheme} ${written.join(', ')}`;
        });
        expect(read(header.join(', '))).toEqual(challenges);
      }),
    );
  });

  test('of any text whatsoever are read, and in no time', () => {
    fc.assert(fc.property(anyString, (header) => parseChallenges(header).length <= header.length));
    // As much as a header may hold, of what makes bad patterns go back and forth.
    for (const part of ['a ', 'a=', 'a="', '\\"', '"\\', 'a=b,', ' \t', 'a'.repeat(50)]) {
      expect(parseChallenges(part.repeat(16_384)).length).toBeLessThanOrEqual(16_384);
    }
  });
});

describe('a challenge', () => {
  const token = { [`GET ${REALM}?${SCOPE}`]: { body: { token: 'abc' } } };

  test.each<[header: string | undefined, anonymously: string | undefined, withCredentials: string | undefined]>([
    [bearer(REALM), 'Bearer abc', 'Bearer abc'],
    // Bearer wherever it stands, else Basic, which needs nothing.
    [`Basic realm="a", ${bearer(REALM)}`, 'Bearer abc', 'Bearer abc'],
    ['Basic realm="a"', undefined, BASIC],
    ['Basic', undefined, BASIC],
    // Without a realm nobody knows where tokens are.
    ['Bearer service="s", Basic realm="a"', undefined, BASIC],
    ['Bearer realm=""', undefined, undefined],
    ['Digest realm="a", nonce="b"', undefined, undefined],
    [undefined, undefined, undefined],
  ])('%s is met', async (header, anonymously, withCredentials) => {
    const meetAs = async (options: Options) => {
      const { login } = await meet(header, token, options);
      return login !== undefined && 'authorization' in login ? login.authorization : login;
    };
    expect(await meetAs({})).toBe(anonymously);
    expect(await meetAs({ credentials: USER })).toBe(withCredentials);
  });

  // Servers hang up on it, and would be said to be out of reach to all who pull from there.
  test.each(['Basic realm="x"', bearer(REALM)])(
    '%s is not met with a password longer than any header',
    async (header) => {
      const { login, requests } = await meet(header, {}, { credentials: { ...USER, password: 'x'.repeat(20_000) } });
      expect([login, requests]).toEqual([{ notAsked: { why: 'long-credentials' } }, []]);
    },
  );

  // Whoever is refused with a token that was not meant to be enough is not denied the image.
  test.each<[scope: string | undefined, isForOthers: boolean]>([
    [undefined, false],
    ['', false],
    ['repository:team/app:pull', false],
    ['repository:team/app:pull,push registry:catalog:*', false],
    ['registry:catalog:*', false],
    ['repository:upstream/team/app:pull', true],
    ['repository:team/app-2:pull', true],
    ['repository:other:pull repository:team/app:pull', false],
    ['repository::pull', false],
  ])('for %s is for others than team/app: %s', async (scope, isForOthers) => {
    const { login } = await meet(bearer(REALM, scope === undefined ? '' : `,scope="${scope}"`), token);
    expect(login).toEqual({ scheme: 'bearer', authorization: 'Bearer abc', isForOthers });
  });
});

describe('a token is asked for', () => {
  test.each<[what: string, header: string, query: string]>([
    ['pulling this repository and nothing else', bearer(REALM, ',scope="repository:other:push"'), SCOPE],
    ['a service of any name', bearer(REALM, ',service="a&b=c d"'), `service=a%26b%3Dc+d&${SCOPE}`],
    ['what the realm says, but for a scope', bearer(`${REALM}?account=a&scope=x`), `account=a&${SCOPE}`],
    ['and not the fragment, which is nobody else’s business', bearer(`${REALM}#c`), SCOPE],
  ])('for %s', async (_what, header, query) => {
    expect((await meet(header)).asked()).toEqual([`GET ${REALM}?${query}`]);
  });

  test('with the login, the CA and the addresses of the registry, and for a short answer', async () => {
    const registry = { ca: 'a CA', addresses: ['10.0.0.0/8'] };
    const { requests } = await meet(bearer(REALM), {}, { credentials: USER, registry });
    expect(requests).toMatchObject([{ headers: { Authorization: BASIC }, registry, maxBytes: 65_536, deadline: 1000 }]);
    expect((await meet(bearer(REALM))).requests[0]?.headers).not.toHaveProperty('Authorization');
  });
});

describe('where tokens come from', () => {
  const tokenHosts = ['auth.example.com', 'tokens.example.com:8443'];

  test.each<[realm: string, options?: Options]>([
    ['https://registry.example.com:443/token?account=a'],
    ['HTTPS://REGISTRY.EXAMPLE.COM/token'],
    ['https://AUTH.example.com:443/token'],
    ['https://tokens.example.com:8443/'],
    ['https://auth.docker.io/token', { isDockerHub: true }],
    ['http://registry.example.com/token', { registry: { plainHttp: true } }],
    ['https://auth.example.com/token', { registry: { plainHttp: true, tokenHosts } }],
    ['http://auth.example.com/token', { registry: { plainHttp: true, tokenHosts } }],
    ['https://[2001:db8::1]:5000/', { host: '[2001:db8::1]:5000' }],
  ])('may be %s', async (realm, options) => {
    const { requests } = await meet(bearer(realm), {}, { registry: { tokenHosts }, ...options });
    const url = new URL(realm);
    url.searchParams.set('scope', 'repository:team/app:pull');
    expect(requests.map((request) => request.url.href)).toEqual([url.href]);
  });

  const unnamed = (host: string): NotAsked => ({ why: 'token-host-not-named', host });

  test.each<[realm: string, because: NotAsked, options?: Options]>([
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
    ['https://registry.example.com/', unnamed('registry.example.com'), { registry: { plainHttp: true } }],
    ['http://registry.example.com/token', { why: 'token-over-plain-http', host: 'registry.example.com' }],
    ['https://me:secret@registry.example.com/', { why: 'token-with-user' }],
    ['https://me@registry.example.com/', { why: 'token-with-user' }],
    ...[
      '/token',
      '//registry.example.com/',
      'ftp://registry.example.com/',
      'https:registry.example.com',
      'https://',
    ].map((realm): [string, NotAsked] => [realm, { why: 'token-from-no-address' }]),
  ])('is not %.70s, with a password or without', async (realm, notAsked, options = {}) => {
    for (const credentials of [USER, undefined]) {
      const more = { registry: { tokenHosts }, ...options, credentials };
      const { login, requests } = await meet(`${bearer(realm)}, Basic realm="x"`, {}, more);
      expect([login, requests]).toEqual([{ notAsked }, []]);
    }
  });

  // Whoever types an address without a login has nothing to lose; GitLab's registry has its tokens elsewhere.
  describe('for a person who logs in nowhere', () => {
    const ELSEWHERE = 'https://gitlab.example.com/jwt/auth';
    const addresses = ['10.0.0.0/8'];

    test.each<[what: string, options: Options, allowed: readonly string[]]>([
      ['a registry of the internet: in no private network', { anyTokenHost: 'as-registry' }, []],
      ['one of a private network: there too', { anyTokenHost: 'as-registry', isPrivate: true }, addresses],
      ['one that the policy names: in no private network', { anyTokenHost: 'public', isPrivate: true }, []],
    ])('may be anywhere over HTTPS, of %s', async (_what, options, allowed) => {
      const answers = { [`GET ${ELSEWHERE}?${SCOPE}`]: { body: { token: 'abc' } } };
      const { login, requests } = await meet(bearer(ELSEWHERE), answers, { registry: { addresses }, ...options });
      expect(login).toMatchObject({ authorization: 'Bearer abc' });
      expect(requests).toMatchObject([{ registry: { addresses: allowed } }]);
      expect(requests[0]!.headers).not.toHaveProperty('Authorization');
    });

    test.each<[realm: string, options: Options, notAsked: NotAsked]>([
      [ELSEWHERE, { credentials: USER }, unnamed('gitlab.example.com')],
      ['http://gitlab.example.com/', {}, { why: 'token-over-plain-http', host: 'gitlab.example.com' }],
      ['http://169.254.169.254/', { registry: { plainHttp: true } }, unnamed('169.254.169.254')],
      ['https://me:secret@gitlab.example.com/', {}, { why: 'token-with-user' }],
    ])('is not %s with %j', async (realm, options, notAsked) => {
      const { login, requests } = await meet(bearer(realm), {}, { anyTokenHost: 'as-registry', ...options });
      expect([login, requests]).toEqual([{ notAsked }, []]);
    });

    test('sends nobody on to another host', async () => {
      const moved = { status: 302, headers: { location: 'https://10.0.0.1/' } };
      const answers = { [`GET ${ELSEWHERE}?${SCOPE}`]: moved };
      const { login, requests } = await meet(bearer(ELSEWHERE), answers, { anyTokenHost: 'as-registry' });
      expect(login).toEqual({ notAsked: { why: 'token-redirects' } });
      expect(requests).toHaveLength(1);
    });
  });

  test('is nowhere but at the hosts that are named, whatever a challenge says', async () => {
    const hostile = fc
      .tuple(fc.constantFrom('https://', 'http://', 'https:\\', 'https:/', 'x'), anyString)
      .map(([scheme, rest]) => scheme + rest);
    const allowed = ['registry.example.com', 'auth.example.com', 'tokens.example.com:8443'];
    await fc.assert(
      fc.asyncProperty(hostile, async (realm) => {
        const { login, requests } = await meet(bearer(realm), {}, { registry: { tokenHosts } });
        for (const { url } of requests) expect(allowed).toContain(url.host);
        if (login !== undefined && 'notAsked' in login)
          expect(describeNotAsked(login.notAsked)).toMatch(/^its token service [ -~…]{10,250}$/);
      }),
    );
  });
});

describe('the answer of a token service', () => {
  test.each<[body: unknown, token: string]>([
    [{ token: 'abc' }, 'abc'],
    [{ access_token: 'abc', expires_in: 60, issued_at: 'x' }, 'abc'],
    [{ token: 'abc', access_token: 'def' }, 'def'],
    [{ token: 'abc', access_token: '' }, 'abc'],
    [{ token: 'abc', access_token: 5 }, 'abc'],
    [{ token: 'a'.repeat(16_384) }, 'a'.repeat(16_384)],
  ])('%.60o gives a token', async (body, token) => {
    expect((await meetBearer({ body: JSON.stringify(body) })).login).toMatchObject({
      authorization: `Bearer ${token}`,
    });
  });

  // What it gives is sent as a header: it must be no more than one.
  test.each([
    '{"token":"a b"}',
    '{"token":"a\\r\\nHost: evil.example.com"}',
    '{"token":"\\u00e9"}',
    `{"token":"${'a'.repeat(16_385)}"}`,
    '{"token":""}',
    '{"Token":"abc"}',
    'abc',
  ])('%.60s gives none', async (body) => {
    expect((await meetBearer({ body })).login).toEqual(broken('no-token'));
  });

  test('of any kind gives a token that a header can hold, or none', async () => {
    const any = fc.oneof(
      fc.json(),
      fc.record({ token: fc.anything() }).map((body) => JSON.stringify(body)),
    );
    await fc.assert(
      fc.asyncProperty(any, async (body) => {
        const { login = {} } = await meetBearer({ body });
        if ('authorization' in login) expect(login.authorization).toMatch(/^Bearer [!-~]+$/);
        else expect(login).toEqual(broken('no-token'));
      }),
    );
  });

  const missing: ProbeFailure = { failure: failWith('credentials-missing') };
  const refused: ProbeFailure = { failure: failWith('credentials-refused') };
  const limited = (endsAt?: number): ProbeFailure => ({
    failure: { outcome: 'failed', cause: 'rate-limited', endsAt },
  });
  const errors = (code: string, message = ''): string => JSON.stringify({ errors: [{ code, message }] });

  test.each<[answer: FakeAnswer, anonymously: ProbeFailure, withCredentials: ProbeFailure]>([
    [{ status: 401 }, missing, refused],
    // It is not the registry that refuses.
    [{ status: 403 }, { failure: failWith('token-denied-anonymous') }, { failure: failWith('token-denied') }],
    [
      { status: 403, body: errors('DENIED') },
      { failure: failWith('token-denied-anonymous') },
      { failure: failWith('token-denied') },
    ],
    [
      { status: 403, headers: { 'content-type': 'text/html' } },
      broken('token-web-page', 403),
      broken('token-web-page', 403),
    ],
    // Some call a wrong password a bad request.
    [{ status: 400 }, broken('token-status', 400), refused],
    [{ status: 400, body: errors('UNAUTHORIZED') }, missing, refused],
    [
      { status: 500, body: errors('DENIED', 'You may not login yet') },
      { failure: { ...failWith('credentials-missing'), says: 'You may not login yet' } },
      { failure: { ...failWith('credentials-refused'), says: 'You may not login yet' } },
    ],
    [{ status: 429 }, limited(), limited()],
    [{ status: 429, headers: { 'retry-after': '60' } }, limited(NOW + 60_000), limited(NOW + 60_000)],
    [{ status: 403, body: errors('TOOMANYREQUESTS') }, limited(), limited()],
    ...[204, 404, 418, 503].map((status): [FakeAnswer, ProbeFailure, ProbeFailure] => {
      const failure = broken('token-status', status);
      return [{ status }, failure, failure];
    }),
  ])('%j is a refusal', async (answer, anonymously, withCredentials) => {
    expect((await meetBearer(answer)).login).toEqual(anonymously);
    expect((await meetBearer(answer, { credentials: USER })).login).toEqual(withCredentials);
  });
});
