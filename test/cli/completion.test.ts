import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { buildProgram } from '../../src/cli/program.ts';
import { RULES } from '../../src/rules/index.ts';
import { capturedIo } from '../support/captured-io.ts';
import { tempFolder } from '../support/temp-folder.ts';

async function scriptOf(shell: string): Promise<string> {
  const io = capturedIo();
  await buildProgram(io, () => undefined).parseAsync(['node', 'pullguard', 'completion', shell]);
  return io.printed.stdout;
}

const { commands } = buildProgram(capturedIo(), () => undefined);
const NAMES = [...commands.map((command) => command.name()), 'help'];
const IDS = RULES.map(({ id }) => id);

const has = (shell: string): boolean => spawnSync(shell, ['-c', 'exit 0']).status === 0;

/** What is typed, and what has to be offered: all of it, or with `…` these among others. Nothing for files, which the shell completes. */
const CASES: readonly [typed: string, offered: readonly string[]][] = [
  ['', NAMES],
  ['ch', ['check']],
  ['check -o ', ['text', 'json', 'sarif', 'junit', 'github', 'gitlab', 'markdown']],
  ['check --output j', ['json', 'junit']],
  ['check a.yaml --output-file s', ['sarif=']],
  ['check --di', ['--diff']],
  ['scan --all', ['--all-namespaces']],
  ['rules pull-secrets', ['pull-secrets-valid']],
  ['rules ', IDS],
  ['completion z', ['zsh']],
  ['help ver', ['version']],
  ['serve --log-level ', ['debug', 'info', 'warn', 'error']],
];

describe.skipIf(!has('bash'))('bash, which has to be installed for this', () => {
  /** As bash calls it: the words of the line, `=` one of them, and the word in which the cursor stands. */
  async function complete(typed: string): Promise<readonly string[]> {
    const words = ['pullguard', ...typed.split(/ |(?==)|(?<==)/)];
    const { stdout, stderr } = spawnSync(
      'bash',
      [
        '--norc',
        '-c',
        `${await scriptOf('bash')}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _pullguard; printf '%s\\n' "\${COMPREPLY[@]}"`,
        'bash',
        ...words,
      ],
      { encoding: 'utf8' },
    );
    expect(stderr).toBe('');
    return stdout.split('\n').filter((line) => line !== '');
  }

  test.each([...CASES, ['check --output=sa', ['sarif']], ['check --config ', []], ['check ./', []]] as typeof CASES)(
    'offers for "pullguard %s" %j',
    async (typed, offered) => {
      expect([...(await complete(typed))].sort()).toEqual([...offered].sort());
    },
  );
});

describe.skipIf(!has('fish'))('fish, which has to be installed for this', () => {
  test('offers the same, with descriptions', async () => {
    const { at, write } = tempFolder();
    write('pullguard.fish', await scriptOf('fish'));
    const asked = CASES.map(([typed]) => `complete -C 'pullguard ${typed}' | string join \\t\\t; echo`).join('\n');
    const { stdout, stderr } = spawnSync('fish', ['--no-config', '-c', `source ${at('pullguard.fish')}\n${asked}`], {
      encoding: 'utf8',
      env: { ...process.env, HOME: at('.'), TERM: 'dumb' },
    });
    expect(stderr).toBe('');
    const answers = stdout
      .split('\n\n')
      .map((line) => line.split('\t\t').map((entry) => entry.trim().split('\t')[0] ?? ''));
    for (const [at_, [typed, offered]] of CASES.entries()) {
      expect([...(answers[at_] ?? [])].sort(), typed).toEqual([...offered].sort());
    }
  });
});

describe.skipIf(!has('zsh'))('zsh, which has to be installed for this', () => {
  /** What the line becomes when Tab is pressed at its end, in a zsh of its own on a terminal of its own. */
  test.each([
    ['pullguard vers', 'pullguard version '],
    ['pullguard check --diff --outp', 'pullguard check --diff --output'],
    ['pullguard check -o sar', 'pullguard check -o sarif '],
    ['pullguard rules mirr', 'pullguard rules mirror-used '],
    ['pullguard completion f', 'pullguard completion fish '],
    ['pullguard check --config man', 'pullguard check --config manifest.txt '],
  ])('makes of "%s" "%s"', async (typed, completed) => {
    const { at, path, write } = tempFolder();
    write('_pullguard', await scriptOf('zsh'));
    write('manifest.txt', '');
    write(
      'ask.zsh',
      `zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "cd ${path}; PS1=; autoload -Uz compinit; compinit -u -D; source ${at('_pullguard')}"
zpty -w z 'show() { print -r -- $BUFFER > line.tmp; mv line.tmp line; }; zle -N show; bindkey "^X" show; bindkey "^I" complete-word; touch ready'
for i in {1..200}; do [[ -e ${at('ready')} ]] && break; sleep 0.05; done
zpty -w -n z $'${typed}\\t\\x18'
for i in {1..200}; do [[ -e ${at('line')} ]] && break; sleep 0.05; done
zpty -d z
`,
    );
    const { stderr } = spawnSync('zsh', ['-f', at('ask.zsh')], {
      encoding: 'utf8',
      cwd: path,
      env: { ...process.env, TERM: 'xterm' },
    });
    expect(existsSync(at('line')), stderr).toBe(true);
    expect(readFileSync(at('line'), 'utf8')).toBe(`${completed}\n`);
  });
});

test.each(['bash', 'zsh', 'fish'])('the script for %s has every command and option', async (shell) => {
  const script = await scriptOf(shell);
  for (const command of commands) {
    expect(script).toContain(command.name());
    for (const { long } of command.options) expect(script).toContain(shell === 'fish' ? `-l ${long?.slice(2)}` : long);
  }
});
