import { readPath } from '../../text/json.ts';
import {
  ApiError,
  TooLargeError,
  type ApiServer,
  type KubernetesObject,
  type ListHead,
  type ObjectHead,
} from './api-server.ts';
import { toObjectHead } from './read-head.ts';

export type ListOptions = Readonly<{
  /** `metadata.name=default-secret`, `type=kubernetes.io/dockerconfigjson`. */
  fieldSelector?: string | undefined;
  /** For one page; 30,000 by default, as an API server reads pages of a busy collection from etcd. */
  timeoutMs?: number | undefined;
  /** Objects a page at most; 500 by default, as in kubectl. */
  pageSize?: number | undefined;
  signal?: AbortSignal;
}>;

/**
 * `remaining` is how many objects come after this page, where the API server knows. `tooLarge` is an object that is beyond the
 * bound for answers by itself: a page without items stands for it.
 */
export type ListPage = Readonly<{
  items: readonly KubernetesObject[];
  resourceVersion: string;
  remaining?: number;
  tooLarge?: ObjectHead;
}>;

/**
 * The objects of a collection as they are now, a page at a time, all pages as of one moment. Their kind and apiVersion are
 * not among what they hold. A page that is too large is asked for again with half as many objects, down to one.
 *
 * @throws ApiError with status 410 when a page is asked for so late that the API server has forgotten that moment
 */
export async function* listPages(api: ApiServer, path: string, options: ListOptions = {}): AsyncGenerator<ListPage> {
  const { fieldSelector, timeoutMs = 30_000, pageSize = 500, signal } = options;
  let token: string | undefined;
  let limit = pageSize;
  let pages = 0;
  for (;;) {
    const query = { limit, continue: token, fieldSelector };
    const read = await readPage(api, path, { query, timeoutMs, signal });
    if (read === 'too-large') {
      limit = Math.floor(limit / 2);
      pages = 0;
      continue;
    }
    const { next, ...page } = read;
    yield page;
    if (next === undefined) return;
    token = next;
    // Large ones may stand side by side, and each attempt that is too large costs the API server as much as one that is not.
    pages += 1;
    if (pages % PAGES_OF_A_SIZE === 0) limit = Math.min(limit * 2, pageSize);
  }
}

/** So many pages go well before one is asked for that is twice as large. */
const PAGES_OF_A_SIZE = 4;

type PageOptions = Readonly<{
  query: Readonly<{ limit: number; continue: string | undefined; fieldSelector: string | undefined }>;
  timeoutMs: number;
  signal: AbortSignal | undefined;
}>;

type LinkedPage = ListPage & Readonly<{ next?: string }>;

async function readPage(api: ApiServer, path: string, options: PageOptions): Promise<LinkedPage | 'too-large'> {
  try {
    return parsePage(path, await api.call('GET', path, options));
  } catch (error) {
    if (!(error instanceof TooLargeError)) throw error;
    if (options.query.limit > 1) return 'too-large';
    return error.list === undefined ? readMetadataPage(api, path, options) : toPage(error.list);
  }
}

function toPage({ resourceVersion, next, object }: ListHead): LinkedPage {
  return { items: [], resourceVersion, tooLarge: object, ...(next !== '' && { next }) };
}

/** The page without the object, if the one that was cut off is unknown. */
async function readMetadataPage(api: ApiServer, path: string, options: PageOptions): Promise<LinkedPage> {
  const { items, ...page } = parsePage(path, await api.call('GET', path, { ...options, metadataOnly: true }));
  const tooLarge = toObjectHead(readPath(items[0], 'metadata'));
  return { ...page, items: [], ...(tooLarge !== undefined && { tooLarge }) };
}

type List = Readonly<{
  metadata?: Readonly<{ resourceVersion?: string; continue?: string; remainingItemCount?: number }>;
  items?: readonly KubernetesObject[] | null;
}>;

function parsePage(path: string, answer: unknown): LinkedPage {
  const { metadata, items } = (answer ?? {}) as List;
  // Go writes a list that was never filled as null.
  if (metadata === undefined || (items !== null && !Array.isArray(items)))
    throw new ApiError(`the answer to GET ${path} is not a list`, { status: 200 });
  const { resourceVersion = '', continue: next = '', remainingItemCount: remaining } = metadata;
  return {
    items: items ?? [],
    resourceVersion,
    ...(remaining !== undefined && { remaining }),
    ...(next !== '' && { next }),
  };
}
