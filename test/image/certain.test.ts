import { expect, test } from 'vitest';
import { isOnlyReading } from '../../src/image/suggest.ts';
import { parseReference } from '../../src/image/parse-reference.ts';

const HEX = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';

/** What is suggested for an address, and whether that is written without asking. */
function read(written: string): Readonly<{ suggestion: string | undefined; isCertain: boolean }> {
  const parsed = parseReference(written);
  if (parsed.ok) throw new Error(`${written} parses`);
  const { suggestion } = parsed.problem;
  return { suggestion, isCertain: suggestion !== undefined && isOnlyReading(written, suggestion) };
}

test.each([
  ['capitals', 'NGINX:1.25', 'nginx:1.25'],
  [
    'capitals in a path, and in the tag, which keeps them',
    'Registry.Example.com/Team/App:V1',
    'registry.example.com/team/app:V1',
  ],
  ['a scheme', 'https://registry.example.com/team/app:1', 'registry.example.com/team/app:1'],
  ['the scheme of a tool', 'docker://nginx:1', 'nginx:1'],
  ['a scheme that lost a sign', 'http//registry.example.com/app', 'registry.example.com/app'],
  ['spaces around', ' nginx:1 \n', 'nginx:1'],
  ['quotes around', '"nginx:1"', 'nginx:1'],
  ['an invisible character', 'nginx\u200b:1', 'nginx:1'],
  ['a colon behind a port', 'registry.example.com:5000:team/app:1', 'registry.example.com:5000/team/app:1'],
  ['a colon behind a registry that everybody knows', 'ghcr.io:team/app:1', 'ghcr.io/team/app:1'],
  ['a digest behind a colon', `nginx:sha256:${HEX}`, `nginx@sha256:${HEX}`],
  ['a digest in capitals', `nginx@SHA256:${HEX.toUpperCase()}`, `nginx@sha256:${HEX}`],
  ['all of it', ` "https://Registry.Example.com/Team/App:1"`, 'registry.example.com/team/app:1'],
])('%s leaves one reading', (_what, written, meant) => {
  expect(read(written)).toEqual({ suggestion: meant, isCertain: true });
});

test.each([
  ['two tags', 'nginx:1.25:latest'],
  ['a "/" too many, as of an unset variable', 'registry.example.com//app'],
  ['nothing behind the "/"', 'nginx/'],
  ['a branch, or a host without its port', 'my.app:feature/login'],
  ['a sign that no tag has', 'app:v1+build5'],
  ['credentials, which would be lost', 'user:hunter2@registry.example.com/app:1'],
  ['a web page', 'https://hub.docker.com/_/nginx'],
  ['a command', 'docker pull nginx'],
  ['spaces within', 'nginx : 1.25'],
  ['a host, or a part of the name, in capitals', 'Team/App:1'],
  ['digits that say not what they are', `nginx@${HEX}`],
])('%s is for its author to say', (_what, written) => {
  expect(read(written).isCertain).toBe(false);
});
