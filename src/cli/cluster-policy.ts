import { ApiError, type ApiServer } from '../cluster/connection/api-server.ts';
import type { Policy } from '../engine/rule.ts';
import { POLICY_KEY } from '../policy/config-map.ts';
import { defaultPolicy, loadPolicy } from '../rules/policy.ts';
import { readString } from '../text/json.ts';
import { escapeUnprintable } from '../text/quote.ts';
import { UsageError, type Io } from './io.ts';
import { loadConfig, toUsageError } from './load-config.ts';
import type { ConnectionOptions } from './options.ts';
import { describeRefusal, reachCluster } from './reach-cluster.ts';

/** The text of a policy, and the name of its source for messages. */
export type PolicyText = Readonly<{ source: string; text: string }>;

/** The ConfigMap that the manifests install. */
const CONFIG_MAP = { namespace: 'pullguard', name: 'pullguard-policy' };

/**
 * The policy of a command about a cluster: of `--config`, or of the cluster; otherwise the built-in one. The source is printed to
 * standard error, unless the user named the file.
 */
export async function chooseClusterPolicy(
  api: ApiServer,
  config: string | undefined,
  io: Io,
): Promise<Readonly<{ policy: Policy; source: string }>> {
  if (config !== undefined) return { policy: loadConfig(config), source: config };
  try {
    const { source, text } = await readConfigMap(api);
    io.stderr.write(`using the policy of ${escapeUnprintable(source)}\n`);
    return { policy: loadPolicy(text, source), source };
  } catch (error) {
    if (!(error instanceof UsageError)) throw toUsageError(error);
    const status = error.cause instanceof ApiError ? error.cause.status : undefined;
    if (status !== 403 && status !== 404) throw error;
    // A cluster without pullguard has no policy. If the policy may not be read, the user may expect another one than is used.
    if (status === 403) io.stderr.write(`using the built-in policy: ${escapeUnprintable(error.message)}\n`);
    return { policy: defaultPolicy(), source: 'the built-in policy' };
  }
}

/** The policy that the webhook of a cluster has. @throws UsageError */
export async function readClusterPolicy(options: ConnectionOptions): Promise<PolicyText> {
  return readConfigMap(reachCluster(options));
}

/** @throws UsageError whose cause is the error of the API server, if it returned one */
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
