import type { ApiError, ApiServer } from '../cluster/connection/api-server.ts';
import { connectToCluster } from '../cluster/connection/connect.ts';
import { UsageError } from './io.ts';
import type { ConnectionOptions } from './options.ts';

/** @throws UsageError if there is no usable kubeconfig */
export function reachCluster({ kubeconfig, context }: ConnectionOptions): ApiServer {
  try {
    return connectToCluster({
      ...(kubeconfig !== undefined && { kubeconfig }),
      ...(context !== undefined && { context }),
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
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
