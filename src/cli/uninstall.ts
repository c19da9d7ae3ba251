import { ApiError, type ApiServer } from '../cluster/connection/api-server.ts';
import { listOthers, removeWebhooks, type OtherConfiguration, type Removed } from '../cluster/install/url-webhooks.ts';
import { checkName } from './install-target.ts';
import type { ExitCode, Io } from './io.ts';
import type { ConnectionOptions } from './options.ts';
import { connectionFlags, describeRefusal, reachCluster } from './reach-cluster.ts';

export type UninstallOptions = ConnectionOptions & Readonly<{ name: string }>;

/** `pullguard uninstall`: removes what `pullguard install` made under a name, and nothing else. */
export async function uninstall(options: UninstallOptions, io: Io): Promise<ExitCode> {
  const name = checkName(options.name);
  const api = reachCluster(options);
  const results = await removeWebhooks(api, name);
  for (const result of results) {
    const line = describeResult(result, name);
    if (result.done === 'failed') io.stderr.write(`error: ${line}\n`);
    else io.stdout.write(`${line}\n`);
  }
  if (results.some(({ done }) => done === 'failed')) return 2;
  io.stdout.write(describeOthers(await findOthers(api, name), options));
  return 0;
}

const ACCESS =
  'get and delete of mutatingwebhookconfigurations and validatingwebhookconfigurations in the group admissionregistration.k8s.io';

function describeResult(result: Removed, name: string): string {
  const object = `${result.kind}/${name}`;
  switch (result.done) {
    case 'removed':
      return `removed ${object}`;
    case 'absent':
      return `${object} is not there`;
    case 'foreign':
      return `${object} was not made by pullguard install, and stays`;
    case 'failed':
      return `${object} could not be removed: ${describeRefusal(result.error, ACCESS)}`;
  }
}

/** None when they cannot be listed: what was asked for is done, and takes no right to list. */
async function findOthers(api: ApiServer, name: string): Promise<readonly OtherConfiguration[]> {
  try {
    return await listOthers(api, name);
  } catch (error) {
    if (error instanceof ApiError) return [];
    throw error;
  }
}

function describeOthers(others: readonly OtherConfiguration[], options: UninstallOptions): string {
  const applied = others.filter(({ isOurs }) => !isOurs).map(({ kind, name }) => `${kind}/${name}`);
  const installed = new Set(others.filter(({ isOurs }) => isOurs).map(({ name }) => name));
  return [
    ...(applied.length === 0
      ? []
      : [
          `${applied.join(' and ')} came with manifests; to remove that: kubectl${connectionFlags(options)} delete -k with the folder that was applied\n`,
        ]),
    ...[...installed].map(
      (name) => `There is another one: pullguard uninstall --name ${name}${connectionFlags(options)}\n`,
    ),
  ].join('');
}
