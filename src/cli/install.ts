import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import { ENDPOINTS } from '../admission/admit.ts';
import { ApiError } from '../cluster/connection/api-server.ts';
import { tryWebhook } from '../cluster/install/try-webhook.ts';
import {
  installWebhooks,
  pointAtUrl,
  type Applied,
  type Installation,
  type WebhookManifest,
} from '../cluster/install/url-webhooks.ts';
import { describeCause, readText } from '../manifest/read-text.ts';
import { DEFAULT_NAME, isLoopback, readTarget } from './install-target.ts';
import { UsageError, type ExitCode, type Io } from './io.ts';
import type { ConnectionOptions } from './options.ts';
import { connectionFlags, describeRefusal, reachCluster } from './reach-cluster.ts';

export type InstallOptions = ConnectionOptions &
  Readonly<{
    /** Where pullguard is, without `/mutate` and `/validate`. */
    url: string;
    /** File with the CA of its certificate. */
    ca: string;
    /** What both configurations are called. */
    name: string;
    /** Print the configurations, and ask nobody. */
    dryRun: boolean;
  }>;

/** `pullguard install`: has a cluster call a pullguard that runs somewhere else, as long as that answers. */
export async function install(options: InstallOptions, io: Io): Promise<ExitCode> {
  const target = readTarget(options);
  const configurations = readManifests().map((manifest) => pointAtUrl(manifest, target));
  if (isLoopback(target.url)) io.stderr.write(LOOPBACK);
  if (options.dryRun) {
    io.stdout.write(configurations.map((configuration) => stringify(configuration)).join('---\n'));
    return 0;
  }
  const api = reachCluster(options);
  for (const endpoint of ENDPOINTS) {
    const url = `${target.url}/${endpoint}`;
    const problem = await tryWebhook({ url, ca: target.ca });
    if (problem !== undefined) throw new UsageError(`${url}: ${problem}; nothing was changed in the cluster`);
    io.stdout.write(`${url} answers, with a certificate of ${options.ca}\n`);
  }
  try {
    return report(await installWebhooks(api, configurations), options, api.url, io);
  } catch (error) {
    if (error instanceof ApiError) throw new UsageError(describeRefusal(error, ACCESS), { cause: error });
    throw error;
  }
}

const LOOPBACK = `note: by this address an API server calls the machine it runs on itself, so it has to run on this one.
      For kind take the address that its containers have for this machine, which "docker network inspect kind" shows
      as Gateway, and serve with a certificate for it: --dns-name.
`;

const ACCESS =
  'get, create, update and delete of mutatingwebhookconfigurations and validatingwebhookconfigurations in the group admissionregistration.k8s.io';

/** Rules, selectors and timeouts are those of the manifests that an operator applies. */
function readManifests(): readonly WebhookManifest[] {
  return ['mutating', 'validating'].map((which) => {
    const file = `manifests/base/${which}-webhook.yaml`;
    try {
      return parse(readText(fileURLToPath(new URL(`../../${file}`, import.meta.url)))) as WebhookManifest;
    } catch (error) {
      throw new UsageError(`${file} of this installation cannot be read: ${describeCause(error)}`, { cause: error });
    }
  });
}

function report(installation: Installation, options: InstallOptions, cluster: string, io: Io): ExitCode {
  const { name, url } = options;
  switch (installation.outcome) {
    case 'foreign':
      throw new UsageError(
        `${nameAll(installation.kinds, name)} in ${cluster} was not made by pullguard install, and stays as it is; choose another --name`,
      );
    case 'failed':
      io.stdout.write(listApplied(installation.applied, name));
      throw new UsageError(
        `${nameAll([installation.kind], name)} could not be written: ${describeRefusal(installation.error, ACCESS)}${describeRest(installation.applied, options)}`,
        { cause: installation.error },
      );
    case 'installed':
      io.stdout.write(listApplied(installation.applied, name));
      io.stdout.write(`
${cluster} now asks ${url}, and lets everything pass for as long as that does not answer.
Try it:    kubectl${connectionFlags(options)} create deployment pullguard-check --image=nginx:1.25:latest --dry-run=server
Remove it: pullguard uninstall${uninstallFlags(options)}
`);
      return 0;
  }
}

/** What is left in the cluster of an installation that failed. */
function describeRest(applied: readonly Applied[], options: InstallOptions): string {
  const left = applied.filter(({ done }) => done !== 'taken back').map(({ kind }) => kind);
  if (left.length === 0) return '';
  return `; ${nameAll(left, options.name)} is in place: run this again, or remove it with pullguard uninstall${uninstallFlags(options)}`;
}

function listApplied(applied: readonly Applied[], name: string): string {
  return applied.map(({ kind, done }) => `${done} ${kind}/${name}\n`).join('');
}

function nameAll(kinds: readonly string[], name: string): string {
  return kinds.map((kind) => `${kind}/${name}`).join(' and ');
}

function uninstallFlags(options: InstallOptions): string {
  return `${options.name === DEFAULT_NAME ? '' : ` --name ${options.name}`}${connectionFlags(options)}`;
}
