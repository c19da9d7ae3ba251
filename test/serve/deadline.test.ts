import { expect, test } from 'vitest';
import { readTimeoutOf } from '../../src/serve/http.ts';

test.each([
  ['?timeout=1s', 1000],
  ['?timeout=10s', 10_000],
  ['?timeout=29s', 29_000],
  ['?timeout=30s', 30_000],
  ['?a=b&timeout=3s&c', 3000],
])('an API server that calls /mutate%s is waited for %d ms', (query, milliseconds) => {
  expect(readTimeoutOf({ url: `/mutate${query}` })).toBe(milliseconds);
});

test.each(
  ['', '3', 's', '0s', '31s', '03s', '100s', '-3s', '1.5s', '250ms', '1m', '1m30s', '3s;', '3S', '٣s'].map(
    (value) => `?timeout=${value}`,
  ),
)('/mutate%s says nothing, so the default of 10 s holds', (query) => {
  expect(readTimeoutOf({ url: `/mutate${query}` })).toBe(10_000);
});

test.each(['/mutate', '/timeout=3s', '/mutate?retimeout=3s', '/mutate?timeout', undefined])('nor does %s', (url) => {
  expect(readTimeoutOf(url === undefined ? {} : { url })).toBe(10_000);
});
