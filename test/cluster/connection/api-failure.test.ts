import { FetchError } from 'node-fetch';
import { describe, expect, test } from 'vitest';
import {
  describeLoginFailure,
  describeNetworkFailure,
  toRefusal,
} from '../../../src/cluster/connection/api-failure.ts';

const CALL = 'GET /api/v1/secrets';
const statusOf = (message: string): string => JSON.stringify({ kind: 'Status', message, reason: 'Forbidden' });

describe('a refusal', () => {
  // A message goes to a log and to a terminal: whoever answers must not write lines of their own into either.
  test('keeps to one line of bounded length', () => {
    const { message } = toRefusal(CALL, 500, statusOf(`a\n\u001b[31m${'x'.repeat(5000)}`));
    expect(message).toMatch(/^[ -~]+…$/);
    expect(message.length).toBeLessThan(1100);
  });

  test.each(['', '<html>no', 'null', '{"kind":"Pod","message":"no"}', '{"kind":"Status","message":3}'])(
    'of %j says that it is not from an API server',
    (text) => {
      const { message, reason } = toRefusal(CALL, 502, text);
      expect(message).toMatch(/returned 502 .*: Bad Gateway .*proxy/);
      expect(message).not.toContain('no"');
      expect(reason).toBe('');
    },
  );
});

describe('a network failure', () => {
  test.each([
    ['ECONNREFUSED', 'connection refused'],
    ['ENOTFOUND', 'no such host'],
    ['EAI_AGAIN', 'temporary failure in name resolution'],
    ['EHOSTUNREACH', 'no route to host'],
    ['ETIMEDOUT', 'timed out'],
    ['ECONNRESET', 'the connection was closed'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'unknown authority'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'unknown authority'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'TLS handshake failed'],
    ['HPE_INVALID_CONSTANT', 'the answer is not HTTP'],
    ['', 'something new'],
  ])('%s is told in plain words', (code, says) => {
    const error = new FetchError('request to https://a/b?c=d failed, reason: something new', 'system');
    expect(describeNetworkFailure(Object.assign(error, { code }))).toContain(says);
  });

  test.each<[error: unknown, says: string]>([
    [Object.assign(new Error(''), { code: 'ENEW' }), 'ENEW'],
    [new Error(''), 'unknown error'],
    ['text', 'text'],
  ])('another one is told as it is: %s', (error, says) => {
    expect(describeNetworkFailure(error)).toBe(says);
  });
});

describe('a failed login', () => {
  test.each<[error: unknown, says: string]>([
    [
      Object.assign(new Error('spawn aws ENOENT'), { code: 'ENOENT', syscall: 'spawn aws', path: 'aws' }),
      'the credential plugin aws in the kubeconfig is not installed',
    ],
    [new Error('session expired,\nlog in again\n'), 'session expired,\\nlog in again'],
    [new Error(''), 'failed without a message'],
    [new Error("ENOENT: no such file or directory, open '/token'"), "open '/token'"],
  ])('%s', (error, says) => {
    expect(describeLoginFailure(error)).toContain(says);
  });

  // Both texts begin with the credential: node-fetch shows the header, Node the JSON that it could not read.
  test.each([
    new TypeError('Bearer c2VjcmV0\n is not a legal HTTP header value'),
    new SyntaxError('Unexpected token "c2VjcmV0"'),
  ])('shows no credential of: %s', (error) => {
    expect(describeLoginFailure(error)).not.toContain('c2VjcmV0');
  });
});
