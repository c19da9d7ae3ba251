import { expect, test } from 'vitest';
import { findSuspicions, parseReference } from '../../src/image/parse-reference.ts';
import { HEX64 } from './arbitraries.ts';

const hubImage = (name: string, tag?: string): string =>
  `image is read as "${name}"${tag === undefined ? '' : ` with tag "${tag}"`} on Docker Hub`;
const NEEDS_SLASH = 'add "/" and a repository after the registry';
const twoRegistries = (first: string, second: string): string =>
  `image has two registries: remove "${first}" or "${second}"`;
const otherForm = (registry: string, form: string, repository: string): string =>
  `${registry} has only repositories of the form ${form}, so "${repository}" cannot exist: fix the image`;
const BITNAMI = 'Bitnami moved its versioned images to bitnamilegacy in September 2025, without updates';
const PRINTED = 'looks like a number that a template printed with an exponent: quote it in the values';
const PLACEHOLDER = 'looks like a placeholder: replace it';

function suspicionOf(written: string): string | undefined {
  const { suspicion, move } = findSuspicions(written);
  return suspicion ?? move;
}

test.each([
  ['registry.example.com:5000', `${hubImage('registry.example.com', '5000')}: ${NEEDS_SLASH}`],
  ['registry.example.com', `${hubImage('registry.example.com')}: ${NEEDS_SLASH}`],
  ['ghcr.io:1.0', `${hubImage('ghcr.io', '1.0')}: ${NEEDS_SLASH}`],
  ['10.0.0.1:5000', `${hubImage('10.0.0.1', '5000')}: ${NEEDS_SLASH}`],
  ['localhost:5000', `${hubImage('localhost', '5000')}: ${NEEDS_SLASH}`],
  ['localhost', `${hubImage('localhost')}: ${NEEDS_SLASH}`],
  ['app.tar', `${hubImage('app.tar')}, as images are pulled from registries only: push it to a registry`],
  ['image_address', `${hubImage('image_address')}, but ${PLACEHOLDER}`],
  ['nginx:__TAG__', `tag "__TAG__" ${PLACEHOLDER}`],
  [
    `sha256:${HEX64}`,
    `${hubImage('sha256', `${HEX64.slice(0, 19)}…${HEX64.slice(-20)}`)}: write a digest as name@sha256:…`,
  ],
  [`nginx:${HEX64}`, 'tag is 64 hex digits: write a digest as name@sha256:…'],
  ['nginx:1.25.', 'tag "1.25." ends with ".": check for a typo'],
  ['app:4.5980468e_07', `tag "4.5980468e_07" ${PRINTED}`],
  ['app:1e-07', `tag "1e-07" ${PRINTED}`],
  ['nginx:Latest', 'tag "Latest" looks like a typo; did you mean "latest"?'],
  ['nginx:lastest', 'tag "lastest" looks like a typo; did you mean "latest"?'],
  ['hub.docker.com/r/bitnami/nginx', 'URL of a web page, not an image: use "bitnami/nginx"'],
  ['hub.docker.com/nginx', 'hub.docker.com is a website, not a registry: use docker.io'],
  ['github.com/org/app', 'github.com is a website, not a registry: use ghcr.io'],
  ['registry.example.com/v2', 'URL of a web page or an API, not an image'],
  ['harbor.example.com/harbor/projects/3/repositories/app', 'URL of a web page or an API, not an image'],
  ['gallery.ecr.aws/nginx/nginx:1.25', 'URL of a web page, not an image: use "public.ecr.aws/nginx/nginx:1.25"'],
  ['registry.example.com:99999/app', 'port "99999" of "registry.example.com" is out of range: use 1 to 65535'],
  ['registry.example.com:0/app', 'port "0" of "registry.example.com" is out of range: use 1 to 65535'],
  ['swr.eu-de.otc.t-systems.com/app:1', otherForm('swr.eu-de.otc.t-systems.com', 'organization/name', 'app')],
  ['gchr.io/org/app', 'host "gchr.io" looks like a typo; did you mean "ghcr.io"?'],
  ['dcoker.io/nginx', 'host "dcoker.io" looks like a typo; did you mean "docker.io"?'],
  ['docker.io/harbor.example.net/legacy/clickhouse:25.2.1', twoRegistries('docker.io', 'harbor.example.net')],
  ['registry.k8s.io/k8s.gcr.io/ingress-nginx/certgen:v1.0', twoRegistries('registry.k8s.io', 'k8s.gcr.io')],
  ['quay.io/docker.io/library/nginx:1', twoRegistries('quay.io', 'docker.io')],
  ['ghcr.io/registry.example.com/app:1', twoRegistries('ghcr.io', 'registry.example.com')],
  ['harbor.example.com/harbor.example.com/app', 'image has the registry "harbor.example.com" twice: remove one'],
  ['docker.io/org/team/app:1', otherForm('Docker Hub', 'namespace/name', 'org/team/app')],
  ['org/team/app:1', otherForm('Docker Hub', 'namespace/name', 'org/team/app')],
  ['ghcr.io/app:1', otherForm('ghcr.io', 'owner/name', 'app')],
  ['europe-docker.pkg.dev/project/app:1', otherForm('europe-docker.pkg.dev', 'project/repository/name', 'project/app')],
  [
    'k8s.gcr.io/pause:3.9',
    'k8s.gcr.io is frozen since April 2023 and may be shut down: use "registry.k8s.io/pause:3.9"',
  ],
  [
    'gcr.io/kubebuilder/kube-rbac-proxy:v0.8.0',
    'gcr.io/kubebuilder is unavailable since March 2025: use "quay.io/brancz/kube-rbac-proxy:v0.8.0"',
  ],
  ['bitnami/redis:7.2', `${BITNAMI}: use "docker.io/bitnamilegacy/redis:7.2"`],
  [
    'SWR.example.com/app',
    'host "SWR.example.com" has uppercase letters, so kubelet ignores pull secrets for "swr.example.com": write it in lowercase',
  ],
  [
    'myOrg/app',
    '"myOrg" has uppercase letters, so it is read as a registry, not as part of the repository: write it in lowercase',
  ],
])('of %j is said what is odd', (written, message) => {
  expect(suspicionOf(written)).toBe(message);
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
  expect(suspicionOf(written)).toBeUndefined();
});

test.each([
  ...['null', 'undefined', 'None', 'TODO', 'xxx', 'x.y.z', 'changeme', 'replace_me', 'your-tag', 'image_tag', 'TAG'],
])('the tag %s stands for a value that nobody filled in', (tag) => {
  expect(suspicionOf(`registry.example.com/app:${tag}`)).toBe(`tag "${tag}" ${PLACEHOLDER}`);
});
