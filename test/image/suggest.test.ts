import { describe, expect, test } from 'vitest';
import { parseReference } from '../../src/image/parse-reference.ts';
import { HEX64 } from './arbitraries.ts';

const digest = `@sha256:${HEX64}`;

function suggest(written: string): string | undefined {
  const parsed = parseReference(written);
  return parsed.ok ? undefined : parsed.problem.suggestion;
}

/** What was written, by the slip, and what was meant. */
const MEANT: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'upper case': {
    'Registry.Example.com/Team/App:Rc1': 'registry.example.com/team/app:Rc1',
    [`nginx${digest.toUpperCase()}`]: `nginx${digest}`,
  },
  'a scheme': {
    'https://registry.example.com:5000/app:1': 'registry.example.com:5000/app:1',
    'https//registry.example.com/app': 'registry.example.com/app',
    'http:registry.example.com/app': 'registry.example.com/app',
  },
  credentials: {
    'https://user:se@cr/et@registry.example.com/app': 'registry.example.com/app',
  },
  'white space': {
    ' nginx:1.25\r\n': 'nginx:1.25',
    'nginx : 1.25': 'nginx:1.25',
    'nginx 1.25-alpine': 'nginx:1.25-alpine',
    'registry.example.com/ app:1': 'registry.example.com/app:1',
    [`nginx@sha256: ${HEX64}`]: `nginx${digest}`,
    'nginx\u00a0:1.25': 'nginx:1.25',
  },
  'what stood around it': {
    '`nginx:1.25`,': 'nginx:1.25',
    '(nginx:1.25)': 'nginx:1.25',
    '["nginx:1.25"]': 'nginx:1.25',
    '“nginx:1.25”': 'nginx:1.25',
    'nginx:1.25\\n': 'nginx:1.25',
    '- image: nginx:1.25': 'nginx:1.25',
    '"image": "nginx:1.25",': 'nginx:1.25',
    'IMAGE=nginx:1.25': 'nginx:1.25',
    '--image=nginx': 'nginx',
    '- nginx:1.25': 'nginx:1.25',
    'nginx:1.25 # web': 'nginx:1.25',
    '$ docker pull nginx:1.25': 'nginx:1.25',
    'ctr i pull docker.io/library/nginx:1': 'docker.io/library/nginx:1',
    'FROM nginx:1.25 AS base': 'nginx:1.25',
    '\u001b[31mnginx\u001b[0m': 'nginx',
  },
  'signs that look alike': {
    'nginx：１.25': 'nginx:1.25',
    'nginx:1.25–alpine': 'nginx:1.25-alpine',
  },
  'a wrong sign': {
    'registry.k8s.io/pause:3,9': 'registry.k8s.io/pause:3.9',
    'quay,io/org/app': 'quay.io/org/app',
    'nginx;1.25': 'nginx:1.25',
    'registry.example.com;5000/app': 'registry.example.com:5000/app',
    'nginx==1.25': 'nginx:1.25',
    '100.125.0.1:20202:group/app': '100.125.0.1:20202/group/app',
    'registry.example.com\\app:1': 'registry.example.com/app:1',
    'nginx\\:1.25': 'nginx:1.25',
    'nginx%3A1.25': 'nginx:1.25',
  },
  'a "/" too many': {
    'registry.example.com//app/': 'registry.example.com/app',
    '//registry.example.com/app': 'registry.example.com/app',
    'nginx:1.25/': 'nginx:1.25',
  },
  'a tag': {
    'nginx:latest:latest': 'nginx:latest',
    'nginx:1.25@latest': 'nginx:1.25',
    'rke2:v1.25.0+rke2r1': 'rke2:v1.25.0-rke2r1',
    'app:feature/JIRA-1': 'app:feature-JIRA-1',
    'registry.example.com/app:refs/heads/main': 'registry.example.com/app:main',
  },
  'a digest': {
    [`nginx:sha256:${HEX64}`]: `nginx${digest}`,
    [`nginx@sha256-${HEX64}`]: `nginx${digest}`,
    [`nginx@@sha-256=${HEX64}`]: `nginx${digest}`,
    [`nginx${digest}:1.25`]: `nginx:1.25${digest}`,
    // A chart that writes "@sha256:" before a digest that has it already.
    [`nginx@sha256:sha256:${HEX64}`]: `nginx${digest}`,
    [`nginx:1.25${digest}${digest}`]: `nginx:1.25${digest}`,
  },
  // Wherever digits stand: a tag, a build number in one, an account of AWS, a port, a part of the path.
  'a number printed with an exponent': {
    'registry.example.com/team/kvc:3.806521e+06': 'registry.example.com/team/kvc:3806521',
    'registry.example.com/team/app:2.0190612073634e+13': 'registry.example.com/team/app:20190612073634',
    'registry.example.com/team/app:1E+06': 'registry.example.com/team/app:1000000',
    'registry.example.com/team/app:build-1.234567e+06': 'registry.example.com/team/app:build-1234567',
    '1.11122223333e+11.dkr.ecr.eu-west-1.amazonaws.com/web:1': '111122223333.dkr.ecr.eu-west-1.amazonaws.com/web:1',
    'registry.example.com:5e+03/app:1': 'registry.example.com:5000/app:1',
    'registry.example.com/1.2345678e+07/app:1': 'registry.example.com/12345678/app:1',
    [`registry.example.com/app:3.806521e+06${digest}`]: `registry.example.com/app:3806521${digest}`,
  },
  'a date printed as a time': {
    'registry.example.com:5000/app:2024-05-01T00:00:00Z': 'registry.example.com:5000/app:2024-05-01',
    'app:2024-05-01 00:00:00 +0000 UTC': 'app:2024-05-01',
  },
  "a ':' in the path": {
    'gcr.io/example.com:my-project/app:v1': 'gcr.io/example.com/my-project/app:v1',
    'europe-docker.pkg.dev/example.com:proj/repo/app:1': 'europe-docker.pkg.dev/example.com/proj/repo/app:1',
    [`eu.gcr.io/example.co.uk:proj/app${digest}`]: `eu.gcr.io/example.co.uk/proj/app${digest}`,
    'docker.io/registry.example.com:5000/team/app:1': 'registry.example.com:5000/team/app:1',
  },
  'a digest that is not there': {
    'registry.example.com/team/foo:1.0@': 'registry.example.com/team/foo:1.0',
    'https://registry.example.com/foo:1.0@@': 'registry.example.com/foo:1.0',
  },
  'a web page': {
    'https://hub.docker.com/_/nginx': 'nginx',
    'https://hub.docker.com/r/bitnami/nginx/tags': 'bitnami/nginx',
    'https://quay.io/repository/prometheus/node-exporter': 'quay.io/prometheus/node-exporter',
    'https://quay.io/repository/org/app?tab=tags': 'quay.io/org/app',
    'https://hub.docker.com/_/nginx:1.25?tab=tags': 'nginx:1.25',
    'https://hub.docker.com/r/library/nginx/': 'nginx',
    'https://hub.docker.com/layers/library/nginx/1.25/images/sha256-f00': 'nginx:1.25',
    'https://hub.docker.com/layers/bitnami/nginx/1.25/images/sha256-f00': 'bitnami/nginx:1.25',
    'https://github.com/org/repo/pkgs/container/app': 'ghcr.io/org/app',
    'https://registry-1.docker.io/v2/library/nginx/manifests/latest': 'registry-1.docker.io/library/nginx:latest',
    [`https://registry.example.com/v2/app/manifests/sha256:${HEX64}`]: `registry.example.com/app${digest}`,
    'https://gallery.ecr.aws/nginx/nginx': 'public.ecr.aws/nginx/nginx',
    'https://eu-west-1.console.aws.amazon.com/ecr/repositories/private/123456789012/team/app?region=eu-west-1':
      '123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/app',
    'https://console.cloud.google.com/artifacts/docker/proj/europe-west1/repo/app?project=proj':
      'europe-west1-docker.pkg.dev/proj/repo/app',
    'https://registry.example.com/api/v2.0/projects/team/repositories/app': 'registry.example.com/team/app',
  },
  'the name of a resource in a cloud': {
    'arn:aws:ecr:eu-west-1:123456789012:repository/team/app:1.2':
      '123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/app:1.2',
    [`projects/proj/locations/europe-west1/repositories/repo/dockerImages/app${digest}`]: `europe-west1-docker.pkg.dev/proj/repo/app${digest}`,
  },
  'several at once': {
    ' "https://Registry.Example.com//Team/App:1.0:latest" ': 'registry.example.com/team/app:1.0',
  },
};

