import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isOtherThanJson, readErrorBody, type RefusalReason } from '../../../src/registry/client/error-body.ts';

const errors = (...list: unknown[]): string => JSON.stringify({ errors: list });

describe('an error is understood', () => {
  test.each<[body: string, reason: RefusalReason | undefined]>([
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
    [errors({ code: 'DENIED', message: 'You may not login yet' }), 'login'],
    [errors({ code: 'DENIED', message: 'You may not login yet - there is no X-Auth-Token' }), 'login'],
    [errors({ code: 'DENIED', message: 'Authenticate Error' }), 'login'],
    [errors({ code: 'DENIED', message: 'you do not have the permission', detail: '' }), 'denied'],
    [errors({ code: 400, message: 'Auth is empty, only accept X-Auth-Token or Authorization.' }), 'login'],
    [errors({ code: 400, message: 'something else' }), undefined],
    [errors({ code: 401, message: 'no' }), 'login'],
    [errors({ code: 403 }), 'denied'],
    [errors({ code: '404' }), 'no-image'],
    [errors({ errorCode: 'SVCSTG.SWR.4010000', errorMessage: 'Authentication failed.' }), 'login'],
    [errors({ errorCode: 'SVCSTG.SWR.4001048', errorMessage: 'Failed to get Token from Context' }), 'login'],
    [errors({ errorCode: 'SVCSTG.SWR.4030170', errorMessage: 'Insufficient permissions' }), 'denied'],
    [errors({ errorCode: 'SVCSTG.SWR.4040004', errorMessage: 'The software package does not exist.' }), 'no-image'],
    [errors({ errorCode: 'SVCSTG.SWR.4290000' }), 'rate-limited'],
    // What is wrong within SWR is nobody's password.
    [errors({ errorCode: 'SVCSTG.SWR.5000001', errorMessage: 'Internal server error' }), undefined],
    ['[{"errorCode":"SVCSTG.SWR.4010000","errorMessage":"Authentication failed.","detail":""}]', 'login'],
    ['{"error_code":"SVCSTG.SWR.4030170","error_msg":"Insufficient permissions"}', 'denied'],
    ['{"message":"Auth is empty, only accept X-Auth-Token or Authorization."}', 'login'],
    ['denied: You may not login yet', 'login'],
    ['ERROR: toomanyrequests: Too Many Requests.', 'rate-limited'],
    ['you have reached your pull rate limit, you may increase the limit by authenticating', 'rate-limited'],
    // Nothing that says anything.
    [errors(), undefined],
    [errors(null, 5, 'DENIED', [], {}), undefined],
    [errors(...Array.from({ length: 100 }, () => ({ code: 'OTHER' })), { code: 'DENIED' }), undefined],
    [errors({ code: { DENIED: true }, message: ['DENIED'] }), undefined],
    [errors({ code: 'constructor', message: 'toString' }), undefined],
    ['{"errors":"DENIED"}', undefined],
    ['{"__proto__":{"code":"DENIED"}}', undefined],
    ['"DENIED"', undefined],
    ['null', undefined],
    ['<html><title>404 Not Found</title></html>', undefined],
    ['', undefined],
    [errors({ code: 'DENIED', message: 'x'.repeat(65 * 1024) }), undefined],
  ])('%.80s', (body, reason) => {
    expect(readErrorBody(Buffer.from(body))).toBe(reason);
  });

  test('or not, but never fails', () => {
    const any = fc.oneof(
      fc.json(),
      fc.string({ unit: 'binary' }),
      fc.jsonValue().map((value) => errors(value)),
    );
    fc.assert(fc.property(any, (body) => void readErrorBody(Buffer.from(body))));
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void readErrorBody(Buffer.from(bytes))));
    expect(readErrorBody(Buffer.from('['.repeat(60_000)))).toBeUndefined();
    expect(readErrorBody(Buffer.from(`${'['.repeat(30_000)}${']'.repeat(30_000)}`))).toBeUndefined();
  });
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
