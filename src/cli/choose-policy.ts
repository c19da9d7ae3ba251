import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { ApiError, type ApiServer } from '../cluster/connection/api-server.ts';
import type { Policy } from '../engine/rule.ts';
import { POLICY_KEY } from '../policy/load.ts';
import { readPolicyFile } from '../policy/reload.ts';
import { defaultPolicy, loadPolicy } from '../rules/policy.ts';
import { readString } from '../text/json.ts';
import { describeError } from '../text/error.ts';
import { escapeUnprintable } from '../text/quote.ts';
import { redact } from '../text/redact.ts';
import { toUsageError, UsageError, type Io } from './io.ts';
import type { ConnectionOptions } from './options.ts';
import { describeRefusal, reachCluster } from './reach-cluster.ts';

/** Where a command takes its policy from. */
export type PolicyOptions = ConnectionOptions & Readonly<{ config?: string; policyFromCluster?: boolean }>;

export const POLICY_FILE = '.pullguard.yaml';

/** The text of a policy, and the name of its source for messages. */
export type PolicyText = Readonly<{ source: string; text: string }>;

/**
 * The policy for these paths: of `--config`, of the cluster, or of the nearest `.pullguard.yaml`; otherwise the built-in one. The
 * source is printed to standard error, unless the user named the file.
 */
export async function choosePolicy(paths: readonly string[], options: PolicyOptions, io: Io): Promise<Policy> {
  const chosen = await choosePolicyText(paths, options);
  if (chosen === undefined) return defaultPolicy();
  if (options.config === undefined) io.stderr.write(`using the policy of ${escapeUnprintable(chosen.source)}\n`);
  return load(chosen);
}

/**
 * The policy of a command about a cluster: of `--config`, or of the cluster; otherwise the built-in one. The source is printed to
 * standard error, unless the user named the file.
 */
export async function chooseClusterPolicy(
  api: ApiServer,
  config: string | undefined,
  io: Io,
): Promise<Readonly<{ policy: Policy; source: string }>> {
  if (config !== undefined) return { policy: load(readPolicy(config)), source: config };
  let chosen: PolicyText;
  try {
    chosen = await readConfigMap(api);
  } catch (error) {
    const status = error instanceof UsageError && error.cause instanceof ApiError ? error.cause.status : undefined;
    if (status !== 403 && status !== 404) throw error;
    // A cluster without pullguard has no policy. If the policy may not be read, the user may expect another one than is used.
    if (status === 403) io.stderr.write(`using the built-in policy: ${escapeUnprintable(describeError(error))}\n`);
    return { policy: defaultPolicy(), source: 'the built-in policy' };
  }
  io.stderr.write(`using the policy of ${escapeUnprintable(chosen.source)}\n`);
  return { policy: load(chosen), source: chosen.source };
}

function load({ text, source }: PolicyText): Policy {
  try {
    return loadPolicy(text, source);
  } catch (error) {
    throw toUsageError(error);
  }
}

/** @throws UsageError if the file cannot be read */
export function readPolicy(source: string): PolicyText {
  try {
    return { source, text: readPolicyFile(source) };
  } catch (error) {
    throw toUsageError(error);
  }
}

/** Undefined for the built-in policy. @throws UsageError */
export async function choosePolicyText(
  paths: readonly string[],
  options: PolicyOptions,
): Promise<PolicyText | undefined> {
  if (options.policyFromCluster === true) return readConfigMap(await reachCluster(options));
  if (options.kubeconfig !== undefined || options.context !== undefined)
    throw new UsageError('--kubeconfig and --context are for --policy-from-cluster: add it, or remove them');
  const source = options.config ?? findOnePolicyFile(paths);
  return source === undefined ? undefined : readPolicy(source);
}

/** The ConfigMap that the manifests install. */
const CONFIG_MAP = { namespace: 'pullguard', name: 'pullguard-policy' };

/** The policy that the webhook of a cluster has. @throws UsageError, whose cause may be an ApiError */
async function readConfigMap(api: ApiServer): Promise<PolicyText> {
  const { namespace, name } = CONFIG_MAP;
  const source = `ConfigMap ${namespace}/${name}`;
  const text = await api.call('GET', `/api/v1/namespaces/${namespace}/configmaps/${name}`).then(
    (answer) => readString(answer, 'data', POLICY_KEY),
    (error: unknown) => {
      if (!(error instanceof ApiError)) throw error;
      const message =
        error.status === 404
          ? `${source} does not exist in the cluster ${api.url}: install pullguard, choose another --context, or use --config`
          : `${source} cannot be read: ${describeRefusal(error, `get of configmaps in namespace ${namespace}`)}`;
      throw new UsageError(message, { cause: error });
    },
  );
  if (text === '') throw new UsageError(`${source} has no text under data["${POLICY_KEY}"]: apply the manifests again`);
  return { source, text };
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
