import { HIDDEN, redact } from './redact.ts';
import { findToken } from './secret-words.ts';

/**
 * Makes a message from elsewhere safe to show: hides credentials in its URLs and images and the text after the name of a
 * password, and removes queries. The rest is unchanged, and its length is not limited.
 */
export function redactMessage(text: string): string {
  let out = '';
  let at = 0;
  let before = '';
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    out += text.slice(at, index) + redactToken(token, before);
    at = index + token.length;
    before = token;
  }
  return out + text.slice(at);
}

/** Text between spaces and quotes. */
const TOKEN = /[^\s"'`\\<>]+/g;

/**
 * Names of secrets at the end of a token, so that the next token is the secret. `token:` is not among them, as messages with
 * `oauth token: …` do not show the token.
 */
const INTRODUCES =
  /(?:^|[^a-z])(?:password|passwd|pwd|passphrase|secret|bearer|authorization:?\s?basic|basic|x-auth-token|auth)[:=]$|^bearer$|^basic$/i;

/** The name and value of a secret in one token: `password=…`, `access_token:…`. */
const NAMED =
  /(?:password|passwd|pwd|passphrase|secret|token|signature|credential|api[_-]?key|auth)[\w-]{0,20}=[^\s&,;]/i;

function redactToken(token: string, before: string): string {
  if (token.length > LONGEST_TOKEN) return `${token.slice(0, SHOWN_OF_LONG)}…`;
  if (INTRODUCES.test(before) && isSecretLike(token, before)) return HIDDEN;
  if (NAMED.test(token) && !token.includes('://')) return `${token.slice(0, token.indexOf('=') + 1)}${HIDDEN}`;
  return /[@?#%]/.test(token) || findToken(token) >= 0 ? redactAddress(token) : token;
}

/** Brackets and punctuation around an image or URL are not part of it. */
function redactAddress(token: string): string {
  const end = token.length - (/[:,;.)\]}]{0,20}$/.exec(token)?.[0].length ?? 0);
  const start = /^[([{=,]{0,20}/.exec(token)?.[0].length ?? 0;
  return start >= end ? token : `${token.slice(0, start)}${redact(token.slice(start, end))}${token.slice(end)}`;
}

/** The text after `Basic` or `Bearer` is a secret if it is not a word; after `password:`, any text is. */
function isSecretLike(token: string, before: string): boolean {
  return (
    !/^(?:bearer|basic)$/i.test(before) || (token.length >= 16 && /[\d=._-]|[A-Z].*[a-z]|[a-z].*[A-Z]/.test(token))
  );
}

/** The longest token that is processed; URLs that registries redirect to have up to two thousand characters. */
const LONGEST_TOKEN = 4096;
const SHOWN_OF_LONG = 80;
