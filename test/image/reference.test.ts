import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  formatReference,
  isDigest,
  isDomain,
  isImageId,
  isPath,
  isPort,
  isTag,
  readReference,
  splitDomain,
  splitPrefix,
} from '../../src/image/reference.ts';
import { HEX64, reference, slippedAddress, validAddress } from './arbitraries.ts';

const sha256 = `sha256:${HEX64}`;
const sha512 = `sha512:${HEX64}${HEX64}`;
const words = (text: string): readonly string[] => text.split(' ');

type Row = [written: string, registry: string, repository: string, tag?: string | undefined, digest?: string];

/** Many are from distribution/reference's own tests; what each row shows stands above its group. */
const READ: readonly Row[] = [
  // Docker Hub's short forms are spelled out; a missing tag stays missing.
  ['nginx', 'docker.io', 'library/nginx'],
  ['nginx:1.25', 'docker.io', 'library/nginx', '1.25'],
  ['library/nginx', 'docker.io', 'library/nginx'],
  ['bitnami/nginx', 'docker.io', 'bitnami/nginx'],
  ['docker.io/nginx', 'docker.io', 'library/nginx'],
  ['index.docker.io/nginx', 'docker.io', 'library/nginx'],
  ['registry-1.docker.io/nginx', 'docker.io', 'library/nginx'],
  ['registry.hub.docker.com/bitnami/nginx', 'docker.io', 'bitnami/nginx'],
  // Only on Docker Hub does a one-word image have `library/` before it.
  ['quay.io/nginx', 'quay.io', 'nginx'],
  ['docker.io:443/nginx', 'docker.io:443', 'nginx'],
  ['Docker.io/nginx', 'Docker.io', 'nginx'],
  ['docker.io.example.com/nginx', 'docker.io.example.com', 'nginx'],
  // Tag and digest may stand together, and the tag has upper-case letters if it likes.
  ['nginx:1.25@' + sha256, 'docker.io', 'library/nginx', '1.25', sha256],
  ['nginx@' + sha256, 'docker.io', 'library/nginx', undefined, sha256],
  ['nginx@' + sha512, 'docker.io', 'library/nginx', undefined, sha512],
  ['lowercase:Uppercase', 'docker.io', 'library/lowercase', 'Uppercase'],
  // Hosts: with a port, IPv4, IPv6 in brackets (the digits are not checked), `localhost`, in capitals.
  ['test:5000/repo:tag', 'test:5000', 'repo', 'tag'],
  ['192.168.1.1:5000/repo:5050', '192.168.1.1:5000', 'repo', '5050'],
  ['999.999.999.999/repo', '999.999.999.999', 'repo'],
  ['[2001:db8::1]:5000/repo:tag', '[2001:db8::1]:5000', 'repo', 'tag'],
  ['[:::::]/repo', '[:::::]', 'repo'],
  ['localhost/repo', 'localhost', 'repo'],
  ['xn--n3h.com/myimage:xn--n3h.com', 'xn--n3h.com', 'myimage', 'xn--n3h.com'],
  ['SWR.example.com/app', 'SWR.example.com', 'app'],
  ['registry.example.com:99999/app', 'registry.example.com:99999', 'app'],
  // A word in capitals before the "/" cannot be a repository and so is a host.
  ['Uppercase/lowercase', 'Uppercase', 'lowercase'],
  // Without a "/" nothing is a host, not even what looks like one: these are images of Docker Hub.
  ['test.com:5000', 'docker.io', 'library/test.com', '5000'],
  ['192.168.1.1', 'docker.io', 'library/192.168.1.1'],
  ['localhost', 'docker.io', 'library/localhost'],
  // A "_" is no part of a host name, but the whole is a legal path, and containerd then asks that host.
  ['foo_bar.com/baz:1', 'foo_bar.com', 'baz', '1'],
  ['foo/foo_bar.com:8080', 'docker.io', 'foo/foo_bar.com', '8080'],
  // Separators that look wrong and are not.
  ['a__b/c-----d/e.f_g', 'docker.io', 'a__b/c-----d/e.f_g'],
  // 64 hex digits are refused alone only: with a tag or a path they are a name.
  [HEX64 + ':tag', 'docker.io', `library/${HEX64}`, 'tag'],
  ['library/' + HEX64, 'docker.io', `library/${HEX64}`],
  ['docker.io/' + HEX64, 'docker.io', `library/${HEX64}`],
  [HEX64.slice(1), 'docker.io', `library/${HEX64.slice(1)}`],
  // 255 characters of repository, the `library/` of Docker Hub included; the host is not counted.
  ['a.b/' + 'a'.repeat(255), 'a.b', 'a'.repeat(255)],
  ['a'.repeat(247), 'docker.io', `library/${'a'.repeat(247)}`],
  ['a.b/app:' + 't'.repeat(128), 'a.b', 'app', 't'.repeat(128)],
  // Runtimes do not know this alias of Docker Hub and take the name without `library/`, with which it would be too long.
  ['registry-1.docker.io/' + 'a'.repeat(255), 'registry-1.docker.io', 'a'.repeat(255)],
];

