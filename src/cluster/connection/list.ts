import { ApiError, type ApiServer, type KubernetesObject } from './api-server.ts';

export type ListOptions = Readonly<{
  /** `metadata.name=default-secret`, `type=kubernetes.io/dockerconfigjson`. */
  fieldSelector?: string | undefined;
  /** For one page; 30,000 unless told otherwise, as an API server reads pages of a busy collection from etcd. */
  timeoutMs?: number | undefined;
  signal?: AbortSignal;
}>;

/** `remaining` is how many objects come after this page, where the API server knows. */
export type ListPage = Readonly<{ items: readonly KubernetesObject[]; resourceVersion: string; remaining?: number }>;

/** Objects a page, as kubectl has it. */
const PAGE_SIZE = 500;

/**
 * The objects of a collection as they are now, a page at a time, all pages as of one moment. Their kind and apiVersion are
 * not among what they hold.
 *
 * @throws ApiError with status 410 when a page is asked for so late that the API server has forgotten that moment
 */
export async function* listPages(api: ApiServer, path: string, options: ListOptions = {}): AsyncGenerator<ListPage> {
  const { fieldSelector, timeoutMs = 30_000, signal } = options;
  let token: string | undefined;
  do {
    const query = { limit: PAGE_SIZE, continue: token, fieldSelector };
    const { next, ...page } = readPage(path, await api.call('GET', path, { query, timeoutMs, signal }));
    yield page;
    token = next;
  } while (token !== undefined);
}

type List = Readonly<{
  metadata?: Readonly<{ resourceVersion?: string; continue?: string; remainingItemCount?: number }>;
  items?: readonly KubernetesObject[] | null;
}>;

function readPage(path: string, answer: unknown): ListPage & Readonly<{ next?: string }> {
  const { metadata, items } = (answer ?? {}) as List;
  // Go writes a list that was never filled as null.
  if (metadata === undefined || (items !== null && !Array.isArray(items)))
    throw new ApiError(`the answer to GET ${path} is no list`, { status: 200 });
  const { resourceVersion = '', continue: next = '', remainingItemCount: remaining } = metadata;
  return {
    items: items ?? [],
    resourceVersion,
    ...(remaining !== undefined && { remaining }),
    ...(next !== '' && { next }),
  };
}
