import { describe, expect, test } from 'vitest';
import { failWith } from '../../../src/cause/answer.ts';
import { broken, isEnding, type Ending } from '../../../src/registry/client/ending.ts';
import type { ClientOptions } from '../../../src/registry/client/registry-client.ts';
import { clientOf, MANIFESTS, NO_POLICY, type FakeAnswer, type FakeAnswers } from './fake-exchange.ts';

const V1 = `${MANIFESTS}/v1`;
const USER = { username: 'me', password: 'secret' };
const BASIC = `Basic ${btoa('me:secret')}`;
const TOKENS = 'https://registry.example.com/token';
const TOKEN_URL = `${TOKENS}?service=s&scope=repository%3Ateam%2Fapp%3Apull`;

const challenge = (header: string): FakeAnswer => ({ status: 401, headers: { 'www-authenticate': header } });
const BEARER = challenge(`Bearer realm="${TOKENS}",service="s",scope="repository:team/app:pull,push"`);

async function ask(answers: FakeAnswers, options: Partial<ClientOptions> = {}) {
  const client = clientOf(answers, options);
  const reply = await client.askForManifest('v1', { method: 'HEAD' });
  return { client, asked: client.asked(), ended: isEnding(reply) ? reply : reply.response.status };
}

describe('a registry', () => {
  test('is asked for what containerd takes for a manifest', async () => {
    const { client, ended } = await ask({ [`HEAD ${V1}`]: {} });
    expect(ended).toBe(200);
    expect(client.requests).toMatchObject([
      {
        headers: {
          Accept: expect.stringMatching(
            /^application\/vnd\.docker\..*\.oci\.image\.index\.v1\+json, \*\/\*$/,
          ) as string,
        },
      },
    ]);
  });

  test('that wants no login is given none', async () => {
    const { asked } = await ask({ [`HEAD ${V1}`]: {} }, { credentials: USER });
    expect(asked).toEqual([`HEAD ${V1}`]);
  });

  test('that wants a password is given it, and from then on at once', async () => {
    const { client, asked, ended } = await ask(
      { [`HEAD ${V1}`]: [challenge('Basic realm="x"'), {}], [`GET ${V1}`]: {} },
      { credentials: USER },
    );
    expect(ended).toBe(200);
    expect(asked).toEqual([`HEAD ${V1}`, `HEAD ${V1} as ${BASIC}`]);
    await client.askForManifest('v1');
    expect(client.asked().at(-1)).toBe(`GET ${V1} as ${BASIC}`);
  });

  test('that wants a token is given one, for which the password is shown', async () => {
    const { asked, ended } = await ask(
      { [`HEAD ${V1}`]: [BEARER, {}], [`GET ${TOKEN_URL}`]: { body: { token: 'abc' } } },
      { credentials: USER },
    );
    expect(ended).toBe(200);
    expect(asked).toEqual([`HEAD ${V1}`, `GET ${TOKEN_URL} as ${BASIC}`, `HEAD ${V1} as Bearer abc`]);
  });

  test('that wants a token of anybody is given one of nobody', async () => {
    const { asked } = await ask({ [`HEAD ${V1}`]: [BEARER, {}], [`GET ${TOKEN_URL}`]: { body: { token: 'abc' } } });
    expect(asked).toEqual([`HEAD ${V1}`, `GET ${TOKEN_URL}`, `HEAD ${V1} as Bearer abc`]);
  });

  test.each<[what: string, answer: FakeAnswer]>([
    ['refuses the login', challenge('Basic realm="x"')],
    ['cannot be reached any more', { outcome: 'failed', cause: 'connection-reset' }],
  ])('that %s is not logged in to again', async (_what, answer) => {
    const { asked } = await ask({ [`HEAD ${V1}`]: [challenge('Basic realm="x"'), answer] }, { credentials: USER });
    expect(asked).toHaveLength(2);
  });
});

