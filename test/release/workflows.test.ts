import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { ROOT } from '../manifests/manifests.ts';

const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const WORKFLOWS = readdirSync(join(ROOT, '.github/workflows')).map((name) => `.github/workflows/${name}`);

type Step = Readonly<{ uses?: string; run?: string; with?: Readonly<Record<string, unknown>> }>;
type Job = Readonly<{
  uses?: string;
  steps?: readonly Step[];
  needs?: string | readonly string[];
  permissions?: object;
}>;
type Workflow = Readonly<{ on: object; permissions: object; jobs: Readonly<Record<string, Job>> }>;

function stepsOf(file: string): readonly Step[] {
  const { jobs = {}, runs } = parse(read(file)) as Partial<Workflow> & Readonly<{ runs?: Job }>;
  return [...Object.values(jobs), runs].flatMap((job) => job?.steps ?? []);
}

describe.each([...WORKFLOWS, 'action.yml'])('%s', (file) => {
  test('uses actions of others by their commit, with its tag for readers: a tag may be moved onto other code', () => {
    const uses = [...read(file).matchAll(/\buses: (.*)$/gm)].map(([, value]) => value!);
    expect(uses.length).toBeGreaterThan(0);
    for (const each of uses.filter((value) => !value.startsWith('./'))) {
      expect(each).toMatch(/^[\w-]+\/[\w-]+(?:\/[\w-]+)*@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
    }
  });

  test('hands no expression to a shell, where its value would be run', () => {
    expect(stepsOf(file).flatMap(({ run }) => (run?.includes('${{') === true ? [run] : []))).toEqual([]);
  });
});

describe.each(WORKFLOWS)('%s', (file) => {
  const { on, permissions, jobs } = parse(read(file)) as Workflow;

  test('may read, and a job that may write says so; the code of a pull request never may', () => {
    expect(permissions).toEqual({ contents: 'read' });
    const writers = Object.entries(jobs).filter(([, job]) => JSON.stringify(job.permissions ?? '').includes('write'));
    expect(writers.map(([name]) => name)).toEqual(file.includes('release') ? ['publish'] : []);
    expect(Object.keys(on)).not.toContain('pull_request_target');
  });

  test('leaves no credentials in the clone, and takes nothing from caches that other runs wrote', () => {
    for (const { uses = '', with: given } of stepsOf(file)) {
      if (uses.startsWith('actions/checkout@')) expect(given).toMatchObject({ 'persist-credentials': false });
      if (uses.startsWith('actions/setup-node@')) expect(given).toMatchObject({ 'package-manager-cache': false });
    }
  });

  test('runs scripts that exist', () => {
    const scripts = stepsOf(file).flatMap(({ run = '' }) =>
      [...run.matchAll(/(?<!\w)(?:scripts|\.ci)\/[\w.]+/g)].map(([path]) => path),
    );
    expect(scripts.length).toBeGreaterThan(0);
    for (const path of scripts) expect([path, existsSync(join(ROOT, path))]).toEqual([path, true]);
  });
});

test('nothing is published before its tests passed, and before each binary was started', () => {
  const { jobs } = parse(read('.github/workflows/release.yml')) as Workflow;
  expect(jobs['publish']!.needs).toEqual(['test', 'binary']);
  expect(jobs['binary']!.needs).toBe('build');
  expect(jobs['test']!.uses).toBe('./.github/workflows/ci.yml');
});

describe('renovate.json', () => {
  const { customManagers } = JSON.parse(read('renovate.json')) as {
    customManagers: { managerFilePatterns: string[]; matchStrings: string[]; autoReplaceStringTemplate?: string }[];
  };
  const FILES = ['Dockerfile', '.ci/run', ...WORKFLOWS];

  const found = customManagers.flatMap(({ managerFilePatterns, matchStrings }) => {
    const files = FILES.filter((file) =>
      managerFilePatterns.some((pattern) => new RegExp(pattern.slice(1, -1)).test(file)),
    );
    return matchStrings.map((match) =>
      files.flatMap((file) => [...read(file).matchAll(new RegExp(match, 'g'))].map(({ groups }) => groups!)),
    );
  });

  test('finds with each of its expressions what it is to keep, so that none is stale', () => {
    for (const matches of found) expect(matches).not.toEqual([]);
    const names = found.flat().map((groups) => groups['depName']);
    expect(new Set(names)).toEqual(
      new Set([
        ...['node', 'gcr.io/distroless/nodejs24-debian13', 'helm.sh/helm/v3'],
        'sigs.k8s.io/controller-runtime/tools/setup-envtest',
      ]),
    );
  });

  test('reads a base image that has its digest, as it writes it', () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    const [base] = customManagers;
    const pinned = read('Dockerfile').replaceAll(/^(ARG \w+_IMAGE=.*)$/gm, `$1@${digest}`);
    const groups = [...pinned.matchAll(new RegExp(base!.matchStrings[0]!, 'g'))].map((match) => match.groups!);
    expect(groups.map(({ currentValue, currentDigest }) => [currentValue, currentDigest])).toEqual([
      ['24-trixie-slim', digest],
      ['nonroot', digest],
    ]);
  });
});
