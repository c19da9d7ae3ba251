import { describe, expect, it } from 'vitest';

import { suggestReference } from '../../src/image/suggest-reference.ts';
import { HEX64 } from './arbitraries.ts';

const digest = `@sha256:${HEX64}`;

/** What was written, by the slip, and what was meant. */
const MEANT: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'upper case': {
    'NGINX:1.25': 'nginx:1.25',
    'Registry.Example.com/Team/App:Rc1': 'registry.example.com/team/app:Rc1',
    [`nginx${digest.toUpperCase()}`]: `nginx${digest}`,
  },
  'a scheme': {
    'https://registry.example.com:5000/app:1': 'registry.example.com:5000/app:1',
    'docker://nginx': 'nginx',
    'https//registry.example.com/app': 'registry.example.com/app',
    'http:registry.example.com/app': 'registry.example.com/app',
  },
  credentials: {
    'user:secret@registry.example.com/app:1': 'registry.example.com/app:1',
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
    '"nginx:1.25"': 'nginx:1.25',
    '`nginx:1.25`,': 'nginx:1.25',
    '(nginx:1.25)': 'nginx:1.25',
    '["nginx:1.25"]': 'nginx:1.25',
    '“nginx:1.25”': 'nginx:1.25',
    'nginx:"1.25"': 'nginx:1.25',
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
    'gсr.io/app': 'gcr.io/app',
    'nginx:1.25\u200b': 'nginx:1.25',
  },
  'a wrong sign': {
    'registry.k8s.io/pause:3,9': 'registry.k8s.io/pause:3.9',
    'quay,io/org/app': 'quay.io/org/app',
    'nginx;1.25': 'nginx:1.25',
    'registry.example.com;5000/app': 'registry.example.com:5000/app',
    'nginx==1.25': 'nginx:1.25',
    'ghcr.io:org/app:1': 'ghcr.io/org/app:1',
    'registry.example.com:5000:app': 'registry.example.com:5000/app',
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
    'nginx:1.25:latest': 'nginx:1.25',
    'nginx:latest:latest': 'nginx:latest',
    'nginx::1.25': 'nginx:1.25',
    'nginx:1.25:': 'nginx:1.25',
    'nginx@1.25': 'nginx:1.25',
    'nginx:1.25@latest': 'nginx:1.25',
    'rke2:v1.25.0+rke2r1': 'rke2:v1.25.0-rke2r1',
    'app:feature/JIRA-1': 'app:feature-JIRA-1',
    'registry.example.com/app:refs/heads/main': 'registry.example.com/app:main',
  },
  'a digest': {
    [`nginx:sha256:${HEX64}`]: `nginx${digest}`,
    [`nginx:1.25:sha256:${HEX64}`]: `nginx:1.25${digest}`,
    [`nginx@${HEX64}`]: `nginx${digest}`,
    [`nginx@sha256-${HEX64}`]: `nginx${digest}`,
    [`nginx@@sha-256=${HEX64}`]: `nginx${digest}`,
    [`nginx:@sha256:${HEX64}`]: `nginx${digest}`,
    [`nginx${digest}:1.25`]: `nginx:1.25${digest}`,
    'nginx@': 'nginx',
  },
  'a web page': {
    'https://hub.docker.com/_/nginx': 'nginx',
    'https://hub.docker.com/r/bitnami/nginx/tags': 'bitnami/nginx',
    'https://quay.io/repository/prometheus/node-exporter': 'quay.io/prometheus/node-exporter',
    'https://registry-1.docker.io/v2/library/nginx/manifests/latest': 'registry-1.docker.io/library/nginx:latest',
  },
  'several at once': {
    ' "https://Registry.Example.com//Team/App:1.0:latest" ': 'registry.example.com/team/app:1.0',
  },
};

/** Addresses for which any guess could bring in another image than the one that was meant. */
const NO_GUESS: Readonly<Record<string, readonly string[]>> = {
  'nothing is wrong': ['nginx', 'registry.example.com:5000/app:1'],
  'a variable was not set': [
    'nginx:',
    '/app:1',
    'registry.example.com/',
    'swr..example.com/app',
    ':1.25',
    'nginx:-alpine',
  ],
  'there are two meanings': ['nginx:1.25:1.26', 'nginx:1.25 redis:7', 'my app', 'nginx@9f86d081884c', 'nginx@sha256'],
  'it names no image': [
    './nginx',
    'C:/images/nginx',
    'file:///tmp/nginx.tar',
    'https://github.com/org/app',
    'https://index.docker.io/v1/',
    'git@github.com:org/app.git',
    '',
    '""',
  ],
  'what stands before "@" may be the image': ['nginx:main@sha', 'user:secret@nginx', 'app@feature/x'],
  'the port is a word': ['a.b:x/app', 'registry.example.com:port/app', 'localhost:port/app'],
  'it is endless': [' '.repeat(800) + 'nginx'],
  'letters are foreign': ['müller/app', 'nginx:1.25™', '日本/app'],
};

describe('suggestReference', () => {
  describe.each(Object.entries(MEANT))('does not see through %s', (_, rows) => {
    it.each(Object.entries(rows))('in %j', (written, meant) => {
      expect(suggestReference(written)).toBe(meant);
    });
  });

  describe.each(Object.entries(NO_GUESS))('talks a user into another image when %s', (_, rows) => {
    it.each(rows.map((written) => [written]))('in %j', (written) => {
      expect(suggestReference(written)).toBeUndefined();
    });
  });
});
