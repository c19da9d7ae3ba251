import type { ExchangeRequest } from '../exchange/exchange.ts';
import { toRegistryUrl } from './address.ts';
import { listSecrets, logIn, type Login, type LoginOptions } from './authenticate.ts';
import { classifyRefusal, isFailure, MAX_ERROR_BYTES, withWords, type ProbeFailure, type Reply } from './outcome.ts';
import { readRateLimit, type RateLimit } from './rate-limit.ts';
import { followRedirects, sendOnce } from './redirects.ts';

/** One registry, asked about one repository for as long as one probe takes. */
export type RegistryClient = Readonly<{
  isDockerHub: boolean;
  /** Asks for a manifest by its tag or digest; logs in when the registry wants that, and goes where it redirects to. */
  askForManifest: (name: string, request?: ManifestRequest) => Promise<Reply | ProbeFailure>;
  /** The status that the base of all registries answers with; follows nothing, as a registry answers there itself. */
  askForRegistry: () => Promise<number | ProbeFailure>;
  /** What a reply means that is no manifest. */
  classify: (reply: Reply) => ProbeFailure;
  /** What the registry said last of its limit. */
  rateLimit: () => RateLimit | undefined;
}>;

/** `method`: GET by default. */
export type ManifestRequest = Readonly<{ method?: 'HEAD'; maxBytes?: number }>;

export type ClientOptions = LoginOptions &
  Readonly<{
    /** On behalf of which registry a mirror is asked; undefined when it is the registry itself. */
    namespace?: string;
  }>;

/** What containerd takes for a manifest, in its words: with anything at the end some registries find what they refuse without. */
const ACCEPT = [
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  '*/*',
].join(', ');

/** containerd takes no larger manifest either. */
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
      // containerd logs in there, with whatever user and password it has.
      if (reply.isElsewhere) return { notAsked: { why: 'redirect-wants-login' } };
      // containerd asks for what the registry wants besides; with it a registry could get hold of tokens for the images of
      // others.
      if (login?.isForOthers === true) return { notAsked: { why: 'token-for-other-repository' } };
    }
    const asker = { hasCredentials: credentials !== undefined, login: login?.scheme, now: now() };
    const failure = classifyRefusal(reply, asker);
    // Messages of a redirect target are not shown to users.
    if (reply.isElsewhere) return { failure };
    return { failure: withWords(failure, reply.response.body, listSecrets(credentials, login?.authorization)) };
  }
}
