import { InvalidArgumentError, Option, type Command } from 'commander';
import type { SecretsMode } from '../cluster/facts/fact-collections.ts';
import { parseDuration } from '../text/duration.ts';

/** How a command gets at a cluster. */
export type ConnectionOptions = Readonly<{ kubeconfig?: string; context?: string }>;

export const EXIT_CODES = '\nExit codes: 0 fine, 1 something would be denied, 2 misuse or input that cannot be read';

export function outputOption<const Format extends string>(...formats: readonly [Format, ...Format[]]): Option {
  return new Option('-o, --output <format>', 'how to print').choices(formats).default(formats[0]);
}

/** `kubeconfig` says where the cluster is looked for without that flag. */
export function addConnectionOptions(command: Command, kubeconfig: string): Command {
  return command
    .option('--kubeconfig <file>', `how to reach the cluster (default: ${kubeconfig})`)
    .option('--context <name>', 'context of the kubeconfig (default: its current one)');
}

const SECRETS_MODES: readonly SecretsMode[] = ['default-secret-only', 'all', 'none'];

export function secretsOption(): Option {
  const modes = 'default-secret-only: those that the policy names as pullSecret, default-secret among them';
  return new Option('--secrets <mode>', `pull secrets to look at; ${modes}`)
    .choices(SECRETS_MODES)
    .default('default-secret-only' satisfies SecretsMode);
}

export function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(port <= 65_535)) throw new InvalidArgumentError('A port is a number from 0 to 65535.');
  return port;
}

export function parseSeconds(text: string): number {
  const seconds = /^\d{1,4}(?:\.\d+)?$/.test(text) ? Number(text) : NaN;
  if (!(seconds <= 3600)) throw new InvalidArgumentError('A time is a number of seconds from 0 to 3600.');
  return seconds;
}

/** Later than that there is no date. */
const LONGEST_MS = 999_999 * 86_400_000;

/** Milliseconds in `90d`, `12h`, `30m` or `45s`. */
export function parseLife(text: string): number {
  const milliseconds = parseDuration(text) ?? 0;
  if (milliseconds === 0 || milliseconds > LONGEST_MS)
    throw new InvalidArgumentError('A duration is a number and s, m, h or d, such as 12h.');
  return milliseconds;
}
