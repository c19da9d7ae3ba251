import type { ApiError, ApiServer } from '../cluster/connection/api-server.ts';
import { isLabel } from '../text/kubernetes-name.ts';
import { toUsageError, UsageError } from './io.ts';
import type { ConnectionOptions } from './options.ts';

/** @throws UsageError if there is no usable kubeconfig */
export async function reachCluster({ kubeconfig, context }: ConnectionOptions): Promise<ApiServer> {
  // Loaded only here: the Kubernetes client takes longer to load than everything else together.
  const { connectToCluster } = await import('../cluster/connection/connect.ts');
  try {
    return connectToCluster({ kubeconfig, context });
  } catch (error) {
    throw toUsageError(error);
  }
}

/** What went wrong, and what to do about it. `access` is what the command needs: `get of secrets`. */
export function describeRefusal({ message, status }: ApiError, access: string): string {
  switch (status) {
    case undefined:
      return `${message}: check that the cluster is running, and that the kubeconfig and its context are right`;
    case 401:
      return `${message}: log in to the cluster again, or choose another --context`;
    case 403:
      return `${message}: ask the cluster admin for ${access}, or choose another --context`;
    default:
      return message;
  }
}

/** @throws UsageError for a name that no namespace can have, as it could lead to another path of the API */
export function checkNamespaceName(name: string): void {
  if (isLabel(name)) return;
  throw new UsageError(
    `--namespace ${JSON.stringify(name)} is not a valid namespace name: use at most 63 lowercase letters, digits and "-"`,
  );
}
