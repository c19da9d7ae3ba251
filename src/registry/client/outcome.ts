import type { IncomingHttpHeaders } from 'node:http';
import { failBy, failWith, outcomeOf, type FailedPull, type NotAsked } from '../../cause/answer.ts';
import type { Fault } from '../../cause/causes.ts';
import { LONGEST_SAID, LONGEST_SHOWN } from '../../text/bounds.ts';
import { isRecord, parseJson } from '../../text/json.ts';
import { escapeUnprintable, quote, shorten } from '../../text/quote.ts';
import { HIDDEN, redact, TOO_LONG } from '../../text/redact.ts';
import type { ExchangeFailure, ExchangeResponse } from '../exchange/exchange.ts';
import { endpointOf } from './address.ts';

/** Why there is no image: it cannot be pulled, or the policy does not allow the next request. */
export type ProbeFailure =
  /** `endpoint`: the host that was asked, if not the registry itself. */
  Readonly<{ failure: FailedPull; endpoint?: string }> | Readonly<{ notAsked: NotAsked }>;

export function isFailure(result: object): result is ProbeFailure {
  return 'failure' in result || 'notAsked' in result;
}

/** The registry or token service does not behave as specified; `number` belongs to the fault, such as an HTTP status. */
export function broken(what: Fault['what'], number?: number): ProbeFailure {
  return { failure: failBy(what, number) };
}

/**
 * The meaning of a request without a response. If the host is in the policy, as a registry or token service, users see which one
 * failed. The target of a redirect is not named to users: the registry chose it, and could write anything to them that way. It
 * also would be wrong to report that the registry itself cannot be reached.
 */
export function classifyNoResponse(failure: ExchangeFailure, url: URL, isElsewhere: boolean): ProbeFailure {
  if (failure.outcome === 'dns-failed') return { notAsked: { why: 'dns-failed', host: url.hostname } };
  if (failure.outcome === 'proxy-failed') {
    const { proxy, says } = failure;
    return { notAsked: { why: 'proxy-failed', host: url.host, proxy, says } };
  }
  if (failure.outcome !== 'failed') {
    const { address } = failure;
    return isElsewhere
      ? { notAsked: { why: 'redirect-to-private-network', host: url.host, address } }
      : { notAsked: { why: 'address-not-allowed', host: url.hostname, address } };
  }
  if (!isElsewhere) return { failure, endpoint: endpointOf(url) };
  const outcome = outcomeOf(failure);
  if (outcome === 'certificate') return broken('elsewhere-certificate');
  return broken(outcome === 'unreachable' ? 'elsewhere-unreachable' : 'elsewhere-nonsense');
}

/** A response that is not a redirect. `isElsewhere`: it is from another host than the one that was asked. */
export type Reply = Readonly<{ response: ExchangeResponse; isElsewhere: boolean }>;

/** The identity with which a registry was asked. */
export type Asker = Readonly<{
  hasCredentials: boolean;
  /** How the request was authenticated; undefined if it was not. */
  login: 'basic' | 'bearer' | undefined;
  /** Milliseconds since 1970. */
  now: number;
}>;

/**
 * The meaning of a response without a manifest. A known error in the body takes precedence over the status, as it is more exact.
 */
export function classifyRefusal({ response, isElsewhere }: Reply, asker: Asker): FailedPull {
  const { status, headers, body } = response;
  const reason = status < 400 ? undefined : readErrorBody(body);
  if (status === 429 || reason === 'rate-limited') {
    return { outcome: 'failed', cause: 'rate-limited', endsAt: readRetryAfter(headers, asker.now) };
  }
  if (isElsewhere) return classifyElsewhere(status, reason);
  return isWebPage(response) ? classifyStatus(response, asker) : classifyReason(reason, response, asker);
}

function classifyReason(reason: RefusalReason | undefined, response: ExchangeResponse, asker: Asker): FailedPull {
  switch (reason) {
    case 'blocked':
      return failWith('access-blocked');
    case 'no-repository':
      return notFound('repository-not-found');
    case 'no-image':
      return notFound('image-not-found');
    case 'login':
      return deny(asker, 'login');
    case 'denied':
      return deny(asker, response.status === 401 && asker.login !== 'bearer' ? 'login' : 'access');
    case 'rate-limited':
    case undefined:
      return classifyStatus(response, asker);
  }
}

