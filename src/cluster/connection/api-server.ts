import { existsSync } from 'node:fs';

/** The methods of the Kubernetes API that are used. */
export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH';

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export type CallOptions = Readonly<{
  query?: Query | undefined;
  body?: unknown;
  /** Of the body; `application/json` by default. */
  contentType?: string | undefined;
  signal?: AbortSignal | undefined;
  /** For the whole call; 10,000 by default. */
  timeoutMs?: number | undefined;
  /** Asks for a list of what objects are called and labelled, without the rest of them. */
  metadataOnly?: boolean | undefined;
}>;

export type WatchOptions = Readonly<{
  query?: Query;
  signal: AbortSignal;
  /** The connection is given up when nothing, not even a bookmark, came for so long. */
  idleMs?: number;
  /** Called when the API server has accepted the watch; events may be long in coming. */
  onOpen?: () => void;
}>;

/** A Kubernetes object, as far as every kind has it. */
export type KubernetesObject = Readonly<Record<string, unknown>>;

/** What is known of an object that is too large to be read. */
export type ObjectHead = Readonly<{ metadata: Readonly<Record<'name' | 'namespace' | 'resourceVersion', string>> }>;

/** What is known of a list of one object that is too large. */
export type ListHead = Readonly<{ resourceVersion: string; next: string; object: ObjectHead }>;

/**
 * `object` is a Kubernetes object, for BOOKMARK one with nothing but a resourceVersion, for ERROR a Status. `isTooLarge`: it is
 * an `ObjectHead`.
 */
export type WatchEvent = Readonly<{
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  object: unknown;
  isTooLarge?: true;
}>;

/** A Kubernetes API server. The one seam between us and it: everything in `cluster/` is given one of these. */
export type ApiServer = Readonly<{
  /** `https://host:port`, for messages. */
  url: string;
  /** The namespace of the pod we run in, or of the kubeconfig's context; `default` if there is neither. */
  namespace: string;
  /** One call; resolves with the JSON of the answer. @throws ApiError */
  call: (method: Method, path: string, options?: CallOptions) => Promise<unknown>;
  /** The events of a watch, in order. Ends when the API server ends it. @throws ApiError */
  watch: (path: string, options: WatchOptions) => AsyncIterable<WatchEvent>;
  /**
   * The clock of the API server, by its latest answer; the local one until then. The API server checks our certificates by it.
   */
  now: () => Date;
}>;

/** A call that failed: refused by the API server, or not answered at all. Never holds a token, header or body. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** The HTTP status; undefined when there was no answer. */
  readonly status: number | undefined;
  /** The reason in the Status object, such as `AlreadyExists` or `Expired`; empty when there is none. */
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

/** An answer or an event beyond the bound for answers. `list` is how it begins, where that could be read and is a list. */
export class TooLargeError extends ApiError {
  readonly list: ListHead | undefined;

  constructor(message: string, list?: ListHead) {
    super(message, { status: 200 });
    this.list = list;
  }
}

/** Where kubelet mounts the token of a pod's service account. */
const TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/**
 * Whether this is a pod that may ask the API server: it knows the address, and has been given a token. It stands here and not
 * beside what connects, as that loads the Kubernetes client, which costs as much as everything else together.
 */
export function isInCluster(): boolean {
  return (process.env['KUBERNETES_SERVICE_HOST'] ?? '') !== '' && existsSync(TOKEN);
}
