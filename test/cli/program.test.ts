import { CommanderError } from 'commander';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../src/cli/io.ts';
import { parseLife } from '../../src/cli/options.ts';
import { buildProgram } from '../../src/cli/program.ts';
import { RULES } from '../../src/rules/index.ts';
import { capturedIo } from '../support/captured-io.ts';

type Outcome = Readonly<{ code: number; stdout: string; stderr: string }>;

/** Runs a command line as `main` does, as far as the exit code is commander's to say. */
async function run(...args: readonly string[]): Promise<Outcome> {
  const io = capturedIo();
  let code = -1;
  const program = buildProgram(io, (finished) => (code = finished));
  try {
    await program.parseAsync(['node', 'pullguard', ...args]);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    code = error.exitCode === 0 ? 0 : 2;
  }
  return { code, ...io.printed };
}

const COMMANDS = ['serve', 'check', 'image', 'diagnose', 'rules', 'policy', 'certs', 'scan', 'version', 'completion'];

describe('help', () => {
  test('tells of every command what it does', async () => {
    const { code, stdout, stderr } = await run('--help');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const named = [...stdout.matchAll(/^ {2}([a-z]+) .*\S/gm)].map(([, command]) => command);
    expect(named).toEqual(expect.arrayContaining([...COMMANDS]));
  });

  test.each([...COMMANDS])('of %s is there in both ways to ask', async (command) => {
    const { code, stdout, stderr } = await run(command, '--help');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(new RegExp(`^Usage: pullguard ${command} `));
    expect(await run('help', command)).toEqual({ code, stdout, stderr });
  });

  test.each([
    ['check', 'Exit codes: 0 nothing would be denied, 1 something would be denied, 2 wrong usage or unreadable input'],
    ['image', 'Exit codes: 0 nothing would be denied, 1 something would be denied, 2 wrong usage or unreadable input'],
    ['scan', 'read completely'],
    ['scan', '(choices: "text", "json", "html", "policyreport", "openreports", default: "text")'],
    ['serve', '(choices: "default-secret-only", "all", "none", default: "default-secret-only")'],
  ])('of %s says: %s', async (command, text) => {
    expect((await run(command, '--help')).stdout.replaceAll(/\s+/g, ' ')).toContain(text);
  });
});

test('the version is that of the package', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  expect(await run('--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
});

test('the command version says as well what it runs on, and as JSON to a script that reports a bug', async () => {
  const { stdout } = await run('version');
  expect(stdout).toMatch(/^pullguard \d+\.\d+\.\d+(?: \([\da-f]{40}\))?, Node\.js v\d+\.\d+\.\d+, \w+\/\w+\n$/);
  expect(JSON.parse((await run('version', '-o', 'json')).stdout)).toEqual({
    version: expect.stringMatching(/^\d/) as string,
    commit: null,
    node: process.version,
    platform: `${process.platform}/${process.arch}`,
  });
});

describe('examples in the help', () => {
  const { commands } = buildProgram(capturedIo(), () => undefined);

  test.each(commands.map((command) => command.name()))('of %s use commands and options that exist', async (name) => {
    const [, examples = ''] = (await run(name, '--help')).stdout.split('\nExamples:\n');
    const calls = [...examples.matchAll(/\bpullguard ([a-z]+)([^|>)\n]*)/g)];
    expect(calls.map(([, command]) => command)).toContain(name);
    for (const [, called, rest = ''] of calls) {
      const command = commands.find((each) => each.name() === called);
      const flags = [command, ...(command?.commands ?? [])].flatMap((each) =>
        (each?.options ?? []).flatMap(({ short, long }) => [short, long]),
      );
      for (const [flag] of rest.matchAll(/(?<= )--?[a-z][\w-]*/gi)) expect(flags, `${name}: ${flag}`).toContain(flag);
    }
  });
});

