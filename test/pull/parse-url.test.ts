import { describe, expect, test } from 'vitest';
import { parseUrl, splitHostPort } from '../../src/pull/parse-url.ts';

describe("a URL is taken apart as Go's url.Parse does it", () => {
  test.each<[url: string, host: string, path: string]>([
    ['https://example.com', 'example.com', ''],
    ['http://Example.com:5000/', 'Example.com:5000', '/'],
    ['https://example.com/a/../b//c', 'example.com', '/a/../b//c'],
    ['https://example.com?a=/b', 'example.com', ''],
    ['https://example.com/a?b#c?d', 'example.com', '/a'],
    ['https://example.com#a/b', 'example.com', ''],
    ['https://example.com#\n', 'example.com', ''],
    ['https://user:p@ss:word@example.com/a@b', 'example.com', '/a@b'],
    ['https://us%20er@example.com', 'example.com', ''],
    ['https://example.com/%41%2f%25 é', 'example.com', '/A/% é'],
    ['https://a_b.*!$&\'()+,;=<>"]:80/', 'a_b.*!$&\'()+,;=<>"]:80', '/'],
    ['https://example.com:', 'example.com:', ''],
    ['https://a%25b', 'a%b', ''],
    ['https://é', 'é', ''],
    ['https:///a', '', '/a'],
    ['https://', '', ''],
    ['https://[::1]:5000/a', '[::1]:5000', '/a'],
    ['https://[::ffff:1.2.3.4]', '[::ffff:1.2.3.4]', ''],
  ])('%j', (url, host, path) => {
    expect(parseUrl(url)).toEqual({ host, path });
  });

  test.each([
    'https://exa\tmple.com',
    'https://example.com/\u007f',
    'https://example.com/%',
    'https://example.com/%4',
    'https://example.com/%4g',
    'https://example.com#%',
    'https://exa mple.com',
    'https://a%41b',
    'https://a{b}',
    'https://a^b',
    'https://a:b',
    'https://a:1:2',
    'https://a:-1',
    'https://us er@example.com',
    'https://üser@example.com',
    'https://us%er@example.com',
    'https://a[b',
    'https://[::1',
    'https://[::1]a',
    'https://[::1]:a',
    'https://[1:2]',
    'https://[1::2::3]',
    'https://[12345::]',
    'https://[1:2:3:4:5:6:7:8:9]',
    'https://[1.2.3.4]',
    'https://[]',
  ])('%j is none', (url) => {
    expect(parseUrl(url)).toBeUndefined();
  });
});

test.each([
  ['example.com:5000', 'example.com', '5000'],
  ['example.com:', 'example.com', ''],
  ['example.com', 'example.com', ''],
  ['[::1]:5000', '::1', '5000'],
  ['[::1]', '[::1]', ''],
  ['example.com]:5000', 'example.com]:5000', ''],
  ['', '', ''],
])('%j is the name %j and the port %j', (host, name, port) => {
  expect(splitHostPort(host)).toEqual({ name, port });
});
