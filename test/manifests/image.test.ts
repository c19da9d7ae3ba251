import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readDockerfile } from '../../scripts/dockerfile.ts';
import { objects, podOf, readText, ROOT } from './manifests.ts';

const { containers, securityContext } = podOf(objects);
const container = containers[0]!;
const stages = readDockerfile(readText('Dockerfile'));
const final = stages.at(-1)!;

test('the image runs `serve`, as process 1, so that SIGTERM reaches it', () => {
  expect(final.entrypoint).toEqual(['/nodejs/bin/node', '--enable-source-maps', '/app/dist/main.js']);
  expect(final.command).toEqual(['serve']);
});

test('it runs as the user that the Deployment asks for, by number: kubelet cannot tell that a name is not root', () => {
  const { runAsUser, runAsGroup } = securityContext;
  expect(final.user).toBe(`${runAsUser}:${runAsGroup}`);
});

test('it is built and run with a Node.js that package.json allows, pinned to its major version', () => {
  const [, floor] = /^>=(\d+)/.exec(readPackage().engines.node) ?? [];
  for (const { base } of stages) {
    const [, major] = /\/?node(?:js|:)(\d+)-/.exec(base) ?? [];
    // Odd versions are never supported for long.
    expect([base, Number(major) > Number(floor), Number(major) % 2]).toEqual([base, true, 0]);
  }
});

test('it has the version of package.json', () => {
  const { version } = readPackage();
  expect(final.args['VERSION']).toBe(version);
  expect(final.labels['org.opencontainers.image.version']).toBe(version);
});

test('nothing is run in it, as it has no shell, and no packages are put into it', () => {
  expect(final.runs).toEqual([]);
  expect(final.copies.flatMap(({ sources }) => sources)).toEqual([
    'LICENSE',
    'package.json',
    'docs/rules',
    '/app/dist',
  ]);
});

test('it installs dependencies before it copies the sources: otherwise each change of a line downloads them again', () => {
  const { instructions } = stages[0]!;
  expect(instructions).toEqual(['FROM', 'WORKDIR', 'COPY', 'RUN', 'COPY', 'COPY', 'COPY', 'ARG', 'ENV', 'RUN']);
  expect(stages[0]!.runs).toEqual(['npm ci --ignore-scripts', 'npm run build']);
});

test('it leaves health to kubelet', () => {
  expect(final.instructions).not.toContain('HEALTHCHECK');
});

test('it opens the ports of the Deployment', () => {
  expect(final.ports).toEqual(container.ports.map(({ containerPort }) => String(containerPort)));
});

test('it is built from what .dockerignore lets through, which is that and nothing else: no key, no node_modules', () => {
  const copied = stages
    .flatMap(({ copies }) => copies)
    .flatMap(({ from, sources }) => (from === undefined ? sources : []));
  const patterns = readText('.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  expect(patterns[0]).toBe('*');
  expect(patterns.slice(1).sort()).toEqual([...new Set(copied)].map((path) => `!${path}`).sort());
  for (const path of copied) expect([path, existsSync(join(ROOT, path))]).toEqual([path, true]);
});

test('the Deployment has the tag of this version, and the labels of all objects do', () => {
  const { version } = readPackage();
  expect(container.image).toBe(`pullguard:${version}`);
  expect(readText('manifests/labels/labels.yaml')).toContain(`app.kubernetes.io/version: ${version}\n`);
});

function readPackage(): Readonly<{ version: string; engines: Readonly<{ node: string }> }> {
  return JSON.parse(readText('package.json')) as ReturnType<typeof readPackage>;
}
