import { failBy, failWith, outcomeOf, type FailedPull } from '../../cause/answer.ts';
import type { Fault } from '../../cause/fault.ts';
import type { NotAsked } from '../../cause/not-asked.ts';
import { LONGEST_SAID, LONGEST_SHOWN } from '../../text/bounds.ts';
import { isRecord } from '../../text/json.ts';
import { escapeUnprintable, quote, shorten } from '../../text/quote.ts';
import { HIDDEN, redact, TOO_LONG } from '../../text/redact.ts';
import type { ExchangeFailure, ExchangeResponse } from '../exchange/exchange.ts';
import { endpointOf } from './address.ts';
import { readRetryAfter } from './rate-limit.ts';

/** Why there is no image: it cannot be pulled, or the policy does not allow to ask on. */
export type ProbeFailure =
  /** `endpoint`: the host that was asked, if not the registry itself. */
  Readonly<{ failure: FailedPull; endpoint?: string }> | Readonly<{ notAsked: NotAsked }>;

export function isFailure(result: object): result is ProbeFailure {
  return 'failure' in result || 'notAsked' in result;
}

/** It does not do what a registry does; a number as the fault has it. */
export function broken(what: Fault['what'], number?: number): ProbeFailure {
  return { failure: failBy(what, number) };
}

/**
 * What it means that no response came. Of a host that the policy names, the registry or the service that gives its tokens, users
 * are told which it is. One that the registry sent us to is not named to them, as that would let the registry write to them; and
 * to say that the registry itself cannot be reached would be wrong.
 */
export function classifyNoResponse(failure: ExchangeFailure, url: URL, isElsewhere: boolean): ProbeFailure {
  if (failure.outcome === 'dns-failed') return { notAsked: { why: 'dns-failed', host: url.hostname } };
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

/** A response that is not a redirect. `isElsewhere`: it comes from another host than the one that was asked. */
export type Reply = Readonly<{ response: ExchangeResponse; isElsewhere: boolean }>;

/** The identity with which a registry was asked. */
export type Asker = Readonly<{
  hasCredentials: boolean;
  /** How it was logged in to; undefined when it was not. */
  login: 'basic' | 'bearer' | undefined;
  /** Milliseconds since 1970. */
  now: number;
}>;

/** What a response means that is no manifest. The body counts more than the status, as it is the more exact where it is known. */
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

/** The same of a token service, which was shown a user and password or not. */
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
  // Some services call a wrong password a bad request.
  if (isRefused || (status === 400 && hasCredentials)) {
    return failWith(hasCredentials ? 'credentials-refused' : 'credentials-missing');
  }
  return failBy('token-status', status);
}

/** Some registries only redirect. 404 elsewhere means not found; a denial there was without credentials. */
function classifyElsewhere(status: number, reason: RefusalReason | undefined): FailedPull {
  if (status === 404) return notFound(reason === 'no-repository' ? 'repository-not-found' : 'image-not-found');
  return failBy('elsewhere-status', status);
}

function classifyStatus(response: ExchangeResponse, asker: Asker): FailedPull {
  const { status } = response;
  // With a valid token, so the identity is known, or anonymous; it may not pull this image.
  if (status === 401) return deny(asker, asker.login === 'bearer' ? 'access' : 'login');
  const isPage = isWebPage(response);
  // Any body may come with a 404, and containerd does not look at it.
  if (status === 404) return notFound(isPage ? 'web-page-not-found' : 'image-not-found');
  // Servers on the way say 500 and above with a page as well, and are out of order just so.
  if (isPage && status < 500) return failBy('web-page', status);
  return status === 403 ? deny(asker, 'access') : failBy('status', status);
}

/** Whether it was written for a browser, or by a server that leads to no registry: ingresses say so in plain text. */
export function isWebPage({ headers, body }: Pick<ExchangeResponse, 'headers' | 'body'>): boolean {
  if (/^(?:text\/html|application\/xhtml\+xml)\b/i.test(headers['content-type'] ?? '')) return true;
  const start = body.subarray(0, PAGE_START).toString('utf8').trimStart();
  return /^(?:<!doctype html|<html\b|404 page not found|default backend - 404)/i.test(start);
}

/** Bytes in which a page says what it is. */
const PAGE_START = 256;

function deny({ hasCredentials }: Asker, lacks: 'login' | 'access'): FailedPull {
  if (lacks === 'login') return failWith(hasCredentials ? 'credentials-refused' : 'credentials-missing');
  return failWith(hasCredentials ? 'access-denied' : 'anonymous-denied');
}

function notFound(cause: 'repository-not-found' | 'image-not-found' | 'web-page-not-found'): FailedPull {
  return { outcome: 'failed', cause };
}

