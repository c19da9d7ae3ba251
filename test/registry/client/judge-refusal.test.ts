import { describe, expect, test } from 'vitest';
import { failBy, failWith, type FailedPull } from '../../../src/cause/answer.ts';
import { judgeRefusal, type Asker } from '../../../src/registry/client/judge-refusal.ts';

const NOW = Date.UTC(2026, 5, 1, 12);

const ASKERS = {
  nobody: { hasCredentials: false, login: undefined, now: NOW },
  'anybody with a token': { hasCredentials: false, login: 'bearer', now: NOW },
  'a user whom nobody asked to log in': { hasCredentials: true, login: undefined, now: NOW },
  'a user with a password': { hasCredentials: true, login: 'basic', now: NOW },
  'a user with a token': { hasCredentials: true, login: 'bearer', now: NOW },
} satisfies Record<string, Asker>;

const BEARER: Asker = ASKERS['a user with a token'];

function judge(status: number, asker: Asker, body = '', { isElsewhere = false, headers = {} } = {}): FailedPull {
  return judgeRefusal({ response: { status, headers, body: Buffer.from(body) }, isElsewhere }, asker);
}

const code = (text: string, message = ''): string => JSON.stringify({ errors: [{ code: text, message }] });
const NO_LOGIN = code('DENIED', 'You may not login yet');

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
    const asker: Asker = ASKERS[who];
    const causes = asker.hasCredentials
      ? ({ login: 'credentials-refused', access: 'access-denied' } as const)
      : ({ login: 'credentials-missing', access: 'anonymous-denied' } as const);
    expect(judge(status, asker, body)).toEqual(failWith(causes[lacks]));
  });
});

describe('what a response means', () => {
  test.each<[status: number, body: string, failure: FailedPull]>([
    [404, '', { outcome: 'failed', cause: 'image-not-found' }],
    [404, code('MANIFEST_UNKNOWN'), { outcome: 'failed', cause: 'image-not-found' }],
    [404, code('NAME_UNKNOWN'), { outcome: 'failed', cause: 'repository-not-found' }],
    [400, code('NAME_INVALID'), { outcome: 'failed', cause: 'repository-not-found' }],
    [400, code('TAG_INVALID'), { outcome: 'failed', cause: 'image-not-found' }],
    [429, '', { outcome: 'failed', cause: 'rate-limited', endsAt: undefined }],
    [429, code('DENIED'), { outcome: 'failed', cause: 'rate-limited', endsAt: undefined }],
    [403, code('TOOMANYREQUESTS'), { outcome: 'failed', cause: 'rate-limited', endsAt: undefined }],
    [503, code('TOOMANYREQUESTS'), { outcome: 'failed', cause: 'rate-limited', endsAt: undefined }],
    ...[204, 206, 304, 400, 402, 405, 418, 451, 500, 502, 503, 599].map((status): [number, string, FailedPull] => [
      status,
      '',
      failBy('status', status),
    ]),
    // An answer that is none is not an error, whatever is in it.
    [206, code('DENIED'), { outcome: 'failed', cause: 'broken-registry', fault: { what: 'status', number: 206 } }],
  ])('HTTP %i %s', (status, body, failure) => {
    expect(judge(status, BEARER, body)).toEqual(failure);
  });

  test('a limit ends when it says', () => {
    const headers = { 'retry-after': '60' };
    expect(judge(429, BEARER, '', { headers })).toEqual({
      outcome: 'failed',
      cause: 'rate-limited',
      endsAt: NOW + 60_000,
    });
    // Many servers send it while they are down, which is no limit.
    expect(judge(503, BEARER, '', { headers })).toEqual({
      outcome: 'failed',
      cause: 'server-error',
      fault: { what: 'status', number: 503 },
    });
  });
});

// Another host does not know who asks, so what it refuses is the redirect.
test.each([401, 403, 500])('HTTP %i of a host that the registry sent us to is the registry’s fault', (status) => {
  expect(judge(status, BEARER, code('DENIED'), { isElsewhere: true })).toEqual(failBy('elsewhere-status', status));
  expect(judge(429, BEARER, '', { isElsewhere: true })).toMatchObject({ cause: 'rate-limited' });
});

// Some registries do nothing but redirect: a tag that is not there would be called a fault of theirs.
test.each<[body: string, missing: 'image' | 'repository']>([
  ['', 'image'],
  [code('MANIFEST_UNKNOWN'), 'image'],
  [code('NAME_UNKNOWN'), 'repository'],
  [code('DENIED'), 'image'],
])('what such a host does not have is not there: %s', (body, missing) => {
  expect(judge(404, BEARER, body, { isElsewhere: true })).toEqual({ outcome: 'failed', cause: `${missing}-not-found` });
});
