import { expect, test } from 'vitest';
import { findSuspicion, parseReference } from '../../src/image/parse-reference.ts';
import { HEX64 } from './arbitraries.ts';

const hubImage = (name: string, tag?: string): string =>
  `this is read as the Docker Hub image "${name}"${tag === undefined ? '' : ` with tag "${tag}"`}`;
const NEEDS_SLASH = 'a registry needs "/" and a repository after it';
const twoRegistries = (first: string, second: string): string =>
  `a registry follows the registry: leave out "${first}" or "${second}"`;
const otherForm = (registry: string, form: string, repository: string): string =>
  `${registry} has repositories of the form ${form} only, so "${repository}" is not there`;
const BITNAMI = 'Bitnami moved its images with a version to bitnamilegacy in September 2025, where they get no updates';
const PRINTED = 'looks like a number that a template printed with an exponent; put it in quotes in its values';
const PLACEHOLDER = 'looks like a placeholder that was never replaced';

test.each([
  ['registry.example.com:5000', `${hubImage('registry.example.com', '5000')}; ${NEEDS_SLASH}`],
  ['registry.example.com', `${hubImage('registry.example.com')}; ${NEEDS_SLASH}`],
  ['ghcr.io:1.0', `${hubImage('ghcr.io', '1.0')}; ${NEEDS_SLASH}`],
  ['10.0.0.1:5000', `${hubImage('10.0.0.1', '5000')}; ${NEEDS_SLASH}`],
  ['localhost:5000', `${hubImage('localhost', '5000')}; ${NEEDS_SLASH}`],
  ['localhost', `${hubImage('localhost')}; ${NEEDS_SLASH}`],
  ['app.tar', `${hubImage('app.tar')}; a runtime pulls from registries only and reads no files`],
  ['image_address', `${hubImage('image_address')}; it ${PLACEHOLDER}`],
  ['nginx:__TAG__', `tag "__TAG__" ${PLACEHOLDER}`],
  [
    `sha256:${HEX64}`,
    `${hubImage('sha256', `${HEX64.slice(0, 19)}…${HEX64.slice(-20)}`)}; a digest needs a name before it: name@sha256:…`,
  ],
  [`nginx:${HEX64}`, 'the tag is 64 hex digits; a digest is written name@sha256:…'],
  ['nginx:1.25.', 'tag "1.25." ends with a "."'],
  ['app:4.5980468e_07', `tag "4.5980468e_07" ${PRINTED}`],
  ['app:1e-07', `tag "1e-07" ${PRINTED}`],
  ['nginx:Latest', 'tag "Latest" is another tag than "latest"'],
  ['nginx:lastest', 'tag "lastest" is another tag than "latest"'],
  ['hub.docker.com/r/bitnami/nginx', 'this is the address of a web page; the image is "bitnami/nginx"'],
  ['hub.docker.com/nginx', 'hub.docker.com is a web site, its registry is docker.io'],
  ['github.com/org/app', 'github.com is a web site, its registry is ghcr.io'],
  ['registry.example.com/v2', "this is the address of a registry's API, not of an image"],
  ['registry.example.com:99999/app', 'port "99999" of "registry.example.com" is out of range'],
  ['registry.example.com:0/app', 'port "0" of "registry.example.com" is out of range'],
  ['gchr.io/org/app', 'host "gchr.io" looks like a slip for "ghcr.io"'],
  ['dcoker.io/nginx', 'host "dcoker.io" looks like a slip for "docker.io"'],
  ['docker.io/harbor.example.net/legacy/clickhouse:25.2.1', twoRegistries('docker.io', 'harbor.example.net')],
  ['registry.k8s.io/k8s.gcr.io/ingress-nginx/certgen:v1.0', twoRegistries('registry.k8s.io', 'k8s.gcr.io')],
  ['quay.io/docker.io/library/nginx:1', twoRegistries('quay.io', 'docker.io')],
  ['ghcr.io/registry.example.com/app:1', twoRegistries('ghcr.io', 'registry.example.com')],
  [
    'harbor.example.com/harbor.example.com/app',
    'the registry "harbor.example.com" stands there twice: leave out one of them',
  ],
  ['docker.io/org/team/app:1', otherForm('Docker Hub', 'namespace/name', 'org/team/app')],
  ['org/team/app:1', otherForm('Docker Hub', 'namespace/name', 'org/team/app')],
  ['ghcr.io/app:1', otherForm('ghcr.io', 'owner/name', 'app')],
  ['europe-docker.pkg.dev/project/app:1', otherForm('europe-docker.pkg.dev', 'project/repository/name', 'project/app')],
  [
    'k8s.gcr.io/pause:3.9',
    'k8s.gcr.io has been frozen since April 2023, and may be turned off; use "registry.k8s.io/pause:3.9"',
  ],
  [
    'gcr.io/kubebuilder/kube-rbac-proxy:v0.8.0',
    'gcr.io/kubebuilder was given up in March 2025; use "quay.io/brancz/kube-rbac-proxy:v0.8.0"',
  ],
  ['bitnami/redis:7.2', `${BITNAMI}; use "docker.io/bitnamilegacy/redis:7.2"`],
  [
    'SWR.example.com/app',
    'host "SWR.example.com" has upper-case letters: kubelet compares letter by letter and uses no pull secret for "swr.example.com"',
  ],
  [
    'myOrg/app',
    '"myOrg" has upper-case letters, so it is read as a registry host and not as a part of the repository name',
  ],
])('of %j is said what is odd', (written, message) => {
  expect(findSuspicion(written, () => false)).toBe(message);
});

