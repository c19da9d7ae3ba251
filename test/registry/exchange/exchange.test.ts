import { describe, expect, test } from 'vitest';
import { failBy, failWith } from '../../../src/cause/answer.ts';
import { classifyError, ExchangeError, type ExchangeFailure } from '../../../src/registry/exchange/exchange.ts';

describe('what Node says is told as the check item that helps', () => {
  test.each<[failure: ExchangeFailure, codes: string]>([
    [
      failWith('unknown-ca'),
      `UNABLE_TO_VERIFY_LEAF_SIGNATURE SELF_SIGNED_CERT_IN_CHAIN DEPTH_ZERO_SELF_SIGNED_CERT UNABLE_TO_GET_ISSUER_CERT
       UNABLE_TO_GET_ISSUER_CERT_LOCALLY CERT_UNTRUSTED CERT_REJECTED CERT_REVOKED CERT_SIGNATURE_FAILURE CERT_CHAIN_TOO_LONG
       INVALID_CA INVALID_PURPOSE PATH_LENGTH_EXCEEDED UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY UNSPECIFIED`,
    ],
    [failWith('certificate-expired'), 'CERT_HAS_EXPIRED CERT_NOT_YET_VALID'],
    [failWith('certificate-wrong-host'), 'ERR_TLS_CERT_ALTNAME_INVALID HOSTNAME_MISMATCH'],
    [failWith('no-such-host'), 'ENOTFOUND'],
    [failWith('no-route'), 'EHOSTUNREACH ENETUNREACH ENETDOWN EHOSTDOWN EADDRNOTAVAIL EACCES EPERM'],
    [failWith('connection-refused'), 'ECONNREFUSED'],
    [failWith('connection-reset'), 'ECONNRESET EPIPE ECONNABORTED'],
    [failWith('timeout'), 'ETIMEDOUT'],
    [failBy('not-http'), 'HPE_INVALID_CONSTANT HPE_HEADER_OVERFLOW HPE_UNEXPECTED_CONTENT_LENGTH'],
    [failBy('no-tls'), 'ERR_SSL_WRONG_VERSION_NUMBER ERR_SSL_HTTP_REQUEST'],
    [failBy('other-tls'), 'EPROTO ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE'],
    [failBy('connection-failed'), 'EMFILE OUT_OF_MEM ERR_INVALID_STATE'],
  ])('%j: %s', (failure, codes) => {
    for (const code of codes.split(/\s+/)) expect([code, classifyError(errorOf(code))]).toEqual([code, failure]);
  });
});

test.each(['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EAI_NODATA', 'EINVAL', 'EBUSY'])('%s of a lookup is DNS', (code) => {
  const error = Object.assign(errorOf(code), { syscall: 'getaddrinfo' });
  expect(classifyError(error)).toEqual(failWith('no-such-host'));
});

test('of several addresses that failed the first is told', () => {
  const errors = [errorOf('ECONNREFUSED'), errorOf('ENETUNREACH')];
  expect(classifyError(new AggregateError(errors))).toEqual(failWith('connection-refused'));
});

test('a failure of our own stays as it is', () => {
  const failure = { outcome: 'forbidden-address', address: '10.0.0.1' } as const;
  expect(classifyError(new ExchangeError(failure))).toBe(failure);
});

test.each([undefined, null, 'text', {}, new AggregateError([]), new Error('no code')])('%s is no crash', (thrown) => {
  expect(classifyError(thrown)).toEqual(failBy('connection-failed'));
});

test("nothing of an error's text is repeated, as a registry may have written it", () => {
  for (const code of ['', 'HPE_INVALID_CONSTANT', 'EPROTO', 'ERR_TLS_CERT_ALTNAME_INVALID'])
    expect(JSON.stringify(classifyError(errorOf(code, '<script>')))).not.toContain('script');
});

function errorOf(code: string, message = 'some words'): Error {
  return Object.assign(new Error(message), { code });
}
