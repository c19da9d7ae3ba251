import { readPath } from '../../text/json.ts';
import {
  ApiError,
  TooLargeError,
  type ApiServer,
  type KubernetesObject,
  type ListHead,
  type ObjectHead,
} from './api-server.ts';
import { toObjectHead } from './bounded-text.ts';

export type ListOptions = Readonly<{
  /** `metadata.name=default-secret`, `type=kubernetes.io/dockerconfigjson`. */
  fieldSelector?: string | undefined;
  /** For one page; 30,000 by default, as an API server reads pages of a busy collection from etcd. */
  timeoutMs?: number | undefined;
  /** The most objects per page; 500 by default, as in kubectl. */
  pageSize?: number | undefined;
  signal?: AbortSignal;
}>;

/**
 * `remaining` is the number of objects after this page, if the API server knows it. `tooLarge` is an object that alone exceeds
 * the limit for responses; its page has no items.
 */
export type ListPage = Readonly<{
  items: readonly KubernetesObject[];
  resourceVersion: string;
  remaining?: number;
  tooLarge?: ObjectHead;
}>;

/**
 * The current objects of a collection, a page at a time, all pages from the same time. They have no kind and apiVersion. A page
 * that is too large is requested again with half as many objects, down to one.
 *
 * @throws ApiError with status 410 when a page is requested so late that the API server no longer has the state of that time
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
    // Large objects may be next to each other, and a page that is too large costs the API server as much as any other.
    pages += 1;
    if (pages % PAGES_OF_A_SIZE === 0) limit = Math.min(limit * 2, pageSize);
  }
}

/** The page size is doubled after this many pages. */
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

/** A page of metadata, if it is unknown which object was too large. */
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
