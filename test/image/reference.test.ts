import { describe, expect, it } from 'vitest';

import { formatReference, readReference } from '../../src/image/reference.ts';
import { HEX64 } from './arbitraries.ts';

const sha256 = `sha256:${HEX64}`;
const sha512 = `sha512:${HEX64}${HEX64}`;

type Row = readonly [written: string, registry: string, repository: string, tag?: string | undefined, digest?: string];

/** Many are from distribution/reference's own tests; what each row shows stands above its group. */
const READ: readonly Row[] = [
  // Docker Hub's short forms are spelled out; a missing tag stays missing.
  ['nginx', 'docker.io', 'library/nginx'],
  ['nginx:1.25', 'docker.io', 'library/nginx', '1.25'],
  ['library/nginx', 'docker.io', 'library/nginx'],
  ['bitnami/nginx', 'docker.io', 'bitnami/nginx'],
  ['docker.io/nginx', 'docker.io', 'library/nginx'],
  ['index.docker.io/nginx', 'docker.io', 'library/nginx'],
  ['registry-1.docker.io/library/nginx', 'docker.io', 'library/nginx'],
  ['registry.hub.docker.com/library/nginx', 'docker.io', 'library/nginx'],
  // Only on Docker Hub does a one-word image have `library/` before it.
  ['quay.io/nginx', 'quay.io', 'nginx'],
  ['docker.io:443/nginx', 'docker.io:443', 'nginx'],
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
  '',
  ' ',
  ':justtag',
  '@' + sha256,
  'Uppercase:tag',
  'test:5000/Uppercase/lowercase:tag',
  'docker.io/library/Nginx',
  'aa/asdf$$^/aa',
  '/nginx',
  'nginx/',
  'a//b',
  'https://nginx',
  'nginx:',
  'nginx:1:2',
  'nginx@',
  'repo@sha256:' + 'f'.repeat(34),
  'repo@invaliddigest:' + HEX64,
  'repo@' + sha256.toUpperCase(),
  'repo@' + sha256 + '@' + sha256,
  '[2001:db8::1]',
  '[2001:db8::1]:5000',
  '[fe80::1%eth0]:5000/repo',
  '[]/repo',
  '2001:db8::1/repo',
  'a.b:/repo',
  'foo_bar.com:5000/baz',
  '.a.b/repo',
  'a..b/repo',
  'a___b',
  'nginx\n',
  'nginx ',
  'ｎginx',
  'nginx\u200b',
  HEX64,
  'a'.repeat(248),
  'docker.io/' + 'a'.repeat(248),
  'index.docker.io/' + 'a'.repeat(248),
  'a.b/' + 'a'.repeat(256),
  'foo_bar.com/' + 'a'.repeat(244),
  'nginx:' + 't'.repeat(129),
];

const ROWS = READ.map(([written, registry, repository, tag, digest]) => ({
  written,
  meant: { registry, repository, ...(tag !== undefined && { tag }), ...(digest !== undefined && { digest }) },
}));

describe('readReference', () => {
  it.each(ROWS)('means another image than the runtime does by $written', ({ written, meant }) => {
    expect(readReference(written)).toEqual(meant);
  });

  it.each(REFUSED.map((written) => [written]))('lets through what no runtime can pull: %j', (written) => {
    expect(readReference(written)).toBeUndefined();
  });
});

describe('formatReference', () => {
  it.each([
    [{ registry: 'docker.io', repository: 'library/nginx' }, 'docker.io/library/nginx'],
    [{ registry: 'a.b:5000', repository: 'app', tag: '1' }, 'a.b:5000/app:1'],
    [{ registry: 'a.b', repository: 'app', digest: sha256 }, `a.b/app@${sha256}`],
    [{ registry: 'a.b', repository: 'app', tag: '1', digest: sha256 }, `a.b/app:1@${sha256}`],
  ])('loses the tag or the digest of %j', (reference, address) => {
    expect(formatReference(reference)).toBe(address);
  });
});
