import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, statSync } from 'node:fs';
import { delimiter, dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { buildProgram } from '../src/cli/program.ts';
import { capturedIo } from './support/captured-io.ts';
import { tempFolder } from './support/temp-folder.ts';

const ROOT = new URL('../', import.meta.url);

function read(file: string): unknown {
  return parse(readFileSync(new URL(file, ROOT), 'utf8'));
}

/** Stands in for pullguard: prints its arguments, a line each, and exits with `$STATUS`. */
const RECORDER = `
for (const word of process.argv.slice(2)) console.log(JSON.stringify(word));
const [, file] = /sarif=(.*)/.exec(process.argv.find((word) => word.startsWith('sarif=')) ?? '') ?? [];
if (file) require('fs').writeFileSync(file, '{}');
process.exit(Number(process.env.STATUS ?? 0));
`;

type Ran = Readonly<{
  code: number | null;
  argv: readonly string[];
  said: string;
  outputs: string;
  files: readonly string[];
}>;

describe('action.yml', () => {
  type Step = Readonly<{
    id?: string;
    if?: string;
    uses?: string;
    run?: string;
    env?: Record<string, string>;
    with?: object;
  }>;
  const action = read('action.yml') as {
    inputs: Record<string, { description: string; default: string }>;
    runs: { using: string; steps: Step[] };
  };
  const { steps } = action.runs;
  const check = steps.find(({ id }) => id === 'check')!;

  test('hands inputs to scripts in their environment alone: in a script they would be run', () => {
    expect(steps.filter(({ run }) => run?.includes('${{'))).toEqual([]);
  });

  test('uses every input that it has, and has every one that it uses', () => {
    const used = [...JSON.stringify(steps).matchAll(/inputs\.([\w-]+)/g)].map(([, input]) => input);
    expect(new Set(used)).toEqual(new Set(Object.keys(action.inputs)));
    for (const input of Object.values(action.inputs)) {
      expect(input.description).not.toBe('');
      // GitHub hands them on as text.
      expect(typeof input.default).toBe('string');
    }
  });

  /** Runs the script of the check as GitHub does. */
  function run(inputs: Readonly<Record<string, string>> = {}, status = 0): Ran {
    const folder = tempFolder();
    folder.write('action/dist/main.js', RECORDER);
    const work = dirname(folder.write('work/.keep', ''));
    const script = folder.write('script.sh', check.run ?? '');
    const given = Object.fromEntries(
      Object.entries(check.env ?? {}).map(([name, expression]) => {
        const input = /^\$\{\{ inputs\.([\w-]+) \}\}$/.exec(expression)?.[1] ?? '';
        return [name, inputs[input] ?? action.inputs[input]!.default];
      }),
    );
    const { status: code, stdout } = spawnSync('bash', ['--noprofile', '--norc', '-e', '-o', 'pipefail', script], {
      cwd: work,
      encoding: 'utf8',
      env: {
        PATH: process.env['PATH'],
        ...given,
        STATUS: String(status),
        GITHUB_ACTION_PATH: folder.at('action'),
        GITHUB_OUTPUT: folder.write('output', ''),
      },
    });
    const lines = stdout.split('\n').filter((line) => line !== '');
    return {
      code,
      argv: lines.filter((line) => line.startsWith('"')).map((line) => JSON.parse(line) as string),
      said: lines.filter((line) => !line.startsWith('"')).join('\n'),
      outputs: readFileSync(folder.at('output'), 'utf8'),
      files: spawnSync('ls', [work], { encoding: 'utf8' }).stdout.split('\n').filter(Boolean),
    };
  }

  const CHECK = ['check', '--output', 'github', '--fail-on', 'deny'];

  test.each<[what: string, inputs: Record<string, string>, argv: readonly string[]]>([
    ['nothing is set', {}, [...CHECK, '--', '.']],
    ['paths are lines', { paths: '  a b \r\n\nc*.yaml\n' }, [...CHECK, '--', 'a b', 'c*.yaml']],
    [
      'all is set',
      {
        config: 'my policy.yaml',
        'fail-on': 'never',
        strict: 'true',
        exclude: 'charts\n**/test',
        'sarif-file': 'a b.sarif',
      },
      ['check', '--output', 'github', '--fail-on', 'never', '--config', 'my policy.yaml', '--strict'].concat([
        '--output-file',
        'sarif=a b.sarif',
        '--exclude',
        'charts',
        '--exclude',
        '**/test',
        '--',
        '.',
      ]),
    ],
    [
      'an input is hostile',
      { paths: '$(touch owned)\n`touch owned`\n"; touch owned; "\n--config=x', config: "'; touch owned; '" },
      [
        ...CHECK,
        '--config',
        "'; touch owned; '",
        '--',
        '$(touch owned)',
        '`touch owned`',
        '"; touch owned; "',
        '--config=x',
      ],
    ],
  ])('calls pullguard where %s', (_what, inputs, argv) => {
    const ran = run(inputs);
    expect(ran).toMatchObject({ code: 0, argv, said: '' });
    expect(ran.files).not.toContain('owned');
  });

  test.each<[input: string, value: string, said: string]>([
    ['fail-on', 'error', 'input fail-on must be deny, warn or never'],
    ['fail-on', 'deny\nnever', 'input fail-on must be deny, warn or never'],
    ['strict', 'yes', 'input strict must be true or false'],
    ['upload-sarif', '1', 'input upload-sarif must be true or false'],
    ['upload-sarif', 'true', 'input upload-sarif needs sarif-file'],
    ['paths', ' \n ', 'input paths is empty'],
    ['sarif-file', 'a\nother=1', 'inputs config and sarif-file must be one line'],
  ])('refuses the input %s: %j', (input, value, said) => {
    expect(run({ [input]: value })).toMatchObject({ code: 2, argv: [], said: `::error title=pullguard::${said}` });
  });

  test.each([0, 1, 2])('ends with the exit code of pullguard, %i, and names its report all the same', (status) => {
    expect(run({ 'sarif-file': 'a.sarif' }, status)).toMatchObject({ code: status, outputs: 'sarif-file=a.sarif\n' });
    expect(run({}, status)).toMatchObject({ code: status, outputs: '' });
  });

  test('uploads a report only if asked, and also when the check failed', () => {
    const upload = steps.find(({ uses }) => uses?.includes('upload-sarif'))!;
    expect(upload.if).toContain("inputs.upload-sarif == 'true'");
    expect(upload.if).toContain('!cancelled()');
    expect(upload.with).toMatchObject({ sarif_file: '${{ steps.check.outputs.sarif-file }}' });
  });
});

describe('.pre-commit-hooks.yaml', () => {
  const hooks = read('.pre-commit-hooks.yaml') as Record<string, string>[];

  test.each(hooks.map((hook) => [hook['id'], hook] as const))('%s calls a command that exists', (_id, hook) => {
    const [program, ...words] = hook['entry']!.split(' ');
    expect(program).toBe('ci/pullguard');
    expect(statSync(new URL(program!, ROOT)).mode & 0o111).toBe(0o111);
    let command = buildProgram(capturedIo(), () => undefined);
    for (const word of words.filter((each) => !each.startsWith('-')))
      command = command.commands.find((each) => each.name() === word)!;
    const flags = command.options.map(({ long }) => long);
    expect(flags).toEqual(expect.arrayContaining(words.filter((each) => each.startsWith('-'))));
    // pre-commit adds the names of files.
    expect(command.registeredArguments.some(({ variadic }) => variadic)).toBe(true);
    expect(hook).toMatchObject({ language: 'script', name: expect.any(String) as unknown });
  });

  test('policies are told by their name', () => {
    const { files } = hooks.find(({ id }) => id === 'pullguard-policy')!;
    const matched = ['.pullguard.yaml', 'a/.pullguard.yaml', 'a.pullguard.yaml', '.pullguard.yaml.bak'].filter((file) =>
      new RegExp(files!).test(file),
    );
    expect(matched).toEqual(['.pullguard.yaml', 'a/.pullguard.yaml']);
  });

  test('pullguard is built by the first call alone, and again if that was interrupted', () => {
    const folder = tempFolder();
    const script = folder.write('ci/pullguard', readFileSync(new URL('ci/pullguard', ROOT)));
    folder.write('package.json', '{}');
    // Stands in for npm: `npm run --silent build` writes the program.
    const npm = `#!/bin/sh\necho "npm $1"\n[ "$1" = ci ] || { mkdir -p dist; cp recorder.js dist/main.js; }\n[ "$FAIL" != "$1" ]\n`;
    chmodSync(folder.write('bin/npm', npm), 0o755);
    folder.write('recorder.js', RECORDER);
    const call = (fail = ''): object => {
      const path = `${folder.at('bin')}${delimiter}${process.env['PATH'] ?? ''}`;
      const { status, stdout, stderr } = spawnSync('bash', [script, 'check', 'a b'], {
        encoding: 'utf8',
        cwd: folder.at('bin'),
        env: { PATH: path, FAIL: fail },
      });
      return { status, stdout, stderr };
    };
    expect(call('run')).toEqual({ status: 1, stdout: '', stderr: 'npm ci\nnpm run\n' });
    expect(call()).toEqual({ status: 0, stdout: '"check"\n"a b"\n', stderr: 'npm ci\nnpm run\n' });
    expect(call()).toEqual({ status: 0, stdout: '"check"\n"a b"\n', stderr: '' });
  });
});

test('the job for GitLab runs in a shell, checks every path and reports what it says that it does', () => {
  const { pullguard } = read('ci/gitlab.yml') as {
    pullguard: { variables: Record<string, string>; script: string[]; artifacts: { reports: Record<string, string> } };
  };
  const folder = tempFolder();
  chmodSync(folder.write('bin/pullguard', `#!/usr/bin/env node\n${RECORDER}`), 0o755);
  folder.write('bin/package.json', '{"type":"commonjs"}');
  const { stdout, status } = spawnSync('sh', ['-ec', pullguard.script.join('\n')], {
    encoding: 'utf8',
    env: {
      ...pullguard.variables,
      PATH: `${folder.at('bin')}${delimiter}${process.env['PATH'] ?? ''}`,
      PULLGUARD_PATHS: 'deploy base',
      STATUS: '1',
    },
  });
  expect(status).toBe(1);
  const { codequality, junit } = pullguard.artifacts.reports;
  expect(
    stdout
      .trim()
      .split('\n')
      .map((word) => JSON.parse(word) as string),
  ).toEqual(
    ['check', '--fail-on', 'deny', '--output-file', `gitlab=${codequality}`, '--output-file', `junit=${junit}`].concat([
      '--',
      'deploy',
      'base',
    ]),
  );
});

describe('docs/ci.md', () => {
  const page = readFileSync(new URL('docs/ci.md', ROOT), 'utf8');
  /** The sample of a file, by the name in its first line. */
  function sample(file: string): unknown {
    const start = `\n\`\`\`yaml\n# ${file}\n`;
    const from = page.indexOf(start) + start.length;
    expect(from).toBeGreaterThan(start.length);
    return parse(page.slice(from, page.indexOf('\n```', from)));
  }

  test('shows a workflow with inputs that the action has, and the permission that uploads need', () => {
    const { jobs, permissions } = sample('.github/workflows/pullguard.yml') as {
      permissions: object;
      jobs: Record<string, { steps: { uses: string; with?: Record<string, string> }[] }>;
    };
    const inputs = jobs['manifests']!.steps.find(({ uses }) => uses.includes('/pullguard@'))!.with!;
    const { inputs: known } = read('action.yml') as { inputs: object };
    expect(Object.keys(known)).toEqual(expect.arrayContaining(Object.keys(inputs)));
    expect(permissions).toMatchObject({ 'security-events': 'write' });
  });

  test('shows a pipeline with variables that the job has', () => {
    const { include, pullguard } = sample('.gitlab-ci.yml') as {
      include: { file: string }[];
      pullguard: { variables: object };
    };
    const { pullguard: job } = read(include[0]!.file) as { pullguard: { variables: object } };
    expect(Object.keys(job.variables)).toEqual(expect.arrayContaining(Object.keys(pullguard.variables)));
  });

  test('shows hooks that exist', () => {
    const { repos } = sample('.pre-commit-config.yaml') as { repos: { hooks: { id: string }[] }[] };
    const known = (read('.pre-commit-hooks.yaml') as { id: string }[]).map(({ id }) => id);
    expect(known).toEqual(expect.arrayContaining(repos.flatMap(({ hooks }) => hooks.map(({ id }) => id))));
  });
});

test('the flags that these files use exist', () => {
  const check = buildProgram(capturedIo(), () => undefined).commands.find((command) => command.name() === 'check')!;
  const texts = ['action.yml', 'ci/gitlab.yml', '.pre-commit-hooks.yaml'].map((file) =>
    readFileSync(new URL(file, ROOT), 'utf8').replaceAll(/^.*\bnpm .*$/gm, ''),
  );
  const used = texts.flatMap((text) => [...text.matchAll(/(?<=[ (])--[a-z][\w-]*/g)].map(([flag]) => flag));
  expect(check.options.map(({ long }) => long)).toEqual(expect.arrayContaining([...new Set(used)]));
});
