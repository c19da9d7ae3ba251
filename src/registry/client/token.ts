import { failBy, failWith, type FailedPull } from '../../cause/answer.ts';
import { broken, isEnding, type Ending } from './ending.ts';
import { readErrorBody } from './error-body.ts';
import type { Exchange, ExchangeRequest, ExchangeResponse } from '../exchange/exchange.ts';
import { followRedirects } from './follow-redirects.ts';
import { readRetryAfter } from './rate-limit.ts';

/** Tokens of cloud registries have some thousand characters; much longer ones no server takes back in a header. */
const MAX_TOKEN_LENGTH = 16 * 1024;

const MAX_ANSWER_BYTES = 64 * 1024;

export type TokenRequest = Pick<ExchangeRequest, 'registry' | 'deadline'> &
  Readonly<{
    /** Where tokens come from, already allowed; its own query is kept. */
    realm: URL;
    /** As the challenge names it. */
    service: string | undefined;
    /** The one whose images are to be pulled. What the challenge says of it is not asked for. */
    repository: string;
    /** `Basic …`; undefined to ask as anybody. */
    authorization: string | undefined;
    plainHttp: boolean;
    /** Milliseconds since 1970. */
    now: () => number;
  }>;

/** Gets a token to pull with. It is for one probe, so when it ends is not looked at. */
export async function fetchToken(
  exchange: Exchange,
  request: TokenRequest,
): Promise<Readonly<{ token: string }> | Ending> {
  const { registry, deadline, authorization, plainHttp } = request;
  const reply = await followRedirects(
    exchange,
    {
      method: 'GET',
      url: toTokenUrl(request),
      headers: { Accept: 'application/json', ...(authorization !== undefined && { Authorization: authorization }) },
      registry,
      maxBytes: MAX_ANSWER_BYTES,
      deadline,
    },
    { plainHttp, staysBecause: SENT_ELSEWHERE },
  );
  if (isEnding(reply)) return reply;
  if (reply.response.status !== 200) return { failure: judgeRefusal(reply.response, request) };
  const token = readToken(reply.response.body);
  return token === undefined ? broken('no-token') : { token };
}

/** containerd goes there, and shows the password. */
const SENT_ELSEWHERE: Ending = { notAsked: { why: 'token-redirects' } };

function toTokenUrl({ realm, service, repository }: TokenRequest): URL {
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set('service', service);
  url.searchParams.set('scope', `repository:${repository}:pull`);
  return url;
}

function judgeRefusal({ status, headers, body }: ExchangeResponse, { authorization, now }: TokenRequest): FailedPull {
  const reason = readErrorBody(body);
  if (status === 429 || reason === 'rate-limited') {
    return { outcome: 'failed', cause: 'rate-limited', endsAt: readRetryAfter(headers, now()) };
  }
  const isLoggedIn = authorization !== undefined;
  const isRefused = status === 401 || status === 403 || reason === 'login' || reason === 'denied';
  // Some services call a wrong password a bad request.
  if (isRefused || (status === 400 && isLoggedIn)) {
    return failWith(isLoggedIn ? 'credentials-refused' : 'credentials-missing');
  }
  return failBy('token-status', status);
}

/** `token` and `access_token` are the same, and services write either or both. What no header can hold is no token. */
function readToken(body: Buffer): string | undefined {
  const { access_token: accessToken, token } = parseObject(body.toString('utf8'));
  return [accessToken, token].find(isToken);
}

function isToken(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_TOKEN_LENGTH && /^[!-~]+$/.test(value);
}

function parseObject(text: string): Readonly<{ access_token?: unknown; token?: unknown }> {
  try {
    const json = JSON.parse(text) as unknown;
    return typeof json === 'object' && json !== null ? json : {};
  } catch {
    return {};
  }
}
