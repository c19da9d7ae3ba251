import { existsSync } from 'node:fs';

/** The methods of the Kubernetes API that are used. */
export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export type CallOptions = Readonly<{
  query?: Query | undefined;
  body?: unknown;
  /** The type of the body; `application/json` by default. */
  contentType?: string | undefined;
  signal?: AbortSignal | undefined;
  /** For the whole call; 10,000 by default. */
  timeoutMs?: number | undefined;
  /** Requests a list with metadata only. */
  metadataOnly?: boolean | undefined;
}>;

export type WatchOptions = Readonly<{
  query?: Query;
  signal: AbortSignal;
  /** The connection is closed if nothing, not even a bookmark, arrives for this time. */
  idleMs?: number;
  /** Called when the API server has accepted the watch; the first event may come much later. */
  onOpen?: () => void;
}>;

/** A Kubernetes object of any kind. */
export type KubernetesObject = Readonly<Record<string, unknown>>;

/** The metadata of an object that is too large to be read. */
export type ObjectHead = Readonly<{ metadata: Readonly<Record<'name' | 'namespace' | 'resourceVersion', string>> }>;

/** The metadata of a list with one object that is too large. */
export type ListHead = Readonly<{ resourceVersion: string; next: string; object: ObjectHead }>;

/**
 * `object` is a Kubernetes object; for BOOKMARK only a resourceVersion, for ERROR a Status. `isTooLarge`: it is an `ObjectHead`.
 */
export type WatchEvent = Readonly<{
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  object: unknown;
  isTooLarge?: true;
}>;

/** A Kubernetes API server. Everything in `cluster/` uses this interface and nothing else to reach it. */
export type ApiServer = Readonly<{
  /** `https://host:port`, for messages. */
  url: string;
  /** The namespace of our own Pod, or of the kubeconfig's context; `default` without either. */
  namespace: string;
  /** One call; resolves with the JSON of the response. @throws ApiError */
  call: (method: Method, path: string, options?: CallOptions) => Promise<unknown>;
  /** The events of a watch, in order. Ends when the API server ends it. @throws ApiError */
  watch: (path: string, options: WatchOptions) => AsyncIterable<WatchEvent>;
  /**
   * The clock of the API server, by its latest response; before that, the local clock. It decides whether our certificates are
   * valid.
   */
  now: () => Date;
}>;

/** A call that failed: the API server refused it, or did not respond. Never contains a token, header or body. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** The HTTP status; undefined without a response. */
  readonly status: number | undefined;
  /** The reason in the Status object, such as `AlreadyExists` or `Expired`; empty without one. */
  readonly reason: string;

  constructor(
    message: string,
    { status, reason = '', cause }: { status?: number | undefined; reason?: string; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.status = status;
    this.reason = reason;
  }
}

/** The object that a call returns, or undefined if it does not exist. @throws ApiError */
export async function orNothing(call: Promise<unknown>): Promise<KubernetesObject | undefined> {
  try {
    return (await call) as KubernetesObject;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}

/** A response or event above the limit for responses. `list`: the start of the response, if it could be read and is a list. */
export class TooLargeError extends ApiError {
  readonly list: ListHead | undefined;

  constructor(message: string, list?: ListHead) {
    super(message, { status: 200 });
    this.list = list;
  }
}

/** Where kubelet mounts the token of a Pod's ServiceAccount. */
const TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/**
 * Whether this process runs in a Pod that can access the API server: it has the address and a token. In this file, as
 * `connect.ts` loads the Kubernetes client, which takes as long as everything else together.
 */
export function isInCluster(): boolean {
  return (process.env['KUBERNETES_SERVICE_HOST'] ?? '') !== '' && existsSync(TOKEN);
}
