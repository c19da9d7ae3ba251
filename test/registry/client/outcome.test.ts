import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { failBy, failWith, type FailedPull } from '../../../src/cause/answer.ts';
import {
  broken,
  classifyNoResponse,
  classifyRefusal,
  isFailure,
  isOtherThanJson,
  readWords,
  type Asker,
  type ProbeFailure,
} from '../../../src/registry/client/outcome.ts';
import type { ExchangeFailure } from '../../../src/registry/exchange/exchange.ts';

const NOW = Date.UTC(2026, 5, 1, 12);

const ASKERS = {
  nobody: { hasCredentials: false, login: undefined, now: NOW },
  'anybody with a token': { hasCredentials: false, login: 'bearer', now: NOW },
  'a user whom nobody asked to log in': { hasCredentials: true, login: undefined, now: NOW },
  'a user with a password': { hasCredentials: true, login: 'basic', now: NOW },
  'a user with a token': { hasCredentials: true, login: 'bearer', now: NOW },
} satisfies Record<string, Asker>;

const BEARER: Asker = ASKERS['a user with a token'];

function classify(status: number, asker: Asker, body = '', { isElsewhere = false, headers = {} } = {}): FailedPull {
  return classifyRefusal({ response: { status, headers, body: Buffer.from(body) }, isElsewhere }, asker);
}

const errors = (...list: unknown[]): string => JSON.stringify({ errors: list });
const code = (text: string, message = ''): string => errors({ code: text, message });
const NO_LOGIN = code('DENIED', 'You may not login yet');
const LIMITED: FailedPull = { outcome: 'failed', cause: 'rate-limited', endsAt: undefined };

describe('who is denied', () => {
  test.each<[status: number, body: string, who: keyof typeof ASKERS, lacks: 'login' | 'access']>([
    [401, '', 'nobody', 'login'],
    [401, '', 'anybody with a token', 'access'],
    [401, '', 'a user whom nobody asked to log in', 'login'],
    [401, '', 'a user with a password', 'login'],
    [401, '', 'a user with a token', 'access'],
    [403, '', 'nobody', 'access'],
    [403, '', 'a user with a password', 'access'],
    [403, '', 'a user with a token', 'access'],
    // The code counts, whatever the status.
    [401, code('UNAUTHORIZED'), 'a user with a password', 'login'],
    [401, code('UNAUTHORIZED'), 'a user with a token', 'access'],
    [404, code('DENIED'), 'a user with a password', 'access'],
    [500, code('UNAUTHORIZED'), 'a user with a token', 'access'],
    // SWR says one thing with any status.
    ...[400, 401, 403, 500].flatMap((status): [number, string, keyof typeof ASKERS, 'login'][] => [
      [status, NO_LOGIN, 'nobody', 'login'],
      [status, NO_LOGIN, 'a user with a token', 'login'],
    ]),
  ])('HTTP %i %s to %s', (status, body, who, lacks) => {
    const causes = ASKERS[who].hasCredentials
      ? ({ login: 'credentials-refused', access: 'access-denied' } as const)
      : ({ login: 'credentials-missing', access: 'anonymous-denied' } as const);
    expect(classify(status, ASKERS[who], body)).toEqual(failWith(causes[lacks]));
  });
});

describe('what a response means', () => {
  test.each<[status: number, body: string, failure: FailedPull]>([
    [404, '', { outcome: 'failed', cause: 'image-not-found' }],
    [404, code('NAME_UNKNOWN'), { outcome: 'failed', cause: 'repository-not-found' }],
    [429, '', LIMITED],
    [429, code('DENIED'), LIMITED],
    [503, code('TOOMANYREQUESTS'), LIMITED],
    ...[204, 206, 304, 400, 402, 405, 418, 451, 500, 503, 599].map((status): [number, string, FailedPull] => [
      status,
      '',
      failBy('status', status),
    ]),
    // An answer that is none is not an error, whatever is in it.
    [206, code('DENIED'), failBy('status', 206)],
  ])('HTTP %i %s', (status, body, failure) => {
    expect(classify(status, BEARER, body)).toEqual(failure);
  });

  test('a limit ends when it says', () => {
    const headers = { 'retry-after': '60' };
    expect(classify(429, BEARER, '', { headers })).toEqual({ ...LIMITED, endsAt: NOW + 60_000 });
    // Many servers send it while they are down, which is no limit.
    expect(classify(503, BEARER, '', { headers })).toEqual(failBy('status', 503));
  });
});

