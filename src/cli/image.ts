import { describeCause } from '../config/read-text.ts';
import { quote } from '../image/quote.ts';
import { explainImage, type ImageExplanation } from '../report/explain-image.ts';
import { UsageError, type ExitCode, type Io } from './io.ts';
import { loadConfig } from './load-config.ts';

export type ImageOptions = Readonly<{ config?: string; output: 'text' | 'json' }>;

/** `pullguard image`: says what addresses mean; exit code 1 if a container runtime would refuse one of them. */
export async function image(addresses: readonly string[], { config, output }: ImageOptions, io: Io): Promise<ExitCode> {
  if (addresses.includes('-') && addresses.length > 1)
    throw new UsageError('"-" reads addresses from standard input and stands alone');
  const policy = loadConfig(config);
  const written = addresses[0] === '-' ? readLines(await readStdin(io)) : addresses;
  const explanations = written.map((address) => explainImage(address, policy));
  for (const explanation of explanations) {
    io.stdout.write(output === 'json' ? `${JSON.stringify(explanation)}\n` : formatExplanation(explanation));
  }
  return explanations.every(({ valid }) => valid) ? 0 : 1;
}

async function readStdin(io: Io): Promise<string> {
  try {
    return await io.readStdin();
  } catch (error) {
    throw new UsageError(`standard input cannot be read: ${describeCause(error)}`, { cause: error });
  }
}

/** One address a line, exactly as it stands there: white space around it is one of the things that can be wrong. */
function readLines(text: string): readonly string[] {
  return text.split(/\r?\n/).filter((line) => line !== '');
}

function formatExplanation(explanation: ImageExplanation): string {
  const rows = explanation.problem === undefined ? listParts(explanation) : listProblem(explanation.problem);
  const body = rows.map(([name, value]) => `  ${name.padEnd(12)}${value}\n`).join('');
  return `${quote(explanation.image, explanation.image.length)}\n${body}`;
}

type Rows = readonly (readonly [string, string])[];

function listProblem({ code, message, suggestion }: NonNullable<ImageExplanation['problem']>): Rows {
  return [
    ['invalid', `${message} (${code})`],
    ...(suggestion === undefined ? [] : ([['did you mean', ` ${suggestion}`]] as const)),
  ];
}

function listParts(explanation: ImageExplanation): Rows {
  const { registry, repository, tag, digest, dockerHub, pullSecret, mirror, suspicion } = explanation;
  const optional: readonly (readonly [string, string | null | undefined])[] = [
    ['registry', dockerHub ? `${registry ?? ''} (Docker Hub)` : registry],
    ['repository', repository],
    ['tag', tag ?? (digest === null ? 'latest (as none is written)' : null)],
    ['digest', digest],
    ['mirror', mirror],
    ['pull secret', pullSecret],
    ['suspicious', suspicion],
  ];
  return optional.flatMap(([name, value]) => (value === null || value === undefined ? [] : [[name, value] as const]));
}
