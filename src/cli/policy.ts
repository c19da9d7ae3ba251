import { formatCommentedYaml } from '../manifest/commented-yaml.ts';
import { describeCause } from '../manifest/files.ts';
import { PolicyError } from '../policy/errors.ts';
import { describeInForce } from '../policy/in-force.ts';
import { openPolicy, type OpenPolicy } from '../policy/load.ts';
import { hashPolicyText, readPolicyFile } from '../policy/reload.ts';
import { RULES } from '../rules/index.ts';
import { defaultPolicy, loadPolicy } from '../rules/policy.ts';
import { describeError } from '../text/error.ts';
import { escapeUnprintable } from '../text/quote.ts';
import { choosePolicyText, findPolicyFile, POLICY_FILE, type PolicyOptions, type PolicyText } from './choose-policy.ts';
import { toUsageError, UsageError, type ExitCode, type Io } from './io.ts';

/** `pullguard policy validate [FILE…]`: prints every mistake of every file, one per line. */
export async function validatePolicies(files: readonly string[], io: Io): Promise<ExitCode> {
  const found = files.length > 0 ? files : findPolicyFile('.');
  if (found === undefined)
    throw new UsageError(`there is no ${POLICY_FILE} in this folder or above it: name a policy file`);
  let code: ExitCode = 0;
  for (const file of [found].flat()) {
    const mistakes = await listMistakes(file, io);
    if (mistakes.length > 0) code = 2;
    const lines = mistakes.length > 0 ? mistakes : [`${file === '-' ? '<stdin>' : file}: valid`];
    io.stdout.write(lines.map((line) => `${escapeUnprintable(line)}\n`).join(''));
  }
  return code;
}

async function listMistakes(file: string, io: Io): Promise<readonly string[]> {
  try {
    loadPolicy(file === '-' ? await io.readStdin() : readPolicyFile(file), file === '-' ? '<stdin>' : file);
    return [];
  } catch (error) {
    if (!(error instanceof PolicyError))
      return [file === '-' ? `<stdin>: ${describeCause(error)}` : describeError(error)];
    return error.problems.map(({ line, column, message }) => `${error.source}:${line}:${column}: ${message}`);
  }
}

/** `pullguard policy show`: prints the policy in force as a complete file, with the source of each value. */
export async function showPolicy(options: PolicyOptions, io: Io): Promise<ExitCode> {
  const chosen = await choosePolicyText(['.'], options);
  try {
    io.stdout.write(chosen === undefined ? formatBuiltIn() : formatChosen(chosen));
  } catch (error) {
    throw toUsageError(error);
  }
  return 0;
}

function formatBuiltIn(): string {
  const { content, origins } = describeInForce({}, defaultPolicy(), RULES);
  const comment = (pointer: string): string | undefined => {
    const origin = origins.get(pointer);
    return origin !== undefined && 'words' in origin ? origin.words : undefined;
  };
  return `# The built-in policy: there is no ${POLICY_FILE} in this folder or above it.\n${formatCommentedYaml(content, comment)}`;
}

function formatChosen({ source, text }: PolicyText): string {
  const policy = loadPolicy(text, source);
  const opened = openPolicy(text, source);
  const { content, origins } = describeInForce(opened.content, policy, RULES);
  const comment = (pointer: string): string | undefined => {
    const origin = origins.get(pointer);
    if (origin === undefined || 'words' in origin) return origin?.words;
    return `${source}:${findLine(opened, origin.at)}`;
  };
  const hash = hashPolicyText(opened.text);
  return `# The policy of ${source}.\n# Hash in the log and the metrics of pullguard serve: ${hash}\n${formatCommentedYaml(content, comment)}`;
}

function findLine({ locate, place }: OpenPolicy, pointer: string): number {
  return place({ ...locate(pointer), message: '' }).line;
}