describe('of a host that the registry sent us to', () => {
  // It does not know who asks, so what it refuses is the redirect.
  test.each([401, 403, 500])('HTTP %i is the registry’s fault', (status) => {
    expect(classify(status, BEARER, code('DENIED'), { isElsewhere: true })).toEqual(failBy('elsewhere-status', status));
    expect(classify(429, BEARER, '', { isElsewhere: true })).toEqual(LIMITED);
  });

  // Some registries do nothing but redirect: a tag that is not there would be called a fault of theirs.
  test.each<[body: string, missing: 'image' | 'repository']>([
    ['', 'image'],
    [code('NAME_UNKNOWN'), 'repository'],
    [code('DENIED'), 'image'],
  ])('what is not there is not there: %s', (body, missing) => {
    const found = classify(404, BEARER, body, { isElsewhere: true });
    expect(found).toEqual({ outcome: 'failed', cause: `${missing}-not-found` });
  });
});

describe('the body of an error', () => {
  /** What is said with a status that says nothing. */
  const SAYS = {
    login: failWith('credentials-refused'),
    denied: failWith('access-denied'),
    'no-repository': { outcome: 'failed', cause: 'repository-not-found' },
    'no-image': { outcome: 'failed', cause: 'image-not-found' },
    'rate-limited': LIMITED,
    blocked: failWith('access-blocked'),
    page: failBy('web-page', 418),
    nothing: failBy('status', 418),
  } satisfies Record<string, FailedPull>;

  test.each<[body: string, says: keyof typeof SAYS]>([
    // The specification's.
    [errors({ code: 'UNAUTHORIZED', message: 'authentication required', detail: null }), 'denied'],
    [errors({ code: 'DENIED', message: 'requested access to the resource is denied' }), 'denied'],
    [errors({ code: 'NAME_UNKNOWN', message: 'repository name not known to registry' }), 'no-repository'],
    [errors({ code: 'NAME_INVALID', message: 'invalid repository name' }), 'no-repository'],
    [errors({ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' }), 'no-image'],
    [errors({ code: 'TAG_INVALID' }), 'no-image'],
    [errors({ code: 'TOOMANYREQUESTS', message: 'You have reached your pull rate limit.' }), 'rate-limited'],
    // In lower case, as containerd takes them too; and the first that is known.
    [errors({ code: 'manifest_unknown' }), 'no-image'],
    [errors({ code: 'SOMETHING' }, { code: 'denied' }, { code: 'NAME_UNKNOWN' }), 'denied'],
    // SWR's, from items 1 and 8 of the FAQ and its documentation.
    [NO_LOGIN, 'login'],
    [code('DENIED', 'You may not login yet - there is no X-Auth-Token'), 'login'],
    [code('DENIED', 'Authenticate Error'), 'login'],
    [errors({ code: 'DENIED', message: 'you do not have the permission', detail: '' }), 'denied'],
    [errors({ code: 400, message: 'Auth is empty, only accept X-Auth-Token or Authorization.' }), 'login'],
    [errors({ code: 400, message: 'something else' }), 'nothing'],
    [errors({ code: 401, message: 'no' }), 'login'],
    [errors({ code: 403 }), 'denied'],
    [errors({ code: '404' }), 'no-image'],
    [errors({ errorCode: 'SVCSTG.SWR.4010000', errorMessage: 'Authentication failed.' }), 'login'],
    [errors({ errorCode: 'SVCSTG.SWR.4001048', errorMessage: 'Failed to get Token from Context' }), 'login'],
    [errors({ errorCode: 'SVCSTG.SWR.4030170', errorMessage: 'Insufficient permissions' }), 'denied'],
    [errors({ errorCode: 'SVCSTG.SWR.4040004', errorMessage: 'The software package does not exist.' }), 'no-image'],
    [errors({ errorCode: 'SVCSTG.SWR.4290000' }), 'rate-limited'],
    // What is wrong within SWR is nobody's password.
    [errors({ errorCode: 'SVCSTG.SWR.5000001', errorMessage: 'Internal server error' }), 'nothing'],
    ['[{"errorCode":"SVCSTG.SWR.4010000","errorMessage":"Authentication failed.","detail":""}]', 'login'],
    ['{"error_code":"SVCSTG.SWR.4030170","error_msg":"Insufficient permissions"}', 'denied'],
    ['{"message":"Auth is empty, only accept X-Auth-Token or Authorization."}', 'login'],
    ['denied: You may not login yet', 'login'],
    ['ERROR: toomanyrequests: Too Many Requests.', 'rate-limited'],
    ['you have reached your pull rate limit, you may increase the limit by authenticating', 'rate-limited'],
    // Rules of registries that go neither by the user nor by the image.
    [code('DENIED', "client with IP '1.2.3.4' is not allowed access"), 'blocked'],
    [code('DENIED', 'Storage quota has been exceeded'), 'blocked'],
    [code('PROJECTPOLICYVIOLATION', 'cannot be pulled due to configured policy in the project'), 'blocked'],
    [code('FORBIDDEN', 'This API method requires billing to be enabled'), 'blocked'],
    [code('DENIED', 'The account has been suspended'), 'blocked'],
    [code('DENIED', 'rejected: app was not downloaded due to the download blocking policy'), 'blocked'],
    // Names of repositories are no rules.
    [code('DENIED', 'requested access to team/quota-billing is denied'), 'denied'],
    [code('MANIFEST_UNKNOWN', 'repository blocked/vulnerabilities'), 'no-image'],
    ['denied: requested access to the resource is denied', 'denied'],
    // Nothing that says anything.
    [errors(), 'nothing'],
    [errors(null, 5, 'DENIED', [], {}), 'nothing'],
    [errors(...Array.from({ length: 100 }, () => ({ code: 'OTHER' })), { code: 'DENIED' }), 'nothing'],
    [errors({ code: { DENIED: true }, message: ['DENIED'] }), 'nothing'],
    [errors({ code: 'constructor', message: 'toString' }), 'nothing'],
    ['{"errors":"DENIED"}', 'nothing'],
    ['{"__proto__":{"code":"DENIED"}}', 'nothing'],
    ['"DENIED"', 'nothing'],
    ['null', 'nothing'],
    ['<html><title>404 Not Found</title></html>', 'page'],
    [code('DENIED', 'x'.repeat(65 * 1024)), 'nothing'],
  ])('%.80s', (body, says) => {
    expect(classify(418, BEARER, body)).toEqual(SAYS[says]);
  });

  test('may be anything', () => {
    const any = fc.oneof(
      fc.json().map((text) => Buffer.from(text)),
      fc.jsonValue().map((value) => Buffer.from(errors(value))),
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      fc
        .constantFrom('['.repeat(60_000), `${'['.repeat(30_000)}${']'.repeat(30_000)}`)
        .map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(any, (body) => {
        const reply = { response: { status: 418, headers: {}, body }, isElsewhere: false };
        expect(Object.values(SAYS)).toContainEqual(classifyRefusal(reply, BEARER));
      }),
    );
  });

  test.each<[body: string, isOther: boolean]>([
    ['<html></html>', true],
    ['404 page not found', true],
    ['{"errors":[]}', false],
    ['null', false],
    // To say nothing is not to be a web server.
    ['', false],
  ])('%s is of no registry: %s', (body, isOther) => {
    expect(isOtherThanJson(Buffer.from(body))).toBe(isOther);
  });
});

describe('the words of a registry', () => {
  const read = (body: unknown, sent: readonly string[] = []): string | undefined =>
    readWords(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)), sent);

  test.each<[body: unknown, words: string | undefined]>([
    [{ errors: [{ code: 'DENIED', message: 'retrieving permissions failed' }] }, 'retrieving permissions failed'],
    [{ errors: [{ code: 'X' }, { message: 'the second' }] }, 'the second'],
    [{ error_code: 'SVCSTG.SWR.4030170', error_msg: 'Insufficient permissions' }, 'Insufficient permissions'],
    [{ details: 'incorrect username or password' }, 'incorrect username or password'],
    [{ errors: [{ message: 'two\n lines\u001b "quoted"' }] }, String.raw`two lines\u001b \"quoted\"`],
    ...[
      'You may not login yet',
      'access token has insufficient scopes',
      'HTTP Basic: Access denied. The provided password or token is incorrect',
      'Auth is empty, only accept X-Auth-Token or Authorization.',
    ].map((message): [unknown, string] => [{ errors: [{ message }] }, message]),
    [{ errors: [{ message: ' ' }] }, undefined],
    [{ errors: [{ message: { no: 'text' } }] }, undefined],
    [{ errors: 'none' }, undefined],
    ['<html>a page</html>', undefined],
    ['', undefined],
  ])('are those of its error: %j', (body, words) => {
    expect(read(body)).toBe(words);
  });

  test('are no more than a sentence or two', () => {
    expect(read({ errors: [{ message: 'word '.repeat(100) }] })!.length).toBeLessThanOrEqual(120);
  });

  // A registry may repeat what it was sent.
  test.each(['s3cret', 'dXNlcjpzM2NyZXQ='])('are left out with %s in them', (secret) => {
    expect(read({ errors: [{ message: `no access for ${secret}` }] }, [secret, ''])).toBeUndefined();
  });

  test.each([
    'see https://me:hunter2@registry.example.com/v2/',
    'use password=hunter2 to log in',
    'token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJodW50ZXIyIn0.c2lnbmF0dXJlaHVudGVyMg has expired',
  ])('never show what reads as a credential: %s', (message) => {
    expect(read({ errors: [{ message }] }) ?? '').not.toMatch(/hunter2|eyJ/);
  });
});

describe('without a response', () => {
  const url = new URL('https://auth.example.com/token?account=someone');
  const forbidden = { outcome: 'forbidden-address', address: '169.254.169.254' } as const;

  test('from a host that the policy names, it is that host that users hear of, or its address that operators do', () => {
    const failure = failBy('not-http');
    expect(classifyNoResponse(failure, url, false)).toEqual({ failure, endpoint: 'auth.example.com:443' });
    expect(classifyNoResponse(forbidden, url, false)).toEqual({
      notAsked: { why: 'address-not-allowed', host: 'auth.example.com', address: '169.254.169.254' },
    });
    // Whoever sent us there: it is not the fault of the host that nobody can say where it is.
    for (const isElsewhere of [true, false])
      expect(classifyNoResponse({ outcome: 'dns-failed' }, url, isElsewhere)).toEqual({
        notAsked: { why: 'dns-failed', host: 'auth.example.com' },
      });
  });

  test.each<[failure: ExchangeFailure, told: ProbeFailure]>([
    [failWith('certificate-expired'), broken('elsewhere-certificate')],
    [failWith('no-such-host'), broken('elsewhere-unreachable')],
    [failBy('not-http'), broken('elsewhere-nonsense')],
    [
      forbidden,
      { notAsked: { why: 'redirect-to-private-network', host: 'auth.example.com', address: '169.254.169.254' } },
    ],
  ])('from a host that the registry chose, users hear nothing of its name: %o', (failure, told) => {
    expect(classifyNoResponse(failure, url, true)).toEqual(told);
    expect(isFailure(told)).toBe(true);
  });
});