// It would hang up, and be said to be out of reach to all who pull from there.
test.each([challenge('Basic realm="x"'), BEARER])(
  'a password longer than any header is not sent to a registry',
  async (wants) => {
    const { asked, ended } = await ask(
      { [`HEAD ${V1}`]: wants },
      { credentials: { username: 'me', password: 'x'.repeat(20_000) } },
    );
    expect(ended).toEqual({ notAsked: { why: 'long-credentials' } });
    expect(asked).toEqual([`HEAD ${V1}`]);
  },
);

// containerd logs in there and pulls, so a warning that it cannot be pulled would be wrong.
test('a host that the registry redirects to and that wants a login is left alone, and nothing is said of the image', async () => {
  const elsewhere = 'https://files.example.com/v1';
  const answers = {
    [`HEAD ${V1}`]: { status: 307, headers: { location: elsewhere } },
    [`HEAD ${elsewhere}`]: challenge('Basic realm="x"'),
  };
  const client = clientOf(answers, { credentials: USER });
  const reply = await client.askForManifest('v1', { method: 'HEAD' });
  expect(isEnding(reply) ? reply : client.judge(reply)).toEqual({
    notAsked: { why: 'redirect-wants-login' },
  });
  expect(client.asked()).toEqual([`HEAD ${V1}`, `HEAD ${elsewhere}`]);
});

// Behind a proxy that renames repositories nodes get a token for both names, so a refusal of ours is none of theirs.
test.each<[scope: string, said: object]>([
  ['repository:upstream/app:pull', { notAsked: { why: 'token-for-other-repository' } }],
  ['repository:upstream/app:pull repository:team/app:pull', { failure: { cause: 'anonymous-denied' } }],
])('a registry that wants a token for %s refuses ours', async (scope, said) => {
  const wants = challenge(`Bearer realm="${TOKENS}",service="s",scope="${scope}"`);
  const client = clientOf({ [`HEAD ${V1}`]: wants, [`GET ${TOKEN_URL}`]: { body: { token: 'abc' } } });
  const reply = await client.askForManifest('v1', { method: 'HEAD' });
  expect(isEnding(reply) ? reply : client.judge(reply)).toMatchObject(said);
  expect(client.asked()[1]).toBe(`GET ${TOKEN_URL}`);
});

// A registry that goes on asking could have it ask for tokens without end.
test('a login is for all requests to a registry, even if it does not like it any more', async () => {
  const { client } = await ask(
    { [`HEAD ${V1}`]: [challenge('Basic realm="x"'), {}], [`GET ${V1}`]: challenge('Basic realm="x"') },
    { credentials: USER },
  );
  const reply = await client.askForManifest('v1');
  expect(isEnding(reply) ? reply : reply.response.status).toBe(401);
  expect(client.requests).toHaveLength(3);
});