const REFUSED: readonly string[] = [
  ...['', ' ', 'nginx\n', 'nginx ', 'nginx\u200b', 'ｎginx'],
  ...words('Uppercase:tag test:5000/Uppercase/lowercase:tag docker.io/library/Nginx aa/asdf$$^/aa https://nginx'),
  ...words(':justtag /nginx nginx/ a//b nginx: nginx:1:2 nginx@ a.b:/repo a___b .a.b/repo a..b/repo'),
  ...words('[2001:db8::1] [2001:db8::1]:5000 [fe80::1%eth0]:5000/repo []/repo 2001:db8::1/repo foo_bar.com:5000/baz'),
  ...[`@${sha256}`, `repo@sha256:${'f'.repeat(34)}`, `repo@invaliddigest:${HEX64}`, `repo@${sha256.toUpperCase()}`],
  ...[`repo@${sha256}@${sha256}`, HEX64, `nginx:${'t'.repeat(129)}`],
  ...words(' docker.io/ index.docker.io/').map((before) => before + 'a'.repeat(248)),
  ...['a.b/' + 'a'.repeat(256), 'foo_bar.com/' + 'a'.repeat(244)],
];

describe('an address is read as kubelet and containerd read it', () => {
  test.each(READ)('%s', (written, ...meant) => {
    const [registry, repository, tag, digest] = meant;
    expect(readReference(written)).toEqual({ registry, repository, tag, digest });
  });

  test.each(REFUSED)('%j is refused', (written) => {
    expect(readReference(written)).toBeUndefined();
  });

  test('any address that works is read', () => {
    fc.assert(
      fc.property(validAddress, (written) => {
        expect(readReference(written)).toBeDefined();
      }),
    );
  });
});

test('a reference comes back as it was from its full address', () => {
  expect(formatReference({ registry: 'a.b:5000', repository: 'app', tag: '1', digest: sha256 })).toBe(
    `a.b:5000/app:1@${sha256}`,
  );
  fc.assert(
    fc.property(reference, (given) => {
      expect(readReference(formatReference(given))).toEqual(given);
    }),
  );
  fc.assert(
    fc.property(slippedAddress, (written) => {
      const read = readReference(written);
      if (read !== undefined) expect(readReference(formatReference(read))).toEqual(read);
    }),
  );
});

test.each<[part: string, is: (text: string) => boolean, yes: readonly string[], no: readonly string[]]>([
  [
    'domain',
    isDomain,
    words('a a.b A.b a-b.c a--b 1.2.3.4 999.0.0.1 a:0 a.b:99999 [::1] [::1]:80 xn--n3h.com'),
    ['', 'a b', ...words(': a: :80 a:b a. .a a..b -a a- a.-b a_b é.com [] [::1 [::1]x [fe80::1%eth0]')],
  ],
  ['port', isPort, words('0 5000 99999999'), ['', ' 1', ...words('x 5000a -1 ١')]],
  [
    'path',
    isPath,
    words('a 0 a/b a.b a_b a__b a-b a------b a.b_c__d-e/f foo_bar.com'),
    ['', 'a b', 'a\n', ...words('/ a/ /a a//b .a a. a..b a___b a._b a-.b _a a- A é')],
  ],
  [
    'tag',
    isTag,
    ['a', '_', 'A.b-c_d', '1.', 'a'.repeat(128)],
    ['', 'a\n', 'a'.repeat(129), ...words('.a -a a+b a/b a:b é')],
  ],
  [
    'digest',
    isDigest,
    [sha256, `sha384:${'a'.repeat(96)}`, sha512],
    [
      ...['', ':', 'sha256:', HEX64, `${sha256}0`, `${sha256}\n`, `${sha256}:`, sha256.toUpperCase()],
      ...[`sha512:${HEX64}`, `SHA256:${HEX64}`, `sha1:${'a'.repeat(40)}`, `sha256+b64:${HEX64}`, `toString:${HEX64}`],
    ],
  ],
  ['image id', isImageId, [HEX64], ['', HEX64.slice(1), `${HEX64}0`, HEX64.toUpperCase(), `${HEX64}:1`]],
])('what is a %s, and what is none', (_, is, yes, no) => {
  expect(yes.filter((text) => !is(text))).toEqual([]);
  expect(no.filter((text) => is(text))).toEqual([]);
});

test.each([
  ['a.b', { host: 'a.b' }],
  ['a.b:80', { host: 'a.b', port: '80' }],
  ['a.b:', { host: 'a.b', port: '' }],
  ['[::1]', { host: '[::1]' }],
  ['[::1]:80', { host: '[::1]', port: '80' }],
])('the domain %s is cut into host and port, but not within an IPv6 address', (domain, parts) => {
  expect(splitDomain(domain)).toEqual(parts);
});

test.each([
  ['a.b:5000/team/app', 'a.b:5000', 'team/app'],
  ['a.b', 'a.b', ''],
  ['registry-1.docker.io/', 'docker.io', ''],
  ['hub.docker.com', 'hub.docker.com', ''],
])('the prefix %s is of registry %s and path "%s"', (text, registry, path) => {
  expect(splitPrefix(text)).toEqual({ registry, path });
});
