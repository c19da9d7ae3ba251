import type { RegistryProbe } from '../../policy/policy.ts';
import type { Credentials } from '../../pull/keyring.ts';
import { parseJson, readPath } from '../../text/json.ts';
import type { Exchange, ExchangeResponse } from '../exchange/exchange.ts';
import { addressOf, endpointOf, type RegistryAddress } from './address.ts';
import { broken, classifyTokenRefusal, isFailure, isWebPage, withWords, type ProbeFailure } from './outcome.ts';
import { followRedirects } from './redirects.ts';

/** The credentials for a registry, and where they may be sent. */
export type LoginOptions = Readonly<{
  exchange: Exchange;
  address: RegistryAddress;
  isDockerHub: boolean;
  /** The repository that the image is pulled from. The scope of a challenge is not used instead. */
  repository: string;
  registry: RegistryProbe;
  /** Undefined to ask anonymously. */
  credentials: Credentials | undefined;
  /** By `performance.now()`. */
  deadline: number;
  /** Milliseconds since 1970. */
  now: () => number;
  /**
   * Whether the registry may name any token service, over HTTPS, if no credentials are used. The token service must have a public
   * IP address. With `as-registry`, it may also have the addresses allowed for the registry, if the registry's own is private.
   */
  anyTokenHost?: 'public' | 'as-registry';
}>;

/** `isForOthers`: the challenge names other repositories only; the token was requested for the image's own repository. */
export type Login = Readonly<{ scheme: 'basic' | 'bearer'; authorization: string; isForOthers?: boolean }>;

/** No registry accepts longer headers; it would refuse them or close the connection, and look broken. */
const MAX_LOGIN_LENGTH = 16 * 1024;

/** Tokens of cloud registries have a few thousand characters. No server accepts much longer ones in a header. */
const MAX_TOKEN_LENGTH = 16 * 1024;

const MAX_TOKEN_ANSWER_BYTES = 64 * 1024;

/** The host of Docker Hub's token service, allowed without being in the policy. */
const DOCKER_HUB_TOKENS = 'auth.docker.io:443';

/**
 * The `Authorization` for a registry that requires authentication; undefined when the credentials do not fit its challenges.
 *
 * @param response with `WWW-Authenticate`; Node joins several of them with commas
 */
export async function logIn(
  { headers, isPrivate = false }: Pick<ExchangeResponse, 'headers' | 'isPrivate'>,
  options: LoginOptions,
): Promise<Login | ProbeFailure | undefined> {
  const { credentials, repository } = options;
  const basic = credentials === undefined ? undefined : toBasic(credentials);
  if (basic !== undefined && basic.length > MAX_LOGIN_LENGTH) return { notAsked: { why: 'long-credentials' } };
  const challenge = chooseChallenge(headers['www-authenticate'] ?? '');
  if (challenge?.scheme !== 'bearer') {
    return challenge === undefined || basic === undefined ? undefined : { scheme: 'basic', authorization: basic };
  }
  const token = await fetchToken(challenge, basic, { ...options, isPrivate });
  if (isFailure(token)) return token;
  const isForOthers = isForOtherRepositories(challenge.parameters.get('scope'), repository);
  return { scheme: 'bearer', authorization: `Bearer ${token.token}`, isForOthers };
}

/** Secrets that were sent in a request, as the registry might repeat them in its response. */
export function listSecrets(
  credentials: Credentials | undefined,
  authorization: string | undefined,
): readonly string[] {
  const sent = authorization?.replace(/^\w+ /, '') ?? '';
  return credentials === undefined ? [sent] : [sent, credentials.password, toBasic(credentials).slice('Basic '.length)];
}