describe('a challenge', () => {
  const denied = (cause: 'credentials-missing' | 'credentials-refused'): Ending => ({ failure: failWith(cause) });

  test.each<[header: string]>([['Basic realm="x"'], ['Negotiate'], ['']])(
    '%s cannot be met by nobody',
    async (header) => {
      const { ended, asked } = await ask({ [`HEAD ${V1}`]: challenge(header) });
      expect(ended).toEqual(denied('credentials-missing'));
      expect(asked).toHaveLength(1);
    },
  );

  test.each<[header: string]>([['Negotiate'], ['Bearer service="s"'], ['']])(
    '%s cannot be met at all',
    async (header) => {
      const { ended } = await ask({ [`HEAD ${V1}`]: challenge(header) }, { credentials: USER });
      expect(ended).toEqual(denied('credentials-refused'));
    },
  );

  test('that sends elsewhere for a token is not followed, by password or without', async () => {
    const answers = { [`HEAD ${V1}`]: challenge('Bearer realm="https://evil.example.com/token", Basic realm="x"') };
    for (const credentials of [USER, undefined]) {
      const { ended, asked } = await ask(answers, { credentials });
      expect(ended).toEqual({
        notAsked: { why: 'token-host-not-named', host: 'evil.example.com' },
      });
      expect(asked).toEqual([`HEAD ${V1}`]);
    }
  });

  test('of a host that the policy names for tokens is met there', async () => {
    const url = 'https://auth.example.com/token?scope=repository%3Ateam%2Fapp%3Apull';
    const { asked } = await ask(
      {
        [`HEAD ${V1}`]: [challenge('Bearer realm="https://auth.example.com/token"'), {}],
        [`GET ${url}`]: { body: { access_token: 'abc' } },
      },
      { credentials: USER, registry: { ...NO_POLICY, tokenHosts: ['auth.example.com'] } },
    );
    expect(asked).toEqual([`HEAD ${V1}`, `GET ${url} as ${BASIC}`, `HEAD ${V1} as Bearer abc`]);
  });

  test('without a token in the end is the end', async () => {
    const { ended, asked } = await ask({ [`HEAD ${V1}`]: BEARER, [`GET ${TOKEN_URL}`]: { status: 503 } });
    expect(ended).toEqual(broken('token-status', 503));
    expect(asked).toHaveLength(2);
  });

  // A login there would be asked for by whoever the registry sent us to.
  test('of another host that it was sent to is not met', async () => {
    const location = 'https://files.example.com/v1';
    const { ended, asked } = await ask(
      { [`HEAD ${V1}`]: { status: 307, headers: { location } }, [`HEAD ${location}`]: challenge('Basic realm="x"') },
      { credentials: USER },
    );
    expect(ended).toBe(401);
    expect(asked).toEqual([`HEAD ${V1}`, `HEAD ${location}`]);
  });
});

describe('a mirror', () => {
  test('is told what it is a mirror of', async () => {
    const { asked } = await ask({}, { namespace: 'docker.io' });
    expect(asked).toEqual([`HEAD ${V1}?ns=docker.io`]);
  });
});

describe('the base of a registry', () => {
  const BASE = 'https://registry.example.com/v2/';

  test.each([200, 301, 401, 404])('is there or not by its own status, %i', async (status) => {
    const client = clientOf({ [`GET ${BASE}`]: { status, headers: { location: '/login' } } });
    expect(await client.askForRegistry()).toBe(status);
    expect(client.requests).toHaveLength(1);
  });

  test('may not answer', async () => {
    const client = clientOf({ [`GET ${BASE}`]: { outcome: 'failed', cause: 'timeout' } });
    expect(await client.askForRegistry()).toMatchObject({ failure: { cause: 'timeout' } });
  });
});

describe('a limit', () => {
  test('is what the registry said last', async () => {
    const client = clientOf({
      [`HEAD ${V1}`]: [
        { headers: { 'ratelimit-remaining': '76;w=21600', 'ratelimit-limit': '100;w=21600' } },
        { headers: { 'ratelimit-remaining': '75;w=21600' } },
        {},
      ],
    });
    expect(client.rateLimit()).toBeUndefined();
    await client.askForManifest('v1', { method: 'HEAD' });
    expect(client.rateLimit()).toEqual({ remaining: 76, limit: 100, windowSeconds: 21600 });
    await client.askForManifest('v1', { method: 'HEAD' });
    await client.askForManifest('v1', { method: 'HEAD' });
    expect(client.rateLimit()).toEqual({ remaining: 75, windowSeconds: 21600 });
  });

  test('of a host that it was sent to is that host’s', async () => {
    const location = 'https://files.example.com/v1';
    const { client } = await ask({
      [`HEAD ${V1}`]: { status: 307, headers: { location } },
      [`HEAD ${location}`]: { headers: { 'ratelimit-remaining': '1' } },
    });
    expect(client.rateLimit()).toBeUndefined();
  });
});

test('what a refusal means depends on how the registry was asked', async () => {
  const client = clientOf({ [`HEAD ${V1}`]: challenge('Basic realm="x"') }, { credentials: USER });
  const reply = await client.askForManifest('v1', { method: 'HEAD' });
  expect(isEnding(reply) ? reply : client.judge(reply)).toEqual({
    failure: { outcome: 'failed', cause: 'credentials-refused' },
  });
});
