import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import type { ApiServer } from './api-server.ts';
import { createApiServer } from './fetch-api-server.ts';
import { isInCluster } from './in-cluster.ts';
import { loadKubeconfig } from './kubeconfig.ts';

export type ConnectOptions = Readonly<{
  /** A kubeconfig file; without one, the pod's own service account, `$KUBECONFIG` or `~/.kube/config`, in this order. */
  kubeconfig?: string;
  /** A context of the kubeconfig; its current one unless told otherwise. A service account has none. */
  context?: string;
}>;

/**
 * The API server to work with. Nothing is asked of it yet.
 *
 * @throws Error that says which kubeconfig and why.
 */
export function connectToCluster({ kubeconfig, context }: ConnectOptions = {}): ApiServer {
  if (kubeconfig === undefined && context === undefined && isInCluster())
    return createApiServer(serviceAccountConfig());
  const files = kubeconfig === undefined ? findKubeconfigs() : [kubeconfig];
  return createApiServer(loadKubeconfig(files, context));
}

/** client-node reads the token again as it rotates. */
function serviceAccountConfig(): KubeConfig {
  const config = new KubeConfig();
  config.loadFromCluster();
  return config;
}

/** As kubectl finds them: of several in `$KUBECONFIG` those that exist. client-node would try http://localhost:8080 at last. */
function findKubeconfigs(): readonly string[] {
  const named = (process.env['KUBECONFIG'] ?? '').split(delimiter).filter((file) => file !== '');
  const wanted = named.length > 0 ? named : [join(homedir(), '.kube', 'config')];
  const found = wanted.filter((file) => existsSync(file));
  if (found.length > 0) return found;
  const missing =
    named.length > 0
      ? `KUBECONFIG names ${named.join(', ')}, where there is no file`
      : `KUBECONFIG is not set, there is no ${wanted.join()}`;
  throw new Error(
    `cannot find a cluster: ${missing}, and this is no pod with a service account token; name a kubeconfig with --kubeconfig`,
  );
}
