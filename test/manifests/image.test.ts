import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { objects, podOf, readText, ROOT } from './manifests.ts';

const { containers, securityContext } = podOf(objects);
const container = containers[0]!;
const dockerfile = readDockerfile();
const final = dockerfile.stages.at(-1)!;

test('the image runs `serve`, as process 1, so that SIGTERM reaches it', () => {
  expect(valueOf(final, 'ENTRYPOINT')).toBe('["node", "dist/main.js"]');
  expect(valueOf(final, 'CMD')).toBe('["serve"]');
  expect(existsSync(join(ROOT, 'src/main.ts'))).toBe(true);
});

test('it runs as the user that the Deployment asks for, by number: kubelet cannot tell that a name is not root', () => {
  const { runAsUser, runAsGroup } = securityContext;
  expect(valueOf(final, 'USER')).toBe(`${runAsUser}:${runAsGroup}`);
});

test('it has a Node.js that package.json allows, pinned to its major version', () => {
  const [, major] = /^NODE_IMAGE=node:(\d+)-/.exec(dockerfile.args[0] ?? '') ?? [];
  const { engines } = readPackage();
  const [, floor] = /^>=(\d+)/.exec(engines.node) ?? [];
  // Odd versions are never supported for long.
  expect([Number(major) > Number(floor), Number(major) % 2]).toEqual([true, 0]);
  expect(new Set(dockerfile.stages.map(({ from }) => from))).toEqual(new Set(['${NODE_IMAGE}']));
});

test('it holds production dependencies only', () => {
  const [, stage = ''] = /--from=(\w+) \/app\/node_modules /.exec(final.lines.join('\n')) ?? [];
  const install = dockerfile.stages.find(({ name }) => name === stage)!.lines;
  expect(install.filter((line) => line.startsWith('RUN npm'))).toEqual(['RUN npm ci --omit=dev --ignore-scripts']);
});

test('it installs dependencies before it copies the sources: otherwise each change of a line downloads them again', () => {
  for (const { lines } of dockerfile.stages) {
    const install = lines.findIndex((line) => line.startsWith('RUN npm ci'));
    expect(lines.slice(0, Math.max(install, 0)).filter((line) => /^COPY (?!package)/.test(line))).toEqual([]);
  }
});

test('it leaves health to kubelet', () => {
  expect(dockerfile.stages.flatMap(({ lines }) => lines).filter((line) => line.startsWith('HEALTHCHECK'))).toEqual([]);
});

test('it opens the ports of the Deployment', () => {
  expect(valueOf(final, 'EXPOSE')).toBe(container.ports.map(({ containerPort }) => containerPort).join(' '));
});

test('it is built from what .dockerignore lets through, which is that and nothing else: no key, no node_modules', () => {
  const copied = dockerfile.stages
    .flatMap(({ lines }) => lines)
    .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
    .flatMap((line) => line.split(' ').slice(1, -1));
  const patterns = readText('.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  expect(patterns[0]).toBe('*');
  expect(patterns.slice(1).sort()).toEqual([...new Set(copied)].map((path) => `!${path}`).sort());
  for (const path of copied) expect([path, existsSync(join(ROOT, path))]).toEqual([path, true]);
});

test('it has the tag of this version in the Deployment', () => {
  expect(container.image).toBe(`pullguard:${readPackage().version}`);
});

type Stage = Readonly<{ from: string; name: string; lines: readonly string[] }>;

function readPackage(): Readonly<{ version: string; engines: Readonly<{ node: string }> }> {
  return JSON.parse(readText('package.json')) as ReturnType<typeof readPackage>;
}

function readDockerfile(): Readonly<{ args: readonly string[]; stages: readonly Stage[] }> {
  const lines = readText('Dockerfile')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const starts = lines.flatMap((line, at) => (line.startsWith('FROM ') ? [at] : []));
  return {
    args: lines.filter((line) => line.startsWith('ARG ')).map((line) => line.slice('ARG '.length)),
    stages: starts.map((start, at) => {
      const [, from = '', , name = ''] = lines[start]!.split(' ');
      return { from, name, lines: lines.slice(start + 1, starts[at + 1]) };
    }),
  };
}

function valueOf({ lines }: Stage, instruction: string): string | undefined {
  const values = lines.filter((line) => line.startsWith(`${instruction} `));
  return values.length === 1 ? values[0]!.slice(instruction.length + 1) : undefined;
}
