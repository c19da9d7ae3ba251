import { existsSync } from 'node:fs';

/** Where kubelet mounts the token of a pod's service account. */
const TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/** Whether this is a pod that may ask the API server: it knows the address, and has been given a token. */
export function isInCluster(): boolean {
  return (process.env['KUBERNETES_SERVICE_HOST'] ?? '') !== '' && existsSync(TOKEN);
}
