import { InvalidArgumentError, Option, type Command } from 'commander';
import type { SecretsMode } from '../cluster/facts/fact-collections.ts';
import { parseDuration } from '../text/time.ts';

/** How a command connects to a cluster. */
export type ConnectionOptions = Readonly<{ kubeconfig?: string; context?: string }>;

export const EXIT_CODES =
  '\nExit codes: 0 nothing would be denied, 1 something would be denied, 2 wrong usage or unreadable input';

export function outputOption<const Format extends string>(...formats: readonly [Format, ...Format[]]): Option {
  return new Option('-o, --output <format>', 'output format').choices(formats).default(formats[0]);
}

/** `table` is the former name of `text`. */
export function scanOutputOption(): Option {
  const option = outputOption('text', 'json', 'html', 'policyreport', 'openreports');
  const { parseArg } = option;
  return option.argParser((format: string): unknown =>
    parseArg?.<unknown>(format === 'table' ? 'text' : format, undefined),
  );
}

/** `kubeconfig`: the source of the connection without that flag, for the help text. */
export function addConnectionOptions(command: Command, kubeconfig: string): Command {
  return command
    .option('--kubeconfig <file>', `kubeconfig file (default: ${kubeconfig})`)
    .option('--context <name>', 'context of the kubeconfig (default: the current context)');
}

/** Where a command takes its policy from, if not from the nearest policy file. */
export function addPolicyOptions(command: Command): Command {
  return addConnectionOptions(
    command
      .option('--config <file>', 'policy file (default: the nearest .pullguard.yaml, or the built-in policy)')
      .addOption(
        new Option('--policy-from-cluster', 'use the policy of the cluster, ConfigMap pullguard-policy').conflicts(
          'config',
        ),
      ),
    'with --policy-from-cluster: $KUBECONFIG or ~/.kube/config',
  );
}

const SECRETS_MODES: readonly SecretsMode[] = ['default-secret-only', 'all', 'none'];

export function secretsOption(): Option {
  const modes = 'default-secret-only reads default-secret and the other names under pullSecret in the policy';
  return new Option('--secrets <mode>', `which pull secrets to read; ${modes}`)
    .choices(SECRETS_MODES)
    .default('default-secret-only' satisfies SecretsMode);
}

export function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(port <= 65_535)) throw new InvalidArgumentError('Use a number from 0 to 65535.');
  return port;
}

export function parseSeconds(text: string): number {
  const seconds = /^\d{1,4}(?:\.\d+)?$/.test(text) ? Number(text) : NaN;
  if (!(seconds <= 3600)) throw new InvalidArgumentError('Use a number of seconds from 0 to 3600.');
  return seconds;
}

/** JavaScript has no later dates. */
const LONGEST_MS = 999_999 * 86_400_000;

/** Milliseconds in `90d`, `12h`, `30m` or `45s`. */
export function parseLife(text: string): number {
  const milliseconds = parseDuration(text) ?? 0;
  if (milliseconds === 0 || milliseconds > LONGEST_MS)
    throw new InvalidArgumentError('Use a number with s, m, h or d, such as 12h.');
  return milliseconds;
}

/** For an option that may be given several times. */
export function collect(value: string, values: readonly string[] = []): readonly string[] {
  return [...values, value];
}

/** The lowest action of a finding that makes `check` fail. */
export const FAIL_ON = ['deny', 'warn', 'never'] as const;
export type FailOn = (typeof FAIL_ON)[number];
