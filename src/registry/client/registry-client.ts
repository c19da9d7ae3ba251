import type { IncomingHttpHeaders } from 'node:http';
import type { ExchangeRequest } from '../exchange/exchange.ts';
import { toRegistryUrl } from './address.ts';
import { listSecrets, logIn, type Login, type LoginOptions } from './authenticate.ts';
import { classifyRefusal, isFailure, MAX_ERROR_BYTES, withWords, type ProbeFailure, type Reply } from './outcome.ts';
import { followRedirects, sendOnce } from './redirects.ts';

/** A client for one repository of one registry, for the time of one probe. */
export type RegistryClient = Readonly<{
  isDockerHub: boolean;
  /** Asks for a manifest by tag or digest. Authenticates when the registry requires it, and follows redirects. */
  askForManifest: (name: string, request?: ManifestRequest) => Promise<Reply | ProbeFailure>;
  /** The HTTP status of `/v2/`. Redirects are not followed, as a registry answers there itself. */
  askForRegistry: () => Promise<number | ProbeFailure>;
  /** The meaning of a reply without a manifest. */
  classify: (reply: Reply) => ProbeFailure;
  /** The latest rate limit that the registry reported. */
  rateLimit: () => RateLimit | undefined;
}>;

/** `method`: GET by default. */
export type ManifestRequest = Readonly<{ method?: 'HEAD'; maxBytes?: number }>;

export type ClientOptions = LoginOptions &
  Readonly<{
    /** The registry that a mirror is asked on behalf of; undefined for the registry itself. */
    namespace?: string;
  }>;

/** Exactly the `Accept` of containerd. Without the wildcard at its end, some registries refuse manifests that they have. */
const ACCEPT = [
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  '*/*',
].join(', ');

/** The limit of containerd. */
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

export function createRegistryClient(options: ClientOptions): RegistryClient {
  const { exchange, address, isDockerHub, namespace, repository, registry, credentials, deadline, now } = options;
  let login: Login | undefined;
  let rateLimit: RateLimit | undefined;

  return {
    isDockerHub,
    askForManifest: async (name, request) => {
      const path = `/v2/${repository}/manifests/${name}`;
      const reply = await send(path, request);
      if (isFailure(reply) || reply.response.status !== 401 || reply.isElsewhere || login !== undefined) return reply;
      const found = await logIn(reply.response, options);
      if (found === undefined) return classify(reply);
      if (isFailure(found)) return found;
      login = found;
      return send(path, request);
    },
    askForRegistry: async () => {
      const response = await sendOnce(exchange, toRequest('/v2/', { maxBytes: MAX_ERROR_BYTES }));
      return isFailure(response) ? response : response.status;
    },
    classify,
    rateLimit: () => rateLimit,
  };

  async function send(path: string, request?: ManifestRequest): Promise<Reply | ProbeFailure> {
    const reply = await followRedirects(exchange, toRequest(path, request), { plainHttp: registry.plainHttp });
    if (!isFailure(reply) && !reply.isElsewhere) rateLimit = readRateLimit(reply.response.headers) ?? rateLimit;
    return reply;
  }

  function toRequest(path: string, { method, maxBytes = MAX_MANIFEST_BYTES }: ManifestRequest = {}): ExchangeRequest {
    return {
      method: method ?? 'GET',
      url: toRegistryUrl(address, path, namespace),
      headers: { Accept: ACCEPT, ...(login !== undefined && { Authorization: login.authorization }) },
      registry,
      maxBytes,
      deadline,
    };
  }

  function classify(reply: Reply): ProbeFailure {
    if (reply.response.status === 401) {
      // containerd authenticates at the target of the redirect, with the credentials that it has.
      if (reply.isElsewhere) return { notAsked: { why: 'redirect-wants-login' } };
      // containerd also requests the scopes of the challenge. With that, a registry could obtain tokens for other users' images.
      if (login?.isForOthers === true) return { notAsked: { why: 'token-for-other-repository' } };
    }
    const asker = { hasCredentials: credentials !== undefined, login: login?.scheme, now: now() };
    const failure = classifyRefusal(reply, asker);
    // Messages of a redirect target are not shown to users.
    if (reply.isElsewhere) return { failure };
    return { failure: withWords(failure, reply.response.body, listSecrets(credentials, login?.authorization)) };
  }
}

/** The rate limit that a registry reports, as Docker Hub does in `ratelimit-limit: 100;w=21600` and `ratelimit-remaining`. */
export type RateLimit = Readonly<{ limit?: number; remaining: number; windowSeconds?: number }>;

/** Undefined when the registry does not state how many pulls remain, or not in a known form. */
export function readRateLimit(headers: IncomingHttpHeaders): RateLimit | undefined {
  const remaining = readQuota(headers['ratelimit-remaining']);
  if (remaining === undefined) return undefined;
  const limit = readQuota(headers['ratelimit-limit']);
  const windowSeconds = remaining.windowSeconds ?? limit?.windowSeconds;
  return {
    remaining: remaining.count,
    ...(limit !== undefined && { limit: limit.count }),
    ...(windowSeconds !== undefined && { windowSeconds }),
  };
}

/** `100;w=21600`: a number of pulls in a number of seconds. */
const QUOTA = /^([0-9]{1,9})(?:[ \t]*;[ \t]*w=([0-9]{1,9}))?$/;

function readQuota(
  header: string | readonly string[] | undefined,
): Readonly<{ count: number; windowSeconds: number | undefined }> | undefined {
  const found = typeof header === 'string' ? QUOTA.exec(header.trim()) : null;
  if (found === null) return undefined;
  const [, count, windowSeconds] = found;
  return { count: Number(count), windowSeconds: windowSeconds === undefined ? undefined : Number(windowSeconds) };
}
