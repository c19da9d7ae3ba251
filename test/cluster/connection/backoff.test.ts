import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createBackoff } from '../../../src/cluster/connection/backoff.ts';

const MOST = 0.999_999;

test('each failure doubles the longest wait, up to the limit', () => {
  const backoff = createBackoff({ firstMs: 500, maxMs: 3000, random: () => MOST });
  const waits = Array.from({ length: 5 }, () => Math.ceil(backoff.next()));
  expect(waits).toEqual([500, 1000, 2000, 3000, 3000]);
});

test('an attempt that lasted begins anew, one that failed soon does not', () => {
  const backoff = createBackoff({ random: () => MOST });
  const waits = [0, 9999, 10_000, 0].map((wentWellMs) => Math.ceil(backoff.next(wentWellMs)));
  expect(waits).toEqual([500, 1000, 500, 1000]);
});

// Otherwise all replicas and all their watches come back to a server that has just restarted at the same moment.
test('waits are spread over the whole time', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: MOST, noNaN: true }), fc.nat({ max: 50 }), (share, failures) => {
      const backoff = createBackoff({ random: () => share });
      for (let failure = 0; failure < failures; failure++) backoff.next();
      expect(backoff.next()).toBeCloseTo(share * Math.min(500 * 2 ** failures, 30_000));
    }),
  );
});
