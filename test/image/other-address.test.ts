import { describe, expect, it } from 'vitest';

import { isFilePath, isGitRepository, readWebPage, registryOfSite } from '../../src/image/other-address.ts';
import { HEX64 } from './arbitraries.ts';

describe('readWebPage', () => {
  it.each([
    ['hub.docker.com/_/nginx', 'nginx'],
    ['hub.docker.com/_/nginx:1.25', 'nginx:1.25'],
    ['hub.docker.com/_/nginx?tab=tags', 'nginx'],
    ['hub.docker.com/r/bitnami/nginx', 'bitnami/nginx'],
    ['hub.docker.com/r/bitnami/nginx/tags', 'bitnami/nginx'],
    ['hub.docker.com/r/library/nginx/', 'nginx'],
    ['hub.docker.com/layers/library/nginx/1.25/images/sha256-f00', 'nginx:1.25'],
    ['hub.docker.com/layers/bitnami/nginx/1.25/images/sha256-f00', 'bitnami/nginx:1.25'],
    ['quay.io/repository/org/app', 'quay.io/org/app'],
    ['quay.io/repository/org/app?tab=tags', 'quay.io/org/app'],
    ['github.com/org/repo/pkgs/container/app', 'ghcr.io/org/app'],
    ['a.b:5000/v2/team/app/manifests/1.0', 'a.b:5000/team/app:1.0'],
    [`a.b/v2/app/manifests/sha256:${HEX64}`, `a.b/app@sha256:${HEX64}`],
    ['index.docker.io/v1', ''],
    ['a.b/v2', ''],
    ['quay.io/org/app', undefined],
    ['hub.docker.com/nginx', undefined],
    ['a.b/v2/app', undefined],
    ['v2/app', undefined],
    ['nginx', undefined],
  ])('does not lead from %j to its image', (address, image) => {
    expect(readWebPage(address)).toBe(image);
  });
});

describe('registryOfSite', () => {
  it('takes a web site for a registry, or a registry for a web site', () => {
    expect(registryOfSite('github.com')).toBe('ghcr.io');
    expect(registryOfSite('github.example.com')).toBeUndefined();
    expect(registryOfSite('ghcr.io')).toBeUndefined();
    expect(registryOfSite('constructor')).toBeUndefined();
  });
});

describe('isFilePath', () => {
  it.each([
    'C:\\images\\app',
    'c:/images/app',
    '\\\\server\\share\\app',
    './app',
    '../app',
    '~/app',
    '.\\app',
    'file:///app',
    'dir:/tmp/app',
    'oci:./app',
    '/tmp/app.tar',
  ])('asks for a registry where a file was meant: %s', (written) => {
    expect(isFilePath(written)).toBe(true);
  });

  it.each(['/app', '/app:1', 'oci://ghcr.io/org/app', 'a\\b', '.a/b', 'NGINX', 'docker://nginx', 'ab:/c'])(
    'takes the address %s for a file',
    (written) => {
      expect(isFilePath(written)).toBe(false);
    },
  );
});

describe('isGitRepository', () => {
  it.each(['git@github.com:org/app.git', 'ssh://git@a.b/app', 'git+https://a.b/app', 'https://github.com/org/app.git'])(
    'asks for an image where a git repository was meant: %s',
    (written) => {
      expect(isGitRepository(written)).toBe(true);
    },
  );

  it.each(['git:LATEST:1', 'a.b/git/App', 'https://github.com/org/app'])(
    'takes the address %s for a git repository',
    (written) => {
      expect(isGitRepository(written)).toBe(false);
    },
  );
});
