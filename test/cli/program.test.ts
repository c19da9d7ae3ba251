import { CommanderError } from 'commander';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { buildProgram } from '../../src/cli/program.ts';
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

const COMMANDS = ['serve', 'check', 'image', 'rules', 'certs'];

describe('help', () => {
  test('names every command', async () => {
    const { code, stdout, stderr } = await run('--help');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const command of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${command} .*\\S`, 'm'));
  });

  test.each(COMMANDS)('of %s is there in both ways to ask, and says what it does', async (command) => {
    const { code, stdout, stderr } = await run(command, '--help');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(new RegExp(`^Usage: pullguard ${command} `));
    expect(await run('help', command)).toEqual({ code, stdout, stderr });
  });

  test.each<[command: string, options: readonly string[]]>([
    [
      'serve',
      [
        '--config',
        '--host',
        '--port',
        '--admin-port',
        '--tls-cert',
        '--tls-key',
        '--ca-out',
        '--dns-name',
        '--client-ca',
        '--offline',
      ],
    ],
    ['check', ['--config', '-o, --output']],
    ['image', ['--config', '--probe', '--docker-config', '-o, --output']],
    ['certs', ['--dns-name', '--out', '--days', '--force']],
  ])('of %s tells all its options', async (command, options) => {
    const { stdout } = await run(command, '--help');
    for (const option of options) expect(stdout).toMatch(new RegExp(`^  ${option} `, 'm'));
  });

  test.each(['check', 'image'])('of %s tells the exit codes that CI goes by', async (command) => {
    expect((await run(command, '--help')).stdout).toContain(
      'Exit codes: 0 fine, 1 something would be denied, 2 misuse or input that cannot be read',
    );
  });
});

test('the version is that of the package', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  expect(await run('--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
});

describe('misuse is exit code 2, with one line that says what is wrong and where to read on', () => {
  test.each<[args: string, message: string]>([
    ['chekc a.yaml', "unknown command 'chekc'\n(Did you mean check?)"],
    ['check', "missing required argument 'path'"],
    ['image', "missing required argument 'ref'"],
    ['check --colour a.yaml', "unknown option '--colour'"],
    [
      'check -o yaml a.yaml',
      "option '-o, --output <format>' argument 'yaml' is invalid. Allowed choices are text, json.",
    ],
    ['check a.yaml --config', "option '--config <file>' argument missing"],
    ['rules a b', "too many arguments for 'rules'. Expected 1 argument but got 2."],
    ['serve here', "too many arguments for 'serve'. Expected 0 arguments but got 1."],
    ['serve --port 65536', "option '--port <number>' argument '65536' is invalid. A port is a number from 0 to 65535."],
    ['serve --port -1', "option '--port <number>' argument '-1' is invalid. A port is a number from 0 to 65535."],
    ['serve --port 0x50', "option '--port <number>' argument '0x50' is invalid. A port is a number from 0 to 65535."],
    [
      'serve --admin-port http',
      "option '--admin-port <number>' argument 'http' is invalid. A port is a number from 0 to 65535.",
    ],
    [
      'serve --drain-seconds 3601',
      "option '--drain-seconds <number>' argument '3601' is invalid. A time is a number of seconds from 0 to 3600.",
    ],
    [
      'serve --drain-seconds soon',
      "option '--drain-seconds <number>' argument 'soon' is invalid. A time is a number of seconds from 0 to 3600.",
    ],
    [
      'serve --log-level loud',
      "option '--log-level <level>' argument 'loud' is invalid. Allowed choices are debug, info, warn, error.",
    ],
    ['certs', "required option '--dns-name <names...>' not specified"],
  ])('%s', async (args, message) => {
    expect(await run(...args.split(' '))).toEqual({
      code: 2,
      stdout: '',
      stderr: `error: ${message}\n(--help says more)\n`,
    });
  });

  test('no command at all prints the help', async () => {
    const { code, stderr } = await run();
    expect(code).toBe(2);
    expect(stderr).toMatch(/^Usage: pullguard /);
  });

  test('an image address in the wrong place is not repeated with its password', async () => {
    const image = 'user:s3cret@host.example/app:1';
    for (const args of [
      [image],
      ['serve', image],
      ['check', '-o', image, 'a'],
      ['rules', 'a', image],
      [`--${image}`],
    ]) {
      const { code, stdout, stderr } = await run(...args);
      expect(code).toBe(2);
      expect(stdout + stderr).not.toContain('s3cret');
    }
  });
});

test('commands hand their exit code on', async () => {
  expect(await run('image', 'nginx')).toMatchObject({ code: 0 });
  expect(await run('image', 'NGINX')).toMatchObject({ code: 1 });
  expect(await run('check', 'no-such-file.yaml')).toMatchObject({ code: 2 });
  expect(await run('rules')).toMatchObject({ code: 0 });
  expect(await run('certs', '--dns-name', 'https://x')).toMatchObject({ code: 2 });
});
