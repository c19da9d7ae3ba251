import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readRetryAfter } from '../../../src/registry/client/outcome.ts';
import { readRateLimit, type RateLimit } from '../../../src/registry/client/registry-client.ts';
import { anyString } from '../../image/arbitraries.ts';

const NOW = Date.UTC(2026, 5, 1, 12);
const DAY_MS = 86_400_000;

describe('what remains of a limit', () => {
  test.each<[remaining: string | undefined, limit: string | undefined, read: RateLimit | undefined]>([
    ['76;w=21600', '100;w=21600', { remaining: 76, limit: 100, windowSeconds: 21600 }],
    ['0;w=21600', '100;w=21600', { remaining: 0, limit: 100, windowSeconds: 21600 }],
    [' 76 ; w=21600 ', '100', { remaining: 76, limit: 100, windowSeconds: 21600 }],
    ['76', '100;w=3600', { remaining: 76, limit: 100, windowSeconds: 3600 }],
    ['76', undefined, { remaining: 76 }],
    ['76', 'unlimited', { remaining: 76 }],
    // An account without a limit has neither header.
    [undefined, '100;w=21600', undefined],
    ['', '100', undefined],
    ['-1', '100', undefined],
    ['7e1', '100', undefined],
    ['76;w=', '100', undefined],
    ['76;w=21600;x=1', '100', undefined],
    ['76, 75', '100', undefined],
    ['1'.repeat(10), '100', undefined],
  ])('remaining %s, limit %s', (remaining, limit, read) => {
    const headers = {
      ...(remaining !== undefined && { 'ratelimit-remaining': remaining }),
      ...(limit !== undefined && { 'ratelimit-limit': limit }),
    };
    expect(readRateLimit(headers)).toEqual(read);
  });
});

describe('when a limit ends', () => {
  test.each<[written: string | undefined, endsAt: number | undefined]>([
    ['120', NOW + 120_000],
    [' 1 ', NOW + 1000],
    ['86400', NOW + DAY_MS],
    ['Mon, 01 Jun 2026 13:00:00 GMT', NOW + 3_600_000],
    // It has ended, or is so far away that it is not meant: some send the moment in seconds since 1970.
    ['0', undefined],
    ['86401', undefined],
    ['1780315200', undefined],
    ['9'.repeat(400), undefined],
    ['Mon, 01 Jun 2026 11:59:59 GMT', undefined],
    ['Wed, 03 Jun 2026 12:00:00 GMT', undefined],
    // Nothing of what JavaScript would read besides.
    ['-5', undefined],
    ['1.5', undefined],
    ['0x10', undefined],
    ['2026-06-01T13:00:00Z', undefined],
    ['Mon, 99 Jun 2026 13:00:00 GMT', undefined],
    ['soon', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('Retry-After: %s', (written, endsAt) => {
    expect(readRetryAfter(written === undefined ? {} : { 'retry-after': written }, NOW)).toBe(endsAt);
  });

  test('of any text is within a day, or not known', () => {
    fc.assert(
      fc.property(fc.oneof(anyString, fc.nat().map(String)), (written) => {
        const endsAt = readRetryAfter({ 'retry-after': written }, NOW) ?? NOW + 1;
        expect(endsAt > NOW && endsAt <= NOW + DAY_MS).toBe(true);
      }),
    );
  });
});
