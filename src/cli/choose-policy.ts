import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import type { Policy } from '../engine/rule.ts';
import { readPolicyFile } from '../policy/reload.ts';
import { defaultPolicy, loadPolicy } from '../rules/policy.ts';
import { escapeUnprintable } from '../text/quote.ts';
import { redact } from '../text/redact.ts';
import type { PolicyText } from './cluster-policy.ts';
import { UsageError, type Io } from './io.ts';
import { toUsageError } from './load-config.ts';
import type { ConnectionOptions } from './options.ts';

/** Where a command takes its policy from. */
export type PolicyOptions = ConnectionOptions & Readonly<{ config?: string; policyFromCluster?: boolean }>;

export const POLICY_FILE = '.pullguard.yaml';

/**
 * The policy for these paths: of `--config`, of the cluster, or of the nearest `.pullguard.yaml`; otherwise the built-in one. The
 * source is printed to standard error, unless the user named the file.
 */
export async function choosePolicy(paths: readonly string[], options: PolicyOptions, io: Io): Promise<Policy> {
  const chosen = await choosePolicyText(paths, options);
  if (chosen !== undefined && options.config === undefined)
    io.stderr.write(`using the policy of ${escapeUnprintable(chosen.source)}\n`);
  try {
    return chosen === undefined ? defaultPolicy() : loadPolicy(chosen.text, chosen.source);
  } catch (error) {
    throw toUsageError(error);
  }
}

/** Undefined for the built-in policy. @throws UsageError */
export async function choosePolicyText(
  paths: readonly string[],
  options: PolicyOptions,
): Promise<PolicyText | undefined> {
  if (options.policyFromCluster === true) {
    // Loaded only here: the Kubernetes client would double the time that `check` needs to start.
    const { readClusterPolicy } = await import('./cluster-policy.ts');
    return readClusterPolicy(options);
  }
  if (options.kubeconfig !== undefined || options.context !== undefined)
    throw new UsageError('--kubeconfig and --context are for --policy-from-cluster: add it, or remove them');
  const source = options.config ?? findOnePolicyFile(paths);
  if (source === undefined) return undefined;
  try {
    return { source, text: readPolicyFile(source) };
  } catch (error) {
    throw toUsageError(error);
  }
}

/** Reports the policy files below the paths that are not used. A policy that the user named is meant for all paths. */
export function reportUnused(paths: readonly string[], files: readonly string[], options: PolicyOptions, io: Io): void {
  if (options.config !== undefined || options.policyFromCluster === true) return;
  const used = findOnePolicyFile(paths);
  const others = files.filter((file) => basename(file) === POLICY_FILE).map((file) => shorten(resolve(file)));
  for (const file of others.filter((each) => each !== used))
    io.stderr.write(
      `${escapeUnprintable(file)} is not used, as one policy is for all paths of a call: check ${escapeUnprintable(dirname(file))} by itself, and leave it out here with --exclude\n`,
    );
}

/** @throws UsageError if the paths have different policy files, as it is unknown which one is meant */
function findOnePolicyFile(paths: readonly string[]): string | undefined {
  const found = new Map(paths.map((path) => [findPolicyFile(path === '-' ? '.' : path), path]));
  const [first, second] = found;
  if (first !== undefined && second !== undefined) {
    const [one, other] = [first, second].map(([file, path]) => `${redact(path)}: ${file ?? 'none'}`);
    throw new UsageError(
      `the paths have different policies (${one}; ${other}): run check once for each policy, or name one for all with --config`,
    );
  }
  return first?.[0];
}

/** The nearest policy file in the folder of a path or above it, up to the root of the Git repository or of the file system. */
export function findPolicyFile(path: string): string | undefined {
  const absolute = resolve(path);
  const isFolder = statSync(absolute, { throwIfNoEntry: false })?.isDirectory() === true;
  for (let folder = isFolder ? absolute : dirname(absolute); ; folder = dirname(folder)) {
    const file = join(folder, POLICY_FILE);
    if (existsSync(file)) return shorten(file);
    const misnamed = join(folder, '.pullguard.yml');
    if (existsSync(misnamed))
      throw new UsageError(`${shorten(misnamed)} is not read: rename it to ${POLICY_FILE}, or name it with --config`);
    if (existsSync(join(folder, '.git')) || folder === dirname(folder)) return undefined;
  }
}

/** The path relative to the working directory, if the file is below it. */
function shorten(file: string): string {
  const short = relative('.', file);
  return short.startsWith('..') ? file : short;
}
