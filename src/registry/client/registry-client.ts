import type { RegistryProbe } from '../../policy/policy.ts';
import { chooseChallenge, isForOthers } from './challenge.ts';
import type { Credentials } from '../../pull/keyring.ts';
import { isEnding, type Ending } from './ending.ts';
import { MAX_ERROR_BYTES } from './error-body.ts';
import type { Exchange, ExchangeRequest } from '../exchange/exchange.ts';
import { followRedirects, sendOnce, type Reply } from './follow-redirects.ts';
import { judgeRefusal } from './judge-refusal.ts';
import { readRateLimit, type RateLimit } from './rate-limit.ts';
import { toRegistryUrl, type RegistryAddress } from './registry-address.ts';
import { checkRealm } from './token-realm.ts';
import { fetchToken } from './token.ts';

/** One registry, asked about one repository for as long as one probe takes. */
export type RegistryClient = Readonly<{
  isDockerHub: boolean;
  /** Asks for a manifest by its tag or digest; logs in when the registry wants that, and goes where it redirects to. */
  askForManifest: (name: string, request?: ManifestRequest) => Promise<Reply | Ending>;
  /** The status that the base of all registries answers with; follows nothing, as a registry answers there itself. */
  askForRegistry: () => Promise<number | Ending>;
  /** What a reply means that is no manifest. */
  judge: (reply: Reply) => Ending;
  /** What the registry said last of its limit. */
  rateLimit: () => RateLimit | undefined;
}>;

/** `method`: GET unless told otherwise. */
export type ManifestRequest = Readonly<{ method?: 'HEAD'; maxBytes?: number }>;

export type ClientOptions = Readonly<{
  exchange: Exchange;
  address: RegistryAddress;
  isDockerHub: boolean;
  /** On behalf of which registry a mirror is asked; undefined when it is the registry itself. */
  namespace?: string;
  repository: string;
  registry: RegistryProbe;
  credentials: Credentials | undefined;
  /** By `performance.now()`. */
  deadline: number;
  /** Milliseconds since 1970. */
  now: () => number;
}>;

/** `isForOthers`: the token that the registry wanted is for other repositories, and was not asked for. */
type Login = Readonly<{ scheme: 'basic' | 'bearer'; authorization: string; isForOthers?: boolean }>;

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

/** Longer headers no registry takes; it would refuse them, or hang up, as if it did not work. */
const MAX_LOGIN_LENGTH = 16 * 1024;

const LONG_LOGIN: Ending = { notAsked: { why: 'long-credentials' } };

const LOGIN_ELSEWHERE: Ending = { notAsked: { why: 'redirect-wants-login' } };

/** containerd asks for what the registry wants besides; with it a registry could get hold of tokens for the images of others. */
const TOKEN_FOR_OTHERS: Ending = { notAsked: { why: 'token-for-other-repository' } };

export function createRegistryClient(options: ClientOptions): RegistryClient {
  const { exchange, address, isDockerHub, namespace, repository, registry, credentials, deadline, now } = options;
  const { plainHttp } = registry;
  let login: Login | undefined;
  let rateLimit: RateLimit | undefined;

  return {
    isDockerHub,
    askForManifest: async (name, request) => {
      const path = `/v2/${repository}/manifests/${name}`;
      const reply = await send(path, request);
      if (isEnding(reply) || reply.response.status !== 401 || reply.isElsewhere || login !== undefined) return reply;
      const found = await logIn(reply);
      if (isEnding(found)) return found;
      login = found;
      return send(path, request);
    },
    askForRegistry: async () => {
      const response = await sendOnce(exchange, toRequest('/v2/', { maxBytes: MAX_ERROR_BYTES }));
      return isEnding(response) ? response : response.status;
    },
    judge,
    rateLimit: () => rateLimit,
  };

  async function send(path: string, request?: ManifestRequest): Promise<Reply | Ending> {
    const reply = await followRedirects(exchange, toRequest(path, request), { plainHttp });
    if (!isEnding(reply) && !reply.isElsewhere) rateLimit = readRateLimit(reply.response.headers) ?? rateLimit;
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

  async function logIn(reply: Reply): Promise<Login | Ending> {
    const challenge = chooseChallenge(reply.response.headers['www-authenticate']);
    const basic = credentials === undefined ? undefined : toBasic(credentials);
    if (basic !== undefined && basic.length > MAX_LOGIN_LENGTH) return LONG_LOGIN;
    if (challenge?.kind === 'bearer') {
      const realm = checkRealm(challenge.realm, { ...registry, endpoint: address.endpoint, isDockerHub });
      if (isEnding(realm)) return realm;
      const { service, scope } = challenge;
      const request = { realm, service, repository, authorization: basic, registry, plainHttp, deadline, now };
      const found = await fetchToken(exchange, request);
      if (isEnding(found)) return found;
      return { scheme: 'bearer', authorization: `Bearer ${found.token}`, isForOthers: isForOthers(scope, repository) };
    }
    return challenge === undefined || basic === undefined ? judge(reply) : { scheme: 'basic', authorization: basic };
  }

  function judge(reply: Reply): Ending {
    // containerd logs in there, with whatever user and password it has.
    if (reply.isElsewhere && reply.response.status === 401) return LOGIN_ELSEWHERE;
    if (login?.isForOthers === true && reply.response.status === 401) return TOKEN_FOR_OTHERS;
    const asker = { hasCredentials: credentials !== undefined, login: login?.scheme, now: now() };
    return { failure: judgeRefusal(reply, asker) };
  }
}

function toBasic({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
