import { describe, expect, it } from 'vitest';

import {
  isDigest,
  isDomain,
  isHost,
  isImageId,
  isPath,
  isPort,
  isTag,
  splitDomain,
  splitReference,
} from '../../src/image/grammar.ts';
import { HEX64 } from './arbitraries.ts';

describe('splitReference', () => {
  it.each([
    ['nginx', { path: 'nginx' }],
    ['nginx:1.25', { path: 'nginx', tag: '1.25' }],
    ['team/app', { path: 'team/app' }],
    ['a.b/app', { domain: 'a.b', path: 'app' }],
    ['a:5000/app:1', { domain: 'a:5000', path: 'app', tag: '1' }],
    ['localhost/app', { domain: 'localhost', path: 'app' }],
    ['Team/app', { domain: 'Team', path: 'app' }],
    ['a.b:5000', { path: 'a.b', tag: '5000' }],
    ['[::1]:5000/app', { domain: '[::1]:5000', path: 'app' }],
    ['app:1@sha256:ff', { path: 'app', tag: '1', digest: 'sha256:ff' }],
    ['app@sha256:ff', { path: 'app', digest: 'sha256:ff' }],
    ['app:1:2', { path: 'app', tag: '1:2' }],
    ['app@a@b', { path: 'app', digest: 'a@b' }],
    ['a.b/', { domain: 'a.b', path: '' }],
    ['/app', { path: '/app' }],
    ['', { path: '' }],
  ])('takes a port for a tag or a name for a host if it cuts %j elsewhere', (written, parts) => {
    expect(splitReference(written)).toEqual(parts);
  });
});

describe('splitDomain', () => {
  it.each([
    ['a.b', { host: 'a.b' }],
    ['a.b:80', { host: 'a.b', port: '80' }],
    ['a.b:', { host: 'a.b', port: '' }],
    ['[::1]', { host: '[::1]' }],
    ['[::1]:80', { host: '[::1]', port: '80' }],
    ['::1', { host: '', port: ':1' }],
  ])('reads a piece of an IPv6 address as a port if it cuts %j elsewhere', (domain, parts) => {
    expect(splitDomain(domain)).toEqual(parts);
  });
});

const TESTS: readonly (readonly [
  name: string,
  is: (text: string) => boolean,
  yes: readonly string[],
  no: readonly string[],
])[] = [
  [
    'isDomain',
    isDomain,
    [
      'a',
      'a.b',
      'A.b',
      'a-b.c',
      'a--b',
      '1.2.3.4',
      '999.0.0.1',
      'a:0',
      'a.b:99999',
      '[::1]',
      '[::1]:80',
      'xn--n3h.com',
    ],
    [
      '',
      ':',
      'a:',
      ':80',
      'a:b',
      'a.',
      '.a',
      'a..b',
      '-a',
      'a-',
      'a.-b',
      'a_b',
      'a b',
      'é.com',
      '[]',
      '[::1',
      '[::1]x',
      '[fe80::1%eth0]',
    ],
  ],
  ['isHost', isHost, ['a.b', '[::]'], ['a.b:80', '[::1]:80', '']],
  ['isPort', isPort, ['0', '5000', '99999999'], ['', 'x', '5000a', '-1', ' 1', '١']],
  [
    'isPath',
    isPath,
    ['a', '0', 'a/b', 'a.b', 'a_b', 'a__b', 'a-b', 'a------b', 'a.b_c__d-e/f', 'foo_bar.com'],
    ['', '/', 'a/', '/a', 'a//b', '.a', 'a.', 'a..b', 'a___b', 'a._b', 'a-.b', '_a', 'a-', 'A', 'a b', 'é', 'a\n'],
  ],
  [
    'isTag',
    isTag,
    ['a', '_', 'A.b-c_d', '1.', 'a'.repeat(128)],
    ['', '.a', '-a', 'a+b', 'a/b', 'a:b', 'a\n', 'é', 'a'.repeat(129)],
  ],
  [
    'isDigest',
    isDigest,
    [`sha256:${HEX64}`, `sha384:${'a'.repeat(96)}`, `sha512:${HEX64}${HEX64}`],
    [
      '',
      ':',
      'sha256:',
      HEX64,
      `sha256:${HEX64}0`,
      `sha512:${HEX64}`,
      `SHA256:${HEX64}`,
      `sha256:${HEX64.toUpperCase()}`,
      `sha1:${'a'.repeat(40)}`,
      `sha256+b64:${HEX64}`,
      `toString:${HEX64}`,
      `sha256:${HEX64}\n`,
    ],
  ],
  ['isImageId', isImageId, [HEX64], ['', HEX64.slice(1), `${HEX64}0`, HEX64.toUpperCase(), `${HEX64}:1`]],
];

describe.each(TESTS)('%s', (_, is, yes, no) => {
  it.each(yes.map((text) => [text]))('refuses what a runtime takes: %j', (text) => {
    expect(is(text)).toBe(true);
  });

  it.each(no.map((text) => [text]))('takes what a runtime refuses: %j', (text) => {
    expect(is(text)).toBe(false);
  });
});