test.each([
  ...['nginx', 'nginx:latest', 'nginx:1.25', `nginx:1.25@sha256:${HEX64}`, `nginx:sha256-${HEX64}.sig`, 'registry:2'],
  ...['registry:5000/app', 'node:20.11', 'localhost:5000/app:1', '[::1]:5000/app', '10.0.0.1/app', 'library/localhost'],
  ...['gcr.io/project/app', 'ghcr.io/org/app:v2', 'quay.io/org/app', 'my_host.local/app', 'team/none:1', 'a.b/v2/app'],
  'registry.example.com:443/app',
  // Mirrors keep images under the name of the registry they are from, and a project of Google may belong to a domain.
  ...[
    'harbor.example.com/docker.io/library/nginx:1',
    'localhost:5000/k8s.gcr.io/pause:3.9',
    'gcr.io/example.com/p/app:1',
  ],
  ...['quay.io/my.org/app:1', 'mcr.microsoft.com/powershell', 'europe-docker.pkg.dev/p/r/app', 'ghcr.io/org/a/b/c:1'],
  ...[
    'bitnami/redis',
    'bitnami/redis:latest',
    'bitnamilegacy/redis:7.2',
    'registry.k8s.io/ingress-nginx/controller:v1',
  ],
  // Commits, and not numbers.
  ...['app:1e07', 'app:12e-07', 'app:6e10', 'app:1.2e-rc1'],
  'github.example.com/org/app',
  'swr.cn-north-4.myhuaweicloud.com/ddn-k8s/docker.io/library/alpine:latest',
  // Words that only look like those that stand for a value.
  ...['image', 'tag', 'xx', 'nullable', 'latest', 'app:xx', 'app:MYAPP', 'app:_', 'app:__', 'app:registry'],
])('%j is as it should be', (written) => {
  expect(parseReference(written).ok).toBe(true);
  expect(findSuspicion(written, () => false)).toBeUndefined();
});

test.each([
  ...['null', 'undefined', 'None', 'TODO', 'xxx', 'x.y.z', 'changeme', 'replace_me', 'your-tag', 'image_tag', 'TAG'],
])('the tag %s stands for a value that nobody filled in', (tag) => {
  expect(findSuspicion(`registry.example.com/app:${tag}`, () => false)).toBe(`tag "${tag}" ${PLACEHOLDER}`);
});

test('an image that its registry gave up is not told of where it comes from a mirror', () => {
  expect(findSuspicion('bitnami/redis:7.2', () => true)).toBeUndefined();
});
