/** What the body of an error says, where it says it in a way that we know. */
export type RefusalReason =
  /** Nobody is logged in, or the user and password are wrong. */
  | 'login'
  /** Not allowed, for whatever reason. */
  | 'denied'
  | 'no-repository'
  | 'no-image'
  | 'rate-limited';

/** A longer body is not an error that anybody wrote for clients. */
export const MAX_ERROR_BYTES = 64 * 1024;

/** Of a long list of errors the first ones are looked at. */
const MAX_ERRORS = 16;

/**
 * Reads the body of an error: the OCI form `{"errors":[{"code":"DENIED","message":"…"}]}`, and what SWR and gateways before it
 * write instead, with numbers as codes, `errorCode` or `error_code`. The first error that is known counts. Undefined when none is.
 */
export function readErrorBody(body: Buffer): RefusalReason | undefined {
  if (body.length === 0 || body.length > MAX_ERROR_BYTES) return undefined;
  const text = body.toString('utf8');
  const json = parseJson(text);
  if (json === NO_JSON) return readMessage(text);
  for (const error of listErrors(json).slice(0, MAX_ERRORS)) {
    const reason = readError(error);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

/** Whether somebody wrote this for people and not for clients of a registry: a web page, a line of text. */
export function isOtherThanJson(body: Buffer): boolean {
  return body.length > 0 && parseJson(body.toString('utf8')) === NO_JSON;
}

const NO_JSON = Symbol('no JSON');

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return NO_JSON;
  }
}

type Members = Readonly<Record<string, unknown>>;

/** `{"errors":[…]}`, a list without anything around it as SWR's older interfaces have it, or one error alone. */
function listErrors(json: unknown): readonly unknown[] {
  if (Array.isArray(json)) return json;
  const errors = isObject(json) ? json['errors'] : undefined;
  return Array.isArray(errors) && errors.length > 0 ? errors : [json];
}

function readError(error: unknown): RefusalReason | undefined {
  if (!isObject(error)) return undefined;
  const code = error['code'] ?? error['errorCode'] ?? error['error_code'];
  const message = error['message'] ?? error['errorMessage'] ?? error['error_msg'];
  const known = readCode(code);
  // SWR says DENIED for everything, and 400 for much, and only the message tells why.
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
];

/** Statuses that stand where a code should be. 400 and 500 are said of anything. */
const STATUSES: ReadonlyMap<number, RefusalReason> = new Map([
  [401, 'login'],
  [403, 'denied'],
  [404, 'no-image'],
  [429, 'rate-limited'],
]);

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null;
}
