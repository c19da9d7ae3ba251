import type { Command, Option } from 'commander';
import { RULES } from '../rules/index.ts';
import { FORMATS } from './outputs.ts';
import type { ExitCode, Io } from './io.ts';

export type Shell = 'bash' | 'zsh' | 'fish';

/** `pullguard completion SHELL`: prints a script with which the shell completes commands, options and their values. */
export function completion(shell: Shell, program: Command, io: Io): ExitCode {
  io.stdout.write(SCRIPTS[shell](listCommands(program)));
  return 0;
}

/** The value of an option or argument: one of these words, a file, or anything else that only the user knows. */
type Value = Readonly<{ name: string; words: readonly string[]; isFile: boolean }>;

/** `value` is undefined for a flag. */
type CompletedOption = Readonly<{ flags: readonly string[]; description: string; value: Value | undefined }>;

type CompletedCommand = Readonly<{
  name: string;
  description: string;
  options: readonly CompletedOption[];
  argument: Value | undefined;
}>;

function listCommands(program: Command): readonly CompletedCommand[] {
  const commands = program.commands.map((command): CompletedCommand => {
    const argument = command.registeredArguments[0];
    return {
      name: command.name(),
      description: command.description(),
      options: [...command.options.filter(({ hidden }) => !hidden).map(toCompletedOption), HELP],
      argument: argument && toValue(argument.name(), argument.argChoices ?? WORDS[`${command.name()} argument`]),
    };
  });
  const words = commands.map(({ name }) => name);
  const help = {
    name: 'help',
    description: 'display help for command',
    options: [],
    argument: toValue('command', words),
  };
  return [...commands, help];
}

const HELP: CompletedOption = { flags: ['-h', '--help'], description: 'display help for command', value: undefined };

/** Words that are not choices of commander, as other values are accepted too, or as the word is only the start of the value. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  'rules argument': RULES.map(({ id }) => id),
  '--output-file': FORMATS.map((format) => `${format}=`),
};

function toCompletedOption({ short, long, flags, description, argChoices }: Option): CompletedOption {
  const name = /[<[]([^.\]>]+)/.exec(flags)?.[1];
  return {
    flags: [short, long].filter((flag) => flag !== undefined),
    description,
    value: name === undefined ? undefined : toValue(name, argChoices ?? WORDS[long ?? '']),
  };
}

function toValue(name: string, words: readonly string[] = []): Value {
  return { name, words, isFile: words.length === 0 && /file|folder|path/.test(name) };
}

const SCRIPTS: Readonly<Record<Shell, (commands: readonly CompletedCommand[]) => string>> = {
  bash: formatBash,
  zsh: formatZsh,
  fish: formatFish,
};

/** If there are no words, bash offers files. Runs on bash 3.2, which macOS has, and needs no package for completions. */
function formatBash(commands: readonly CompletedCommand[]): string {
  const values = commands.flatMap(({ name, options }) =>
    options.flatMap(({ flags, value }) => {
      if (value === undefined) return [];
      const pattern = flags.map((flag) => `"${name} ${flag}"`).join('|');
      return [`    ${pattern}) words="${value.words.join(' ')}" ;;`];
    }),
  );
  const rest = commands.map(({ name, options, argument }) => {
    const flags = options.flatMap((option) => option.flags).join(' ');
    return `        ${name}) flags="${flags}"; words="${argument?.words.join(' ') ?? ''}" ;;`;
  });
  return `# Completes pullguard in bash: source <(pullguard completion bash)
_pullguard() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" command="" flags="-h --help --version" words="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${COMP_WORDS[i]}" in
      -*) ;;
      *) command="\${COMP_WORDS[i]}"; break ;;
    esac
  done
  # bash takes "=" for a word of its own.
  if [[ $cur == "=" ]]; then cur=""; elif [[ $prev == "=" ]]; then prev="\${COMP_WORDS[COMP_CWORD-2]}"; fi
  COMPREPLY=()
  case "$command $prev" in
${values.join('\n')}
    *)
      case "$command" in
        "") words="${commands.map(({ name }) => name).join(' ')}" ;;
${rest.join('\n')}
      esac
      if [[ $cur == -* ]]; then words="$flags"; fi
      ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  if [[ \${COMPREPLY[0]-} == *= ]]; then compopt -o nospace 2>/dev/null; fi
}
complete -o default -F _pullguard pullguard
`;
}

function formatZsh(commands: readonly CompletedCommand[]): string {
  const names = commands.map(({ name, description }) => `    ${quote(`${name}:${description}`)}`);
  const cases = commands.map(({ name, options, argument }) => {
    const specs = options.map(({ flags, description, value }) => {
      const of = value === undefined ? '' : `:${value.name}:${zshAction(value)}`;
      const text = quote(`[${description.replaceAll(/[[\]:\\]/g, String.raw`\$&`)}]${of}`);
      const [only = ''] = flags;
      return flags.length === 1 ? `'*'${only}${text}` : `'*'{${flags.join(',')}}${text}`;
    });
    const rest = argument === undefined ? [] : [quote(`*:${argument.name}:${zshAction(argument)}`)];
    return `        ${name})\n          _arguments ${[...specs, ...rest].join(' \\\n            ')}\n          ;;`;
  });
  return `#compdef pullguard
# Completes pullguard in zsh: source <(pullguard completion zsh), or as _pullguard in a folder of $fpath
_pullguard() {
  local context state state_descr line
  typeset -A opt_args
  local -a commands
  commands=(
${names.join('\n')}
  )
  _arguments -C '(- *)'{-h,--help}'[display help]' '(- *)--version[print the version]' '1:command:->command' '*::argument:->argument'
  case $state in
    command) _describe command commands ;;
    argument)
      case $words[1] in
${cases.join('\n')}
      esac
      ;;
  esac
}
if [[ \${funcstack[1]} == _pullguard ]]; then _pullguard "$@"; else compdef _pullguard pullguard; fi
`;
}

function zshAction({ words, isFile }: Value): string {
  if (words.length > 0) return `(${words.join(' ')})`;
  return isFile ? '_files' : '';
}

function formatFish(commands: readonly CompletedCommand[]): string {
  const lines = commands.flatMap(({ name, description, options, argument }) => {
    const seen = `complete -c pullguard -n '__fish_seen_subcommand_from ${name}'`;
    return [
      `complete -c pullguard -n __fish_use_subcommand -f -a ${name} -d ${quoteFish(description)}`,
      ...(argument === undefined || argument.isFile ? [] : [`${seen} -f -a '${argument.words.join(' ')}'`]),
      ...options.map((option) => `${seen} ${formatFishOption(option)}`),
    ];
  });
  return `# Completes pullguard in fish: pullguard completion fish | source\ncomplete -c pullguard -n __fish_use_subcommand -f -l version\n${lines.join('\n')}\n`;
}

function formatFishOption({ flags, description, value }: CompletedOption): string {
  const names = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
  const takes = value === undefined ? '' : value.isFile ? ' -rF' : ` -x -a '${value.words.join(' ')}'`;
  return `${names.join(' ')}${takes} -d ${quoteFish(description)}`;
}

/** Quotes a text as one word of a bash or zsh script. */
function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

function quoteFish(text: string): string {
  return `'${text.replaceAll(/['\\]/g, String.raw`\$&`)}'`;
}
