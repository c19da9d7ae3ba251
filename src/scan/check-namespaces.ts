import { ApiError, type ApiServer } from '../cluster/connection/api-server.ts';

export type CheckedNamespaces = Readonly<{
  /** Those that are there, or may be. */
  namespaces: readonly string[];
  /** Of these, the ones that we may not ask about. */
  unsure: readonly string[];
  /** What is wrong with the others. */
  problems: readonly string[];
}>;

/**
 * Whether namespaces are there. The API server lists one that is not as one that is empty, so a typo would pass for a clean
 * result. Never rejects for what the cluster answers, or does not.
 */
export async function checkNamespaces(api: ApiServer, names: readonly string[]): Promise<CheckedNamespaces> {
  const namespaces: string[] = [];
  const unsure: string[] = [];
  const problems: string[] = [];
  for (const name of names) {
    try {
      await api.call('GET', `/api/v1/namespaces/${encodeURIComponent(name)}`);
      namespaces.push(name);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 404) {
        problems.push(`there is no namespace "${name}"; "kubectl get namespaces" lists those that there are`);
      } else {
        namespaces.push(name);
        unsure.push(name);
      }
    }
  }
  return { namespaces, unsure, problems };
}