describe('misuse is exit code 2, with one line that says what is wrong and where to read on', () => {
  const invalid = (option: string, value: string, why: string): string =>
    `option '${option}' argument '${value}' is invalid. ${why}`;
  const PORT = 'Use a number from 0 to 65535.';
  const SECONDS = 'Use a number of seconds from 0 to 3600.';
  const LIFE = 'Use a number with s, m, h or d, such as 12h.';

  test.each<[args: string, message: string]>([
    ['chekc a.yaml', "unknown command 'chekc'\n(Did you mean check?)"],
    ['check', "missing required argument 'path'"],
    ['image', "missing required argument 'ref'"],
    ['check --colour a.yaml', "unknown option '--colour'"],
    [
      'check -o yaml a.yaml',
      invalid(
        '-o, --output <format>',
        'yaml',
        'Allowed choices are text, json, sarif, junit, github, gitlab, markdown.',
      ),
    ],
    ['check a.yaml --config', "option '--config <file>' argument missing"],
    ['rules a b', "too many arguments for 'rules'. Expected 1 argument but got 2."],
    ['serve here', "too many arguments for 'serve'. Expected 0 arguments but got 1."],
    ['certs', "required option '--dns-name <names...>' not specified"],
    ['serve --log-level x', invalid('--log-level <level>', 'x', 'Allowed choices are debug, info, warn, error.')],
    ...['65536', '-1', '0x50', '80a', '1e3'].map((port) => [
      `serve --port ${port}`,
      invalid('--port <number>', port, PORT),
    ]),
    ['serve --admin-port http', invalid('--admin-port <number>', 'http', PORT)],
    ...['3601', '-1', '5s'].map((time) => [
      `serve --drain-seconds ${time}`,
      invalid('--drain-seconds <number>', time, SECONDS),
    ]),
    ...['90', 'd', '0s', '1.5h', '-1h', '1h30m', '1y', '1H', '9999999d'].map((life) => [
      `serve --ca-life ${life}`,
      invalid('--ca-life <duration>', life, LIFE),
    ]),
  ] as [string, string][])('%s', async (args, message) => {
    expect(await run(...args.split(' '))).toEqual({
      code: 2,
      stdout: '',
      stderr: `error: ${message}\n(run with --help for usage)\n`,
    });
  });

  test('no command at all prints the help', async () => {
    const { code, stderr } = await run();
    expect(code).toBe(2);
    expect(stderr).toMatch(/^Usage: pullguard /);
  });

  test('an image address in the wrong place is not repeated with its password', async () => {
    const image = 'user:s3cret@host.example/app:1';
    for (const args of [[image], ['serve', image], ['check', '-o', image], ['rules', 'a', image], [`--${image}`]]) {
      const { code, stdout, stderr } = await run(...args);
      expect(code).toBe(2);
      expect(stdout + stderr).not.toContain('s3cret');
    }
  });
});

test.each([
  ['45s', 45_000],
  ['30m', 1_800_000],
  ['12h', 43_200_000],
  ['3650d', 315_360_000_000],
])('the duration %s is what its author means', (text, milliseconds) => {
  expect(parseLife(text)).toBe(milliseconds);
});

test('commands hand their exit code on', async () => {
  expect(await run('image', 'nginx')).toMatchObject({ code: 0 });
  expect(await run('image', 'NGINX')).toMatchObject({ code: 1 });
  expect(await run('check', 'no-such-file.yaml')).toMatchObject({ code: 2 });
  expect(await run('rules')).toMatchObject({ code: 0 });
});

describe('pullguard rules', () => {
  const RULE_IDS = RULES.map(({ id }) => id).join(', ');

  test('lists every rule in the order in which they run, with its action and whether it fixes, in columns', async () => {
    const lines = (await run('rules')).stdout.split('\n');
    for (const [at, { id, defaultAction, fixable, description }] of RULES.entries()) {
      expect((lines[at] ?? '').split(/ {2,}/)).toEqual([id, defaultAction, ...(fixable ? ['fix'] : []), description]);
      expect(lines[at]?.indexOf(description)).toBe(lines[0]?.indexOf(RULES[0]!.description));
    }
    expect(lines[RULES.length]).toBe('');
    expect(lines.at(-2)).toContain('pullguard rules ID');
  });

  test('as JSON has them with the messages and options that a policy and a report name', async () => {
    const listed = JSON.parse((await run('rules', '-o', 'json')).stdout) as { id: string }[];
    expect(listed.map(({ id }) => id)).toEqual(RULES.map(({ id }) => id));
    expect(JSON.parse((await run('rules', '-o', 'json', 'mirror-used')).stdout)).toMatchObject({
      id: 'mirror-used',
      defaultAction: 'warn',
      fixable: true,
      messageIds: expect.arrayContaining(['not-mirrored']) as unknown,
      options: expect.objectContaining({}) as unknown,
    });
    await expect(run('rules', '-o', 'json', 'mirror-usde')).rejects.toThrow('did you mean "mirror-used"?');
  });

  test.each(RULES.map(({ id }) => id))('prints the page of %s as it is in docs', async (id) => {
    const page = readFileSync(new URL(`../../docs/rules/${id}.md`, import.meta.url), 'utf8');
    expect((await run('rules', id)).stdout).toBe(page);
  });

  test.each([
    ['mirror-usde', 'unknown rule "mirror-usde"; did you mean "mirror-used"?'],
    ['pull-secret', 'unknown rule "pull-secret"; did you mean "pull-secrets-valid"?'],
    ['TEMPLATE', `unknown rule "TEMPLATE": use one of ${RULE_IDS}`],
    ['../../package.json', `unknown rule "../../package.json": use one of ${RULE_IDS}`],
    ['', `unknown rule "": use one of ${RULE_IDS}`],
  ])('an id that is none, %j, is told with the ones there are', async (id, message) => {
    await expect(run('rules', id)).rejects.toThrow(new UsageError(message));
  });
});