/** What the body of an error says, where it says it in a way that we know. */
type RefusalReason =
  /** No credentials, or wrong ones. */
  | 'login'
  /** Not allowed, for whatever reason. */
  | 'denied'
  | 'no-repository'
  | 'no-image'
  | 'rate-limited'
  /** By a rule that depends neither on the user nor on the content. */
  | 'blocked';

/** A longer body is not an error message for clients. */
export const MAX_ERROR_BYTES = 64 * 1024;

/** Of a long list of errors the first ones are looked at. */
const MAX_ERRORS = 16;

/**
 * Reads the body of an error: the OCI form `{"errors":[{"code":"DENIED","message":"…"}]}`, and what SWR and gateways before it
 * write instead, with numbers as codes, `errorCode` or `error_code`. The first error that is known counts. Undefined when none
 * is.
 */
function readErrorBody(body: Buffer): RefusalReason | undefined {
  if (body.length === 0 || body.length > MAX_ERROR_BYTES) return undefined;
  const json = parseJson(body);
  if (json === undefined) return readMessage(body.toString('utf8'));
  for (const error of listErrors(json.value).slice(0, MAX_ERRORS)) {
    const reason = readError(error);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

/** Whether this is for people and not for clients of a registry: a web page, a line of text. */
export function isOtherThanJson(body: Buffer): boolean {
  return body.length > 0 && parseJson(body) === undefined;
}

/** Undefined when it is none. */
export function parseJson(body: Buffer): Readonly<{ value: unknown }> | undefined {
  try {
    return { value: JSON.parse(body.toString('utf8')) };
  } catch {
    return undefined;
  }
}

/** `{"errors":[…]}`, a list without anything around it as SWR's older interfaces have it, or one error alone. */
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
  // What SWR cannot read in a request to pull is the login.
  if (swrStatus === '400') return 'login';
  return CODES.get(code.toUpperCase()) ?? STATUSES.get(Number(swrStatus ?? code));
}

/** `SVCSTG.SWR.4010000`: a status, and which of hundreds of cases it is. */
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

/** Sentences that stand where a code should be, in SWR's errors and in items 1 and 8 of the FAQ. */
function readMessage(message: string): RefusalReason | undefined {
  return MESSAGES.find(([sentence]) => sentence.test(message))?.[1];
}

const MESSAGES: readonly (readonly [RegExp, RefusalReason])[] = [
  [/\byou may not login yet\b/i, 'login'],
  [/\bauth is empty, only accept x-auth-token\b/i, 'login'],
  [/\bauthenticate error\b/i, 'login'],
  [/\btoomanyrequests\b|\bpull rate limit\b/i, 'rate-limited'],
  // Rules of Harbor, Artifactory, Azure, Google and others. Repositories may be called by single words of these.
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
 * What the registry says of its error, in the `message` that the specification has: redacted, in one line, and cut. Undefined
 * when it says nothing, or repeats something of what it was sent.
 *
 * @param sent passwords and tokens
 */
export function readWords(body: Buffer, sent: readonly string[]): string | undefined {
  if (body.length === 0 || body.length > MAX_ERROR_BYTES) return undefined;
  const list = listErrors(parseJson(body)?.value).slice(0, MAX_ERRORS);
  const text = list.map((error) => readSaid(error)).find((each) => each !== undefined);
  if (text === undefined || holdsAny(text, sent)) return undefined;
  const spoken = text.slice(0, LONGEST_SHOWN).replaceAll(SPOKEN, 'x');
  if (redact(spoken) !== spoken) {
    const shown = quote(text, LONGEST_SAID).slice(1, -1);
    return shown === HIDDEN || shown === TOO_LONG ? undefined : shown;
  }
  return shorten(escapeUnprintable(text.slice(0, LONGEST_SHOWN).replaceAll(/["\\]/g, '\\$&')), LONGEST_SAID);
}

/** Names of secrets as sentences have them, where what follows is no secret: `token expired`, `You may not login yet`. */
const SPOKEN =
  /\b(?:passwords?|tokens?|login|auth(?:orization)?|credentials?|http basic:)(?=$|[.,]|\s+(?:yet|has|have|or|and|expired|required|failed|not|access)\b|\s+(?:is|are|was) (?:expired|required|incorrect|invalid|empty|missing|wrong|not)\b)/gi;

/** Secrets are looked for as they were sent; other spellings are for `quote` to find. */
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

/** A failure with what was said of it. */
export function withWords(failure: FailedPull, body: Buffer, sent: readonly string[]): FailedPull {
  const says = readWords(body, sent);
  return says === undefined ? failure : { ...failure, says };
}

/** Statuses that stand where a code should be. 400 and 500 are said of anything. */
const STATUSES: ReadonlyMap<number, RefusalReason> = new Map([
  [401, 'login'],
  [403, 'denied'],
  [404, 'no-image'],
  [429, 'rate-limited'],
]);
