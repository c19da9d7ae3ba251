import { describe, expect, test } from 'vitest';
import { failWith } from '../../../src/cause/answer.ts';
import { broken, type ProbeFailure } from '../../../src/registry/client/outcome.ts';
import { followRedirects, sendOnce } from '../../../src/registry/client/redirects.ts';
import type { ExchangeRequest } from '../../../src/registry/exchange/exchange.ts';
import { fakeExchange, type FakeAnswer, type FakeAnswers } from './fake-exchange.ts';

const START = 'https://registry.example.com/v2/a/manifests/b';
const ELSEWHERE = 'https://files.example.com/b';

const REQUEST: ExchangeRequest = {
  method: 'HEAD',
  url: new URL(START),
  headers: { Accept: 'application/json', Authorization: 'Basic c2VjcmV0' },
  registry: { ca: 'a CA', addresses: ['10.0.0.0/8'] },
  maxBytes: 100,
  deadline: 1000,
};

const to = (location: string, status = 307): FakeAnswer => ({ status, headers: { location } });

async function follow(answers: FakeAnswers, plainHttp = false) {
  const fake = fakeExchange(answers);
  return { result: await followRedirects(fake.exchange, REQUEST, { plainHttp }), ...fake };
}

test('without a redirect there is one request, as it was made', async () => {
  const { result, requests } = await follow({ [`HEAD ${START}`]: { status: 418 } });
  expect(result).toMatchObject({ response: { status: 418 }, isElsewhere: false });
  expect(requests).toEqual([REQUEST]);
});

describe('a redirect', () => {
  test.each([301, 302, 303, 307, 308])('of status %i to the same host is followed with the login', async (status) => {
    const next = 'HEAD https://registry.example.com/v2/c/manifests/b';
    const { result, asked } = await follow({ [`HEAD ${START}`]: to('/v2/c/manifests/b', status), [next]: {} });
    expect(result).toMatchObject({ response: { status: 200 }, isElsewhere: false });
    expect(asked()).toEqual([`HEAD ${START} as Basic c2VjcmV0`, `${next} as Basic c2VjcmV0`]);
  });

  // A password that follows a redirect belongs to whoever wrote it.
  test.each([ELSEWHERE, 'https://registry.example.com:8443/b', 'https://registry.example.com./b'])(
    'to %s is followed without the login, and without the addresses that the policy allows',
    async (location) => {
      const { result, requests } = await follow({ [`HEAD ${START}`]: to(location), [`HEAD ${location}`]: {} });
      expect(result).toMatchObject({ response: { status: 200 }, isElsewhere: true });
      expect(requests[1]).toEqual({
        ...REQUEST,
        url: new URL(location),
        headers: { Accept: 'application/json' },
        registry: { ca: 'a CA', addresses: [] },
      });
    },
  );

  test('back from elsewhere finds nothing of the login there either', async () => {
    const back = 'https://registry.example.com/admin';
    const { result, requests } = await follow({
      [`HEAD ${START}`]: to(ELSEWHERE),
      [`HEAD ${ELSEWHERE}`]: to(back),
      [`HEAD ${back}`]: {},
    });
    expect(result).toMatchObject({ isElsewhere: true });
    expect(requests[2]).toMatchObject({ headers: { Accept: 'application/json' }, registry: { addresses: [] } });
    expect(requests[2]?.headers).not.toHaveProperty('Authorization');
  });

  test('is one of nine at most', async () => {
    const { result, requests } = await follow({ [`HEAD ${START}`]: to(START) });
    expect(result).toEqual(broken('redirects-on', 9));
    expect(requests).toHaveLength(10);
  });

  // Where nodes do follow, to say that the image cannot be pulled would be wrong.
  test.each<[location: string, failure: ProbeFailure]>([
    ...['ftp://files.example.com/b', 'file:///etc/passwd', 'javascript:alert(1)', 'https://a:99999/b', 'https://'].map(
      (location): [string, ProbeFailure] => [location, broken('redirects-nowhere')],
    ),
    ['http://registry.example.com/v2/a/manifests/b', { notAsked: { why: 'redirect-to-plain-http' } }],
    ['http://files.example.com/b', { notAsked: { why: 'redirect-to-plain-http' } }],
    ['https://me@files.example.com/b', { notAsked: { why: 'redirect-with-user' } }],
    ['https://:secret@files.example.com/b', { notAsked: { why: 'redirect-with-user' } }],
  ])('to %s is not followed', async (location, failure) => {
    const { result, requests } = await follow({ [`HEAD ${START}`]: to(location) });
    expect(result).toEqual(failure);
    expect(requests).toHaveLength(1);
  });

  test('without a place is not followed, nor is a status that names none', async () => {
    expect((await follow({ [`HEAD ${START}`]: { status: 302 } })).result).toEqual(broken('redirects-nowhere'));
    const { result } = await follow({ [`HEAD ${START}`]: to(ELSEWHERE, 304) });
    expect(result).toMatchObject({ response: { status: 304 } });
  });

  test('to plain HTTP is followed where the policy says so', async () => {
    const location = 'http://files.example.com/b';
    const { result } = await follow({ [`HEAD ${START}`]: to(location), [`HEAD ${location}`]: {} }, true);
    expect(result).toMatchObject({ isElsewhere: true });
  });

  test('to another host ends it where none may be followed, and is not followed by what is sent once', async () => {
    const { exchange, requests } = fakeExchange({ [`HEAD ${START}`]: to(ELSEWHERE) });
    const staysBecause: ProbeFailure = { notAsked: { why: 'token-redirects' } };
    expect(await followRedirects(exchange, REQUEST, { plainHttp: false, staysBecause })).toBe(staysBecause);
    expect(await sendOnce(exchange, REQUEST)).toMatchObject({ status: 307 });
    expect(requests).toHaveLength(2);
  });
});

describe('without a response', () => {
  const failure = failWith('connection-refused');

  test('it is the host that was asked, or the redirect, that leads nowhere', async () => {
    const { result } = await follow({ [`HEAD ${START}`]: failure });
    expect(result).toEqual({ failure, endpoint: 'registry.example.com:443' });
    const sent = await follow({ [`HEAD ${START}`]: to(ELSEWHERE), [`HEAD ${ELSEWHERE}`]: failure });
    expect(sent.result).toEqual(broken('elsewhere-unreachable'));
  });

  test('for a mistake of ours, it stays a mistake', async () => {
    const exchange = (): Promise<never> => Promise.reject(new TypeError('a mistake'));
    await expect(sendOnce(exchange, REQUEST)).rejects.toThrow('a mistake');
  });
});
