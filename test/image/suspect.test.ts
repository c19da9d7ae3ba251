import { expect, test } from 'vitest';
import { findSuspicion, parseReference } from '../../src/image/parse-reference.ts';
import { HEX64 } from './arbitraries.ts';

const hubImage = (name: string, tag?: string): string =>
  `this is read as the Docker Hub image "${name}"${tag === undefined ? '' : ` with tag "${tag}"`}`;
const NEEDS_SLASH = 'a registry needs "/" and a repository after it';
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
  [
    'SWR.example.com/app',
    'host "SWR.example.com" has upper-case letters: kubelet compares letter by letter and uses no pull secret for "swr.example.com"',
  ],
  [
    'myOrg/app',
    '"myOrg" has upper-case letters, so it is read as a registry host and not as a part of the repository name',
  ],
])('of %j is said what is odd', (written, message) => {
  expect(findSuspicion(written)).toBe(message);
});

test.each([
  ...['nginx', 'nginx:latest', 'nginx:1.25', `nginx:1.25@sha256:${HEX64}`, `nginx:sha256-${HEX64}.sig`, 'registry:2'],
  ...['registry:5000/app', 'node:20.11', 'localhost:5000/app:1', '[::1]:5000/app', '10.0.0.1/app', 'library/localhost'],
  ...['gcr.io/project/app', 'ghcr.io/org/app:v2', 'quay.io/org/app', 'my_host.local/app', 'team/none:1', 'a.b/v2/app'],
  'registry.example.com:443/app',
  // Commits, and not numbers.
  ...['app:1e07', 'app:12e-07', 'app:6e10', 'app:1.2e-rc1'],
  'github.example.com/org/app',
  'swr.cn-north-4.myhuaweicloud.com/ddn-k8s/docker.io/library/alpine:latest',
  // Words that only look like those that stand for a value.
  ...['image', 'tag', 'xx', 'nullable', 'latest', 'app:xx', 'app:MYAPP', 'app:_', 'app:__', 'app:registry'],
])('%j is as it should be', (written) => {
  expect(parseReference(written).ok).toBe(true);
  expect(findSuspicion(written)).toBeUndefined();
});

test.each([
  ...['null', 'undefined', 'None', 'TODO', 'xxx', 'x.y.z', 'changeme', 'replace_me', 'your-tag', 'image_tag', 'TAG'],
])('the tag %s stands for a value that nobody filled in', (tag) => {
  expect(findSuspicion(`registry.example.com/app:${tag}`)).toBe(`tag "${tag}" ${PLACEHOLDER}`);
});
