import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatBytes } from '../../src/text/bytes.ts';

test.each([
  [0, '0 MiB', '0 MiB'],
  [1, '1 MiB', '0 MiB'],
  [812 * 2 ** 20, '812 MiB', '812 MiB'],
  [2 ** 30, '1 GiB', '1 GiB'],
  [4 * 2 ** 30 + 1, '4.1 GiB', '4 GiB'],
  [5.2 * 2 ** 30, '5.2 GiB', '5.2 GiB'],
  [1000 * 2 ** 30, '1000 GiB', '1000 GiB'],
])('%d bytes are at most %s and at least %s', (bytes, up, down) => {
  expect([formatBytes(bytes, 'up'), formatBytes(bytes, 'down')]).toEqual([up, down]);
});

test('nobody reads that 4 GiB is more than 4 GiB', () => {
  const bytes = fc.nat({ max: 2 ** 45 });
  fc.assert(
    fc.property(bytes, bytes, (size, limit) => {
      fc.pre(size > limit);
      expect(formatBytes(size, 'up')).not.toBe(formatBytes(limit, 'down'));
    }),
  );
});
