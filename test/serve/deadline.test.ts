import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readTimeout } from '../../src/serve/deadline.ts';

test.each([
  ['3s', 3000],
  ['10s', 10_000],
  ['30s', 30_000],
  ['1.5s', 1500],
  ['250ms', 250],
  ['1m', 30_000],
  ['1h30m', 30_000],
  ['1s500ms', 1500],
  ['1500us', 2],
  ['1500µs', 2],
  ['1ns', 1],
])('an API server that waits %s is waited for %d ms', (text, milliseconds) => {
  expect(readTimeout(text)).toBe(milliseconds);
});

test.each([
  undefined,
  '',
  '3',
  's',
  '-3s',
  '+3s',
  '3 s',
  '3S',
  '3d',
  '0s',
  '0.0ms',
  '.5s',
  '1e3s',
  'Infinity',
  'NaN',
  '3s;',
  '٣s',
  '9'.repeat(100) + 's',
  '1s'.repeat(7),
  ['3s', '5s'],
  { s: 3 },
  3,
])('%j says nothing, so the default of 10 s holds', (text) => {
  expect(readTimeout(text)).toBe(10_000);
});

test('whatever is sent, a timer can be set to what comes out', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^(\d{1,12}(\.\d{1,12})?(h|m|s|ms|us|ns)){0,8}$/)), (text) => {
      const timeout = readTimeout(text);
      expect(Number.isInteger(timeout) && timeout >= 1 && timeout <= 30_000).toBe(true);
    }),
  );
});
