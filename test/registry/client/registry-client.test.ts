import { describe, expect, test } from 'vitest';
import { failBy, failWith } from '../../../src/cause/answer.ts';
import { isFailure } from '../../../src/registry/client/outcome.ts';
import type { ClientOptions } from '../../../src/registry/client/registry-client.ts';
import { clientOf, MANIFESTS, type FakeAnswer, type FakeAnswers } from './fake-exchange.ts';

const V1 = `${MANIFESTS}/v1`;
const ELSEWHERE = 'https://files.example.com/v1';
const USER = { username: 'me', password: 'secret' };
const BASIC = `Basic ${btoa('me:secret')}`;
const TOKENS = 'https://registry.example.com/token';
const TOKEN_URL = `${TOKENS}?service=s&scope=repository%3Ateam%2Fapp%3Apull`;

const challenge = (header: string): FakeAnswer => ({ status: 401, headers: { 'www-authenticate': header } });
const WANTS_PASSWORD = challenge('Basic realm="x"');
const bearer = (scope: string): FakeAnswer => challenge(`Bearer realm="${TOKENS}",service="s",scope="${scope}"`);
const WANTS_TOKEN = bearer('repository:team/app:pull,push');
const TOKEN = { [`GET ${TOKEN_URL}`]: { body: { token: 'abc' } } };

/** What comes of asking for `v1` by HEAD: a status of 200, or what it means. */
async function ask(answers: FakeAnswers, options: Partial<ClientOptions> = {}) {
  const client = clientOf(answers, options);
  const reply = await client.askForManifest('v1', { method: 'HEAD' });
  const told = isFailure(reply) ? reply : reply.response.status === 200 ? 200 : client.classify(reply);
  return { client, asked: client.asked(), told };
}

test('a registry is asked for what containerd takes for a manifest, and told what it is a mirror of', async () => {
  const { client } = await ask({}, { namespace: 'docker.io' });
  const accept = /^application\/vnd\.docker\..*\.oci\.image\.index\.v1\+json, \*\/\*$/;
  expect(client.requests).toMatchObject([{ headers: { Accept: expect.stringMatching(accept) as string } }]);
  expect(client.asked()).toEqual([`HEAD ${V1}?ns=docker.io`]);
});

describe('a login', () => {
  const refused = failWith('credentials-refused');
  const reset = failWith('connection-reset');

  test.each<[what: string, answers: FakeAnswers, credentials: typeof USER | undefined, asked: string[]]>([
    ['is given to nobody who does not want it', { [`HEAD ${V1}`]: {} }, USER, [`HEAD ${V1}`]],
    ['is a password', { [`HEAD ${V1}`]: [WANTS_PASSWORD, {}] }, USER, [`HEAD ${V1}`, `HEAD ${V1} as ${BASIC}`]],
    [
      'is a token, for which the password is shown',
      { [`HEAD ${V1}`]: [WANTS_TOKEN, {}], ...TOKEN },
      USER,
      [`HEAD ${V1}`, `GET ${TOKEN_URL} as ${BASIC}`, `HEAD ${V1} as Bearer abc`],
    ],
    [
      'is a token of nobody',
      { [`HEAD ${V1}`]: [WANTS_TOKEN, {}], ...TOKEN },
      undefined,
      [`HEAD ${V1}`, `GET ${TOKEN_URL}`, `HEAD ${V1} as Bearer abc`],
    ],
  ])('%s', async (_what, answers, credentials, requests) => {
    const { asked, told } = await ask(answers, { credentials });
    expect({ asked, told }).toEqual({ asked: requests, told: 200 });
  });

  const redirect: FakeAnswer = { status: 307, headers: { location: ELSEWHERE } };

  test.each<[what: string, answers: FakeAnswers, credentials: typeof USER | undefined, told: object]>([
    ['that is refused', { [`HEAD ${V1}`]: WANTS_PASSWORD }, USER, { failure: refused }],
    ['that nobody has', { [`HEAD ${V1}`]: WANTS_PASSWORD }, undefined, { failure: failWith('credentials-missing') }],
    ['that cannot be met', { [`HEAD ${V1}`]: challenge('Negotiate') }, USER, { failure: refused }],
    ['without a token', { [`HEAD ${V1}`]: WANTS_TOKEN }, undefined, { failure: failBy('token-status', 404) }],
    ['after which it is gone', { [`HEAD ${V1}`]: [WANTS_PASSWORD, reset] }, USER, { failure: reset }],
    // Behind a proxy that renames repositories nodes get a token for both names, so a refusal of ours is none of theirs.
    [
      'for which a token for other repositories is wanted',
      { [`HEAD ${V1}`]: bearer('repository:upstream/app:pull'), ...TOKEN },
      undefined,
      { notAsked: { why: 'token-for-other-repository' } },
    ],
    [
      'for which a token for this one as well is wanted',
      { [`HEAD ${V1}`]: bearer('repository:upstream/app:pull repository:team/app:pull'), ...TOKEN },
      undefined,
      { failure: failWith('anonymous-denied') },
    ],
    // containerd logs in there and pulls, so a warning that it cannot be pulled would be wrong.
    [
      'that another host wants, which the registry redirects to',
      { [`HEAD ${V1}`]: redirect, [`HEAD ${ELSEWHERE}`]: WANTS_PASSWORD },
      USER,
      { notAsked: { why: 'redirect-wants-login' } },
    ],
  ])('%s is tried no more than once', async (_what, answers, credentials, expected) => {
    const { asked, told } = await ask(answers, { credentials });
    expect(told).toMatchObject(expected);
    expect(asked.filter((line) => line.startsWith(`HEAD ${V1}`)).length).toBeLessThanOrEqual(2);
    expect(asked.filter((line) => line.startsWith(`HEAD ${ELSEWHERE} as`))).toEqual([]);
  });

  // A registry that goes on asking could have it ask for tokens without end.
  test('is for all requests to a registry, even if it does not like it any more', async () => {
    const answers = { [`HEAD ${V1}`]: [WANTS_PASSWORD, {}], [`GET ${V1}`]: WANTS_PASSWORD };
    const { client } = await ask(answers, { credentials: USER });
    expect(await client.askForManifest('v1')).toMatchObject({ response: { status: 401 } });
    expect(client.asked()).toEqual([`HEAD ${V1}`, `HEAD ${V1} as ${BASIC}`, `GET ${V1} as ${BASIC}`]);
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
    for (let time = 0; time < 2; time++) await client.askForManifest('v1', { method: 'HEAD' });
    expect(client.rateLimit()).toEqual({ remaining: 75, windowSeconds: 21600 });
  });

  test('of a host that it was sent to is that host’s', async () => {
    const { client } = await ask({
      [`HEAD ${V1}`]: { status: 307, headers: { location: ELSEWHERE } },
      [`HEAD ${ELSEWHERE}`]: { headers: { 'ratelimit-remaining': '1' } },
    });
    expect(client.rateLimit()).toBeUndefined();
  });
});
