import { HIDDEN, redact } from './redact.ts';
import { findToken } from './secret-words.ts';

/**
 * A foreign message as it may be shown: credentials in the URLs and images in it are hidden, queries cut, and what follows the
 * name of a password. Its other words stay as they are, however long it is.
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

/** What stands between spaces and quotes. */
const TOKEN = /[^\s"'`\\<>]+/g;

/** Names of what is a secret, at the end of a token: the next one is it. `oauth token: …` is written of hidden tokens. */
const INTRODUCES =
  /(?:^|[^a-z])(?:password|passwd|pwd|passphrase|secret|bearer|authorization:?\s?basic|basic|x-auth-token|auth)[:=]$|^bearer$|^basic$/i;

/** A value behind the name of a secret in one token: `password=…`, `access_token:…`. */
const NAMED =
  /(?:password|passwd|pwd|passphrase|secret|token|signature|credential|api[_-]?key|auth)[\w-]{0,20}=[^\s&,;]/i;

function redactToken(token: string, before: string): string {
  if (token.length > LONGEST_TOKEN) return `${token.slice(0, SHOWN_OF_LONG)}…`;
  if (INTRODUCES.test(before) && isSecretLike(token, before)) return HIDDEN;
  if (NAMED.test(token) && !token.includes('://')) return `${token.slice(0, token.indexOf('=') + 1)}${HIDDEN}`;
  return /[@?#%]/.test(token) || findToken(token) >= 0 ? redactAddress(token) : token;
}

/** The brackets and the signs around an address are no part of it. */
function redactAddress(token: string): string {
  const end = token.length - (/[:,;.)\]}]{0,20}$/.exec(token)?.[0].length ?? 0);
  const start = /^[([{=,]{0,20}/.exec(token)?.[0].length ?? 0;
  return start >= end ? token : `${token.slice(0, start)}${redact(token.slice(start, end))}${token.slice(end)}`;
}

/** Behind `Basic` and `Bearer` stands what is longer than a word; behind `password:` anything. */
function isSecretLike(token: string, before: string): boolean {
  return (
    !/^(?:bearer|basic)$/i.test(before) || (token.length >= 16 && /[\d=._-]|[A-Z].*[a-z]|[a-z].*[A-Z]/.test(token))
  );
}

/** Characters of a token: the longest URL that registries redirect to has two thousand. */
const LONGEST_TOKEN = 4096;
const SHOWN_OF_LONG = 80;
