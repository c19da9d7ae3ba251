import { writeFileSync } from 'node:fs';
import { KubeConfig } from '@kubernetes/client-node';
import type { ApiServer } from '../../src/cluster/connection/api-server.ts';
import { createApiServer } from '../../src/cluster/connection/fetch-api-server.ts';

/** An API server without TLS, as the stand-in is one: client-node takes that for an address that is not to be verified. */
export type Address = Readonly<{ url: string }>;

/** The connection that pullguard itself would make to it. */
export function connectTo({ url }: Address, namespace?: string): ApiServer {
  const config = new KubeConfig();
  config.loadFromString(kubeconfigOf(url, namespace));
  return createApiServer(config);
}

/** For `pullguard` as a process: `--kubeconfig <file>`, or `KUBECONFIG=<file>`. Returns the file. */
export function writeKubeconfig({ url }: Address, file: string, namespace?: string): string {
  writeFileSync(file, kubeconfigOf(url, namespace));
  return file;
}

function kubeconfigOf(url: string, namespace = 'default'): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'stand-in',
    contexts: [{ name: 'stand-in', context: { cluster: 'stand-in', user: 'tester', namespace } }],
    clusters: [{ name: 'stand-in', cluster: { server: url, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'tester', user: {} }],
  });
}