/** Addresses for which any guess could bring in another image than the one that was meant. */
const NO_GUESS: Readonly<Record<string, readonly string[]>> = {
  // More digits than a float keeps, a commit that YAML took for a number, and numbers that Go prints otherwise.
  'the digits of a number are lost': [
    ...['app:1.2345678901234567e+19', 'app:6e+10', 'app:1.2.3e+07', 'app:1.23456e+03', 'app:1e+400'],
  ],
  'a web page does not name the image': [
    'https://registry.example.com/harbor/projects/3/repositories/app/artifacts-tab',
    'https://registry.example.com/ui/repos/tree/General/docker-local/app/1.0',
    'https://console.cloud.google.com/gcr/images/proj/EU/app',
    'https://artifacthub.io/packages/helm/bitnami/redis',
  ],
  'two digests differ': [`nginx${digest}@sha256:${'0'.repeat(64)}`],
  'a scheme stands in place of a port': ['registry.example.com:https/app:1'],
  'a variable was not set': ['/app:1', 'registry.example.com/', 'swr..example.com/app', ':1.25', 'nginx:-alpine'],
  'a ":" stands in the path': ['registry.example.com/team:sub/app:1', 'registry.example.com/a:b/c/d:1'],
  'there are two meanings': ['nginx:1.25:1.26', 'my app', 'nginx@9f86d081884c', 'nginx@sha256'],
  'it names no image': ['C:/images/nginx', 'file:///tmp/nginx.tar', '""'],
  'what stands before "@" may be the image': ['user:secret@nginx', 'app@feature/x'],
  'the port is a word': ['a.b:x/app', 'registry.example.com:port/app', 'localhost:port/app'],
  'it is endless': [' '.repeat(800) + 'nginx'],
  'letters are foreign': ['nginx:1.25™', '日本/app'],
};

describe.each(Object.entries(MEANT))('what was meant is seen through %s', (_, rows) => {
  test.each(Object.entries(rows))('%j', (written, meant) => {
    expect(suggest(written)).toBe(meant);
  });
});

describe.each(Object.entries(NO_GUESS))('nothing is suggested where %s', (_, rows) => {
  test.each(rows)('%j', (written) => {
    expect(suggest(written)).toBeUndefined();
  });
});
