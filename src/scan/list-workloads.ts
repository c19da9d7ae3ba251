import { readString } from '../text/json.ts';
import { ApiError, type ApiServer, type KubernetesObject } from '../cluster/connection/api-server.ts';
import { listPages } from '../cluster/connection/list.ts';

/** `remaining` is how many objects come after this page, where the API server knows. */
export type WorkloadPage = Readonly<{ objects: readonly KubernetesObject[]; remaining?: number }>;

/** A list that expires three times over changes faster than it can be read. */
const MAX_ATTEMPTS = 3;

/**
 * The objects of a collection, a page at a time and each once. An API server forgets a list that is read too slowly, after
 * five minutes as it comes; it is then read again from the start, and what has been seen is left out.
 *
 * @throws ApiError
 */
export async function* listWorkloads(api: ApiServer, path: string): AsyncGenerator<WorkloadPage> {
  const seen = new Set<string>();
  for (let attempt = 1; ; attempt++) {
    try {
      for await (const { items, remaining } of listPages(api, path)) {
        const objects = items.filter((item) => isNew(item, seen));
        yield { objects, ...(remaining !== undefined && { remaining }) };
      }
      return;
    } catch (error) {
      if (!isExpired(error) || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

/** By name and not by uid: a pod of a StatefulSet that was made anew in between is the same to a reader. */
function isNew(object: KubernetesObject, seen: Set<string>): boolean {
  const key = `${readString(object, 'metadata', 'namespace')}/${readString(object, 'metadata', 'name')}`;
  if (seen.has(key)) return false;
  seen.add(key);
  return true;
}

function isExpired(error: unknown): boolean {
  return error instanceof ApiError && error.status === 410;
}