function toBasic({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/**
 * The challenge to answer: Bearer, otherwise Basic, as containerd prefers. Undefined when there is neither. A Bearer challenge
 * without `realm` is ignored.
 */
function chooseChallenge(header: string): Challenge | undefined {
  const challenges = parseChallenges(header);
  const bearer = challenges.find(({ scheme, parameters }) => scheme === 'bearer' && !!parameters.get('realm'));
  return bearer ?? challenges.find(({ scheme }) => scheme === 'basic');
}

/**
 * Whether the scope of a challenge names other repositories and not this one, as behind a proxy that renames repositories.
 *
 * @param scope as in the challenge, `repository:team/app:pull`; several are separated by spaces
 */
function isForOtherRepositories(scope: string | undefined, repository: string): boolean {
  const names = (scope ?? '').split(' ').flatMap((part) => /^repository:([^:]+):/.exec(part)?.[1] ?? []);
  return names.length > 0 && !names.includes(repository);
}

/**
 * The URL of the token service that a challenge names, if requests to it are allowed. The check protects credentials, which would
 * be sent along, from a registry that names any host in its challenge.
 */
function checkRealm(realm: string, options: LoginOptions): URL | ProbeFailure {
  const url = /^https?:\/\//i.test(realm) && URL.canParse(realm) ? new URL(realm) : undefined;
  if (url === undefined) return { notAsked: { why: 'token-from-no-address' } };
  if (url.username !== '' || url.password !== '') return { notAsked: { why: 'token-with-user' } };
  const { host } = url;
  if (url.protocol !== 'https:' && !options.registry.plainHttp) {
    return { notAsked: { why: 'token-over-plain-http', host } };
  }
  if (!mayGiveTokens(url, options) && !mayBeNamed(url, options))
    return { notAsked: { why: 'token-host-not-named', host } };
  url.hash = '';
  return url;
}

function mayGiveTokens(url: URL, { address, isDockerHub, registry }: LoginOptions): boolean {
  const asked = endpointOf(url);
  if (asked === address.endpoint || (isDockerHub && asked === DOCKER_HUB_TOKENS)) return true;
  return registry.tokenHosts.some((host) => addressOf(host, url.protocol === 'http:')?.endpoint === asked);
}

/** Without credentials, nothing can leak to the host. */
function mayBeNamed({ protocol }: URL, { anyTokenHost, credentials }: LoginOptions): boolean {
  return anyTokenHost !== undefined && credentials === undefined && protocol === 'https:';
}

/** A registry on the internet must not lead into a private network; a private one may have its token service there. */
function limitToOthers(options: LoginOptions, isPrivate: boolean): LoginOptions {
  const keeps = options.anyTokenHost === 'as-registry' && isPrivate;
  return keeps ? options : { ...options, registry: { ...options.registry, addresses: [] } };
}

/**
 * Fetches a token to pull with. It is used for one probe only, so its lifetime is ignored.
 *
 * @param authorization `Basic …`; undefined to ask anonymously
 * @param options `isPrivate`: the registry's own address is a private one
 */
async function fetchToken(
  { parameters }: Challenge,
  authorization: string | undefined,
  { isPrivate, ...options }: LoginOptions & Readonly<{ isPrivate: boolean }>,
): Promise<Readonly<{ token: string }> | ProbeFailure> {
  const url = checkRealm(parameters.get('realm') ?? '', options);
  if (isFailure(url)) return url;
  const allowed = mayGiveTokens(url, options) ? options : limitToOthers(options, isPrivate);
  const { exchange, repository, registry, credentials, deadline, now } = allowed;
  const service = parameters.get('service');
  if (service !== undefined) url.searchParams.set('service', service);
  url.searchParams.set('scope', `repository:${repository}:pull`);
  const headers = { Accept: 'application/json', ...(authorization !== undefined && { Authorization: authorization }) };
  const request = { method: 'GET', url, headers, registry, maxBytes: MAX_TOKEN_ANSWER_BYTES, deadline } as const;
  // containerd follows the redirect, and sends the password along.
  const staysBecause: ProbeFailure = { notAsked: { why: 'token-redirects' } };
  const reply = await followRedirects(exchange, request, { plainHttp: registry.plainHttp, staysBecause });
  if (isFailure(reply)) return reply;
  const { response } = reply;
  if (response.status !== 200) {
    const failure = classifyTokenRefusal(response, { hasCredentials: authorization !== undefined, now: now() });
    return { failure: withWords(failure, response.body, listSecrets(credentials, authorization)) };
  }
  const token = readToken(response.body);
  if (token !== undefined) return { token };
  return isWebPage(response) ? broken('token-web-page', response.status) : broken('no-token');
}

/** `token` and `access_token` mean the same; services return one or both. A value that no header can hold is ignored. */
function readToken(body: Buffer): string | undefined {
  const json = parseJson(body.toString());
  return [readPath(json, 'access_token'), readPath(json, 'token')].find(isToken);
}

function isToken(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_TOKEN_LENGTH && /^[!-~]+$/.test(value);
}

/** One challenge in `WWW-Authenticate`. Names of parameters are in lower case, values as written. */
type Challenge = Readonly<{ scheme: string; parameters: ReadonlyMap<string, string> }>;

/**
 * Reads all challenges of a header (RFC 9110, 11.6.1). Malformed parts are skipped, never guessed: a name without a value is read
 * as an unknown scheme. If a parameter is repeated, the first one counts.
 */
export function parseChallenges(header: string): readonly Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  for (const { groups } of header.matchAll(PART)) {
    const { name, quoted, plain, scheme } = groups ?? {};
    const current = challenges.at(-1)?.parameters;
    if (scheme !== undefined) challenges.push({ scheme: scheme.toLowerCase(), parameters: new Map<string, string>() });
    else if (name !== undefined && current?.has(name.toLowerCase()) === false) {
      current.set(name.toLowerCase(), quoted?.replaceAll(/\\(.)/gs, '$1') ?? plain ?? '');
    }
  }
  return challenges;
}

const TOKEN = "[\\w!#$%&'*+.^`|~-]+";
const QUOTED = '[^"\\\\]*(?:\\\\.[^"\\\\]*)*';

/**
 * A parameter, quoted or not; a scheme; or a quoted text outside of parameters, which is skipped as a whole. A quote that is
 * never closed extends to the end of the header.
 */
const PART = new RegExp(
  `(?<name>${TOKEN})[ \\t]*=[ \\t]*(?:"(?<quoted>${QUOTED})"|"[^]*$|(?<plain>${TOKEN})?)|(?<scheme>${TOKEN})|"${QUOTED}"?`,
  'gs',
);