/** The same for the response of a token service, with or without credentials. */
export function classifyTokenRefusal(response: ExchangeResponse, asker: Omit<Asker, 'login'>): FailedPull {
  const { status, headers, body } = response;
  const reason = readErrorBody(body);
  if (status === 429 || reason === 'rate-limited') {
    return { outcome: 'failed', cause: 'rate-limited', endsAt: readRetryAfter(headers, asker.now) };
  }
  if (status >= 400 && status < 500 && status !== 401 && isWebPage(response)) return failBy('token-web-page', status);
  return reason === 'blocked' ? failWith('access-blocked') : classifyNoToken(status, reason, asker);
}

function classifyNoToken(
  status: number,
  reason: RefusalReason | undefined,
  { hasCredentials }: Pick<Asker, 'hasCredentials'>,
): FailedPull {
  // The token service denies a token for this image; the registry itself was not asked.
  if (status === 403 && reason !== 'login') return failWith(hasCredentials ? 'token-denied' : 'token-denied-anonymous');
  const isRefused = status === 401 || reason === 'login' || reason === 'denied';
  // Some services return 400 for a wrong password.
  if (isRefused || (status === 400 && hasCredentials)) {
    return failWith(hasCredentials ? 'credentials-refused' : 'credentials-missing');
  }
  return failBy('token-status', status);
}

/**
 * Some registries only redirect. A 404 from the target means not found; a denial is no answer, as no credentials are sent there.
 */
function classifyElsewhere(status: number, reason: RefusalReason | undefined): FailedPull {
  if (status === 404) return notFound(reason === 'no-repository' ? 'repository-not-found' : 'image-not-found');
  return failBy('elsewhere-status', status);
}

function classifyStatus(response: ExchangeResponse, asker: Asker): FailedPull {
  const { status } = response;
  // With a valid token the identity is known, and may not pull this image. Without one, it is the anonymous user.
  if (status === 401) return deny(asker, asker.login === 'bearer' ? 'access' : 'login');
  const isPage = isWebPage(response);
  // A 404 may have any body; containerd ignores it.
  if (status === 404) return notFound(isPage ? 'web-page-not-found' : 'image-not-found');
  // Proxies in between return their 5xx errors as pages too; these are treated like any other 5xx.
  if (isPage && status < 500) return failBy('web-page', status);
  return status === 403 ? deny(asker, 'access') : failBy('status', status);
}

/** Whether the response is a page for browsers, or of a server that is not a registry, such as an ingress (plain text). */
export function isWebPage({ headers, body }: Pick<ExchangeResponse, 'headers' | 'body'>): boolean {
  if (/^(?:text\/html|application\/xhtml\+xml)\b/i.test(headers['content-type'] ?? '')) return true;
  const start = body.subarray(0, PAGE_START).toString('utf8').trimStart();
  return /^(?:<!doctype html|<html\b|404 page not found|default backend - 404)/i.test(start);
}

/** A page is recognized by its first bytes. */
const PAGE_START = 256;

function deny({ hasCredentials }: Asker, lacks: 'login' | 'access'): FailedPull {
  if (lacks === 'login') return failWith(hasCredentials ? 'credentials-refused' : 'credentials-missing');
  return failWith(hasCredentials ? 'access-denied' : 'anonymous-denied');
}

function notFound(cause: 'repository-not-found' | 'image-not-found' | 'web-page-not-found'): FailedPull {
  return { outcome: 'failed', cause };
}

/** The reason in the body of an error, if it is known. */
type RefusalReason =
  /** No credentials, or wrong ones. */
  | 'login'
  /** Not allowed, for any reason. */
  | 'denied'
  | 'no-repository'
  | 'no-image'
  | 'rate-limited'
  /** Blocked by a rule that depends neither on the user nor on the content. */
  | 'blocked';

/** A longer body is not an error message for clients. */
export const MAX_ERROR_BYTES = 64 * 1024;

/** Only the first errors of a long list are read. */
const MAX_ERRORS = 16;

