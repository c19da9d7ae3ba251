import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { failWith } from '../../../src/cause/answer.ts';
import { broken, type Ending } from '../../../src/registry/client/ending.ts';
import { fetchToken, type TokenRequest } from '../../../src/registry/client/token.ts';
import { fakeExchange, type FakeAnswer } from './fake-exchange.ts';

const REALM = 'https://auth.example.com/token';
const ASKED = `${REALM}?scope=repository%3Ateam%2Fapp%3Apull`;
const NOW = Date.UTC(2026, 5, 1, 12);
const BASIC = 'Basic bWU6c2VjcmV0';

function requestOf(request: Partial<TokenRequest> = {}): TokenRequest {
  return {
    realm: new URL(REALM),
    service: undefined,
    repository: 'team/app',
    authorization: undefined,
    registry: { addresses: ['10.0.0.0/8'], ca: 'a CA' },
    plainHttp: false,
    deadline: 1000,
    now: () => NOW,
    ...request,
  };
}

async function fetchFrom(answer: FakeAnswer, request: Partial<TokenRequest> = {}) {
  const fake = fakeExchange({ [`GET ${ASKED}`]: answer });
  return { result: await fetchToken(fake.exchange, requestOf(request)), ...fake };
}

describe('a token is asked for', () => {
  test.each<[what: string, request: Partial<TokenRequest>, url: string]>([
    ['pulling this repository and nothing else', {}, ASKED],
    [
      'the service that the challenge names',
      { service: 'registry.example.com' },
      `${REALM}?service=registry.example.com&scope=repository%3Ateam%2Fapp%3Apull`,
    ],
    [
      'a service of any name',
      { service: 'a&b=c d' },
      `${REALM}?service=a%26b%3Dc+d&scope=repository%3Ateam%2Fapp%3Apull`,
    ],
    [
      'what the realm itself says, but for a scope',
      { realm: new URL(`${REALM}?account=a&scope=repository:other:push`) },
      `${REALM}?account=a&scope=repository%3Ateam%2Fapp%3Apull`,
    ],
  ])('for %s', async (_what, request, url) => {
    const { exchange, requests } = fakeExchange({});
    await fetchToken(exchange, requestOf(request));
    expect(requests.map((each) => `${each.method} ${each.url.href}`)).toEqual([`GET ${url}`]);
  });

  test('with the login, the CA and the addresses of the registry, and for a short answer', async () => {
    const { requests } = await fetchFrom({}, { authorization: BASIC });
    expect(requests).toMatchObject([
      {
        headers: { Authorization: BASIC },
        registry: { addresses: ['10.0.0.0/8'], ca: 'a CA' },
        maxBytes: 65_536,
        deadline: 1000,
      },
    ]);
    expect((await fetchFrom({})).requests[0]?.headers).not.toHaveProperty('Authorization');
  });
});

describe('an answer', () => {
  test.each<[body: unknown, token: string]>([
    [{ token: 'abc' }, 'abc'],
    [{ access_token: 'abc', expires_in: 60, issued_at: 'x' }, 'abc'],
    [{ token: 'abc', access_token: 'def' }, 'def'],
    [{ token: 'abc', access_token: '' }, 'abc'],
    [{ token: 'abc', access_token: 5 }, 'abc'],
    [{ token: 'a'.repeat(16_384) }, 'a'.repeat(16_384)],
  ])('%.60o gives a token', async (body, token) => {
    expect((await fetchFrom({ body: JSON.stringify(body) })).result).toEqual({ token });
  });

  // What it gives is sent as a header: it must be no more than one.
  test.each<[body: string]>([
    ['{"token":"a b"}'],
    ['{"token":"a\\r\\nHost: evil.example.com"}'],
    ['{"token":"\\u00e9"}'],
    [`{"token":"${'a'.repeat(16_385)}"}`],
    ['{"token":""}'],
    ['{"token":{"a":"b"}}'],
    ['{"Token":"abc"}'],
    ['{}'],
    ['[]'],
    ['null'],
    ['"abc"'],
    ['abc'],
    [''],
  ])('%.60s gives none', async (body) => {
    expect((await fetchFrom({ body })).result).toEqual(broken('no-token'));
  });

  test('of any kind gives a token that a header can hold, or none', async () => {
    const any = fc.oneof(
      fc.json(),
      fc.record({ token: fc.anything() }).map((body) => JSON.stringify(body)),
    );
    await fc.assert(
      fc.asyncProperty(any, async (body) => {
        const { result } = await fetchFrom({ body });
        if ('token' in result) expect(result.token).toMatch(/^[!-~]+$/);
        else expect(result).toEqual(broken('no-token'));
      }),
    );
  });
});

describe('a refusal', () => {
  const denied = (cause: 'credentials-missing' | 'credentials-refused'): Ending => ({ failure: failWith(cause) });
  const limited = (endsAt: number | undefined): Ending => ({
    failure: { outcome: 'failed', cause: 'rate-limited', endsAt },
  });
  const errors = (code: string, message = ''): string => JSON.stringify({ errors: [{ code, message }] });

  test.each<[answer: FakeAnswer, anonymously: Ending, withCredentials: Ending]>([
    [{ status: 401 }, denied('credentials-missing'), denied('credentials-refused')],
    [{ status: 403 }, denied('credentials-missing'), denied('credentials-refused')],
    // Some call a wrong password a bad request.
    [{ status: 400 }, broken('token-status', 400), denied('credentials-refused')],
    [{ status: 400, body: errors('UNAUTHORIZED') }, denied('credentials-missing'), denied('credentials-refused')],
    [
      { status: 500, body: errors('DENIED', 'You may not login yet') },
      denied('credentials-missing'),
      denied('credentials-refused'),
    ],
    [{ status: 429 }, limited(undefined), limited(undefined)],
    [{ status: 429, headers: { 'retry-after': '60' } }, limited(NOW + 60_000), limited(NOW + 60_000)],
    [{ status: 403, body: errors('TOOMANYREQUESTS') }, limited(undefined), limited(undefined)],
    ...[204, 404, 405, 418, 500, 503].map((status): [FakeAnswer, Ending, Ending] => {
      const ending = broken('token-status', status);
      return [{ status }, ending, ending];
    }),
  ])('of %j', async (answer, anonymously, withCredentials) => {
    expect((await fetchFrom(answer)).result).toEqual(anonymously);
    expect((await fetchFrom(answer, { authorization: BASIC })).result).toEqual(withCredentials);
  });

  test('to be reached is told of the token service, not of the registry', async () => {
    const failure = { outcome: 'failed', cause: 'no-such-host' } as const;
    expect((await fetchFrom(failure)).result).toEqual({ failure, endpoint: 'auth.example.com:443' });
  });

  test('to do it itself is no reason to go elsewhere', async () => {
    const location = 'https://evil.example.com/token';
    const { result, requests } = await fetchFrom({ status: 307, headers: { location } }, { authorization: BASIC });
    expect(result).toEqual({ notAsked: { why: 'token-redirects' } });
    expect(requests).toHaveLength(1);
  });
});
