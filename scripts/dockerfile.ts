/** A stage of a Dockerfile, with the instructions that ours uses. */
export type Stage = Readonly<{
  /** The base image, with the defaults of its arguments. */
  base: string;
  name: string;
  args: Readonly<Record<string, string>>;
  copies: readonly Copy[];
  runs: readonly string[];
  env: readonly string[];
  labels: Readonly<Record<string, string>>;
  user: string;
  ports: readonly string[];
  entrypoint: readonly string[];
  command: readonly string[];
  /** Its instructions in their order, such as `COPY`. */
  instructions: readonly string[];
}>;

export type Copy = Readonly<{ from: string | undefined; sources: readonly string[]; target: string }>;

type Instruction = Readonly<{ name: string; value: string }>;

/** @throws Error for an unknown instruction, which an image built from this would silently lack */
export function readDockerfile(text: string): readonly Stage[] {
  const instructions = text
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line): Instruction => {
      const [name = '', ...words] = line.split(' ');
      return { name, value: words.join(' ') };
    });
  const unknown = instructions.find(({ name }) => !KNOWN.includes(name));
  if (unknown !== undefined) throw new Error(`Dockerfile: ${unknown.name} is not known to scripts/dockerfile.ts`);
  const starts = instructions.flatMap(({ name }, at) => (name === 'FROM' ? [at] : []));
  const global = readArgs(instructions.slice(0, starts[0]));
  return starts.map((start, at) => readStage(instructions.slice(start, starts[at + 1]), global));
}

const KNOWN = ['ARG', 'CMD', 'COPY', 'ENTRYPOINT', 'ENV', 'EXPOSE', 'FROM', 'LABEL', 'RUN', 'USER', 'WORKDIR'];

function readStage(instructions: readonly Instruction[], global: Readonly<Record<string, string>>): Stage {
  const args = readArgs(instructions);
  const all = (wanted: string): readonly string[] =>
    instructions.flatMap(({ name, value }) => (name === wanted ? [fill(value, { ...global, ...args })] : []));
  const words = (all('FROM')[0] ?? '').split(' ').filter((word) => !word.startsWith('--'));
  const [base = '', , name = ''] = words;
  return {
    base,
    name,
    args,
    copies: all('COPY').map(readCopy),
    runs: all('RUN'),
    env: all('ENV'),
    labels: Object.fromEntries(
      all('LABEL').flatMap((label) =>
        [...label.matchAll(/(\S+?)="([^"]*)"/g)].map(([, key = '', value = '']) => [key, value]),
      ),
    ),
    user: all('USER').at(-1) ?? '',
    ports: all('EXPOSE').flatMap((value) => value.split(' ')),
    entrypoint: readList(all('ENTRYPOINT').at(-1)),
    command: readList(all('CMD').at(-1)),
    instructions: instructions.map((one) => one.name),
  };
}

function readArgs(instructions: readonly Instruction[]): Readonly<Record<string, string>> {
  const args = instructions.filter(({ name }) => name === 'ARG').map(({ value }) => value.split('='));
  return Object.fromEntries(args.map(([key = '', ...value]) => [key, value.join('=')]));
}

/** `${NAME}` and `${NAME:-default}`. */
function fill(text: string, args: Readonly<Record<string, string>>): string {
  return text.replaceAll(
    /\$\{(\w+)(?::-([^}]*))?\}/g,
    (_, name: string, otherwise = '') => args[name] ?? String(otherwise),
  );
}

function readCopy(value: string): Copy {
  const words = value.split(' ');
  const [, from] = /^--from=(.*)$/.exec(words[0] ?? '') ?? [];
  const paths = from === undefined ? words : words.slice(1);
  return { from, sources: paths.slice(0, -1), target: paths.at(-1) ?? '' };
}

function readList(value = '[]'): readonly string[] {
  return JSON.parse(value) as string[];
}