/**
 * Reads the body of an error: the OCI form `{"errors":[{"code":"DENIED","message":"…"}]}`, or the forms of SWR and the gateways
 * in front of it, with numeric codes, `errorCode` or `error_code`. Returns the first known error; undefined when there is none.
 */
function readErrorBody(body: Buffer): RefusalReason | undefined {
  if (body.length === 0 || body.length > MAX_ERROR_BYTES) return undefined;
  const text = body.toString();
  const json = parseJson(text);
  if (json === undefined) return readMessage(text);
  for (const error of listErrors(json).slice(0, MAX_ERRORS)) {
    const reason = readError(error);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

/** Whether the body is a text for people, such as a web page or a line of text, and not JSON as registries return it. */
export function isOtherThanJson(body: Buffer): boolean {
  return body.length > 0 && parseJson(body.toString()) === undefined;
}

/** `{"errors":[…]}`, a bare list as older APIs of SWR return, or a single error. */
function listErrors(json: unknown): readonly unknown[] {
  if (Array.isArray(json)) return json;
  const errors = isRecord(json) ? json['errors'] : undefined;
  return Array.isArray(errors) && errors.length > 0 ? errors : [json];
}

function readError(error: unknown): RefusalReason | undefined {
  if (!isRecord(error)) return undefined;
  const code = error['code'] ?? error['errorCode'] ?? error['error_code'];
  const message = error['message'] ?? error['errorMessage'] ?? error['error_msg'];
  const known = readCode(code);
  // SWR returns DENIED for everything, and 400 for much; only the message has the reason.
  const isExact = known !== undefined && known !== 'denied';
  return isExact || typeof message !== 'string' ? known : (readMessage(message) ?? known);
}

function readCode(code: unknown): RefusalReason | undefined {
  if (typeof code === 'number') return STATUSES.get(code);
  if (typeof code !== 'string') return undefined;
  const swrStatus = SWR_CODE.exec(code)?.[1];
  // SWR returns 400 if it cannot read the credentials of a pull request.
  if (swrStatus === '400') return 'login';
  return CODES.get(code.toUpperCase()) ?? STATUSES.get(Number(swrStatus ?? code));
}

/** `SVCSTG.SWR.4010000`: an HTTP status, and the number of the case. */
const SWR_CODE = /^SVCSTG\.SWR\.([0-9]{3})/i;

/** The codes of the OCI distribution specification, and older ones of Docker's. */
const CODES: ReadonlyMap<string, RefusalReason> = new Map([
  ['UNAUTHORIZED', 'denied'],
  ['DENIED', 'denied'],
  ['NAME_UNKNOWN', 'no-repository'],
  ['NAME_INVALID', 'no-repository'],
  ['MANIFEST_UNKNOWN', 'no-image'],
  ['TAG_INVALID', 'no-image'],
  ['TOOMANYREQUESTS', 'rate-limited'],
]);

/** Sentences used in place of a code, in SWR's errors and in items 1 and 8 of the FAQ. */
function readMessage(message: string): RefusalReason | undefined {
  return MESSAGES.find(([sentence]) => sentence.test(message))?.[1];
}

const MESSAGES: readonly (readonly [RegExp, RefusalReason])[] = [
  [/\byou may not login yet\b/i, 'login'],
  [/\bauth is empty, only accept x-auth-token\b/i, 'login'],
  [/\bauthenticate error\b/i, 'login'],
  [/\btoomanyrequests\b|\bpull rate limit\b/i, 'rate-limited'],
  // Policies of Harbor, Artifactory, Azure, Google and others. No pattern is a single word, as a repository may have it as its
  // name.
  [/\bquota\b[^.]{0,40}\b(?:exceeded|reached)\b|\bexceed(?:ed|s|ing)?\b[^.]{0,40} quota\b/i, 'blocked'],
  [/\bbilling\b[^.]{0,40}\b(?:disabled|enabled|required|suspended)\b/i, 'blocked'],
  [
    /\b(?:account|subscription|project|organi[sz]ation)\b[^.]{0,40}\b(?:suspended|disabled|blocked|locked)\b/i,
    'blocked',
  ],
  [/\b(?:is|was|been|are) (?:blocked|quarantined)\b|\bblocked by\b|\bblocking policy\b/i, 'blocked'],
  [/\bdue to configured policy\b|\bpolicy violation\b|\b(?:with|has|of) (?:\d+ )?vulnerabilit(?:y|ies)\b/i, 'blocked'],
  [/\bclient with ip\b|\bip address\b[^.]{0,40}\bnot allowed\b/i, 'blocked'],
  [/\brequested access to the resource is denied\b/i, 'denied'],
];

/**
 * The registry's own error message, from `message` in the OCI specification: redacted, in one line, and shortened. Undefined if
 * there is none, or if it repeats a secret that was sent.
 *
 * @param sent passwords and tokens
 */
export function readWords(body: Buffer, sent: readonly string[]): string | undefined {
  if (body.length === 0 || body.length > MAX_ERROR_BYTES) return undefined;
  const list = listErrors(parseJson(body.toString())).slice(0, MAX_ERRORS);
  const text = list.map((error) => readSaid(error)).find((each) => each !== undefined);
  if (text === undefined || holdsAny(text, sent)) return undefined;
  const spoken = text.slice(0, LONGEST_SHOWN).replaceAll(SPOKEN, 'x');
  if (redact(spoken) !== spoken) {
    const shown = quote(text, LONGEST_SAID).slice(1, -1);
    return shown === HIDDEN || shown === TOO_LONG ? undefined : shown;
  }
  return shorten(escapeUnprintable(text.slice(0, LONGEST_SHOWN).replaceAll(/["\\]/g, '\\$&')), LONGEST_SAID);
}

/** Names of secrets in sentences where the next word is not a secret: `token expired`, `You may not login yet`. */
const SPOKEN =
  /\b(?:passwords?|tokens?|login|auth(?:orization)?|credentials?|http basic:)(?=$|[.,]|\s+(?:yet|has|have|or|and|expired|required|failed|not|access)\b|\s+(?:is|are|was) (?:expired|required|incorrect|invalid|empty|missing|wrong|not)\b)/gi;

/** Finds secrets as they were sent; `quote` finds other spellings. */
function holdsAny(text: string, secrets: readonly string[]): boolean {
  return secrets.some((secret) => secret !== '' && text.split(secret).length > 1);
}

function readSaid(error: unknown): string | undefined {
  if (!isRecord(error)) return undefined;
  const said = [error['message'], error['errorMessage'], error['error_msg'], error['details']].find(
    (each) => typeof each === 'string' && each.trim() !== '',
  );
  return typeof said === 'string' ? said.trim().replaceAll(/\s+/g, ' ') : undefined;
}

/** Adds the registry's own message to a failure. */
export function withWords(failure: FailedPull, body: Buffer, sent: readonly string[]): FailedPull {
  const says = readWords(body, sent);
  return says === undefined ? failure : { ...failure, says };
}

/** HTTP statuses used in place of a code. 400 and 500 are left out, as they are used for anything. */
const STATUSES: ReadonlyMap<number, RefusalReason> = new Map([
  [401, 'login'],
  [403, 'denied'],
  [404, 'no-image'],
  [429, 'rate-limited'],
]);

/** A later end of a limit is not plausible: Docker Hub's windows are six hours long. */
const MAX_WAIT_SECONDS = 24 * 60 * 60;

/**
 * When a registry that refused will answer again, by `Retry-After`: seconds, or a date. Milliseconds since 1970; undefined when
 * the header is missing, or names a time that has passed or is more than a day away.
 *
 * @param now milliseconds since 1970
 */
export function readRetryAfter(headers: IncomingHttpHeaders, now: number): number | undefined {
  const written = headers['retry-after']?.trim() ?? '';
  const endsAt = SECONDS.test(written)
    ? now + Number(written) * 1000
    : HTTP_DATE.test(written)
      ? Date.parse(written)
      : NaN;
  return endsAt > now && endsAt <= now + MAX_WAIT_SECONDS * 1000 ? endsAt : undefined;
}

const SECONDS = /^[0-9]{1,9}$/;

/** `Sun, 06 Nov 1994 08:49:37 GMT`, the only form that servers may still send. */
const HTTP_DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT$/;
