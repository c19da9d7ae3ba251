import { describe, expect, test } from 'vitest';
import { broken, isEnding, toEnding, toEndingElsewhere, type Ending } from '../../../src/registry/client/ending.ts';
import type { ExchangeFailure } from '../../../src/registry/exchange/exchange-error.ts';

test('what ended is told from what did not', () => {
  expect(isEnding(broken('status', 503))).toBe(true);
  expect(isEnding({ notAsked: { why: 'token-redirects' } })).toBe(true);
  expect(isEnding({ digest: 'sha256:…' })).toBe(false);
});

describe('without a response', () => {
  const url = new URL('https://auth.example.com/token?account=someone');

  test.each<ExchangeFailure>([
    { outcome: 'failed', cause: 'certificate-expired' },
    { outcome: 'failed', cause: 'no-such-host' },
    { outcome: 'failed', cause: 'broken-registry', fault: { what: 'not-http' } },
  ])('from a host that the policy names, it is that host that users hear of: %o', (failure) => {
    expect(toEnding(failure, url)).toEqual({ failure, endpoint: 'auth.example.com:443' });
  });

  test('as the policy does not allow its address, it is operators who hear of it', () => {
    expect(toEnding({ outcome: 'forbidden-address', address: '10.0.0.1' }, url)).toEqual({
      notAsked: { why: 'address-not-allowed', host: 'auth.example.com', address: '10.0.0.1' },
    });
  });

  test.each<[failure: ExchangeFailure, ending: Ending]>([
    [{ outcome: 'failed', cause: 'certificate-expired' }, broken('elsewhere-certificate')],
    [{ outcome: 'failed', cause: 'no-such-host' }, broken('elsewhere-unreachable')],
    [{ outcome: 'failed', cause: 'broken-registry', fault: { what: 'not-http' } }, broken('elsewhere-nonsense')],
    [
      { outcome: 'forbidden-address', address: '169.254.169.254' },
      {
        notAsked: { why: 'redirect-to-private-network', host: 'auth.example.com', address: '169.254.169.254' },
      },
    ],
  ])('from a host that the registry chose, users hear nothing of its name: %o', (failure, ending) => {
    expect(toEndingElsewhere(failure, url)).toEqual(ending);
  });
});
