import { LONGEST_SHOWN } from './bounds.ts';
import { memoize } from './memoize.ts';
import { findPrintedObject } from './printed-object.ts';
import { COMMAND, findToken, introducesSecret, isLonePassword, LOWER_TOKEN } from './secret-words.ts';

/** `https://`, or with a missing character: `https:/`, `https//`, `https:registry.example.com/`. */
const SCHEME = /^(?:[a-z][a-z0-9+.-]*:\/\/+|https?:\/|https?\/\/|https?:(?=[\w-]+\.[\w.-]+(?::\d+)?\/))/i;

const DIGEST_LIKE = /^(?:sha|md|blake)[a-z0-9+._-]*:[^/@]*$/i;

/** A tag that was written after "@" by mistake, `nginx:1.25@latest`: not an IPv4 address, and no name that ends like a domain. */
const TAG_LIKE = /^(?!\d+\.\d+\.\d+\.\d+$)(?!.*\.[a-z]{2,}$)(?:v?\d[\w.-]*|latest|)$/i;

/** An incomplete digest, `nginx:1.25@sha256` or `nginx:1.25@9f86d08`: its algorithm or its hex digits only. */
const UNFINISHED_DIGEST = /^(?:md5|sha-?(?:1|256|384|512)?(?:[-=_][0-9a-f]*)?|(?=[a-f]*\d)[0-9a-f]{7,128})$/i;

const HOST_LIKE = /\.|:\d+$/;

/**
 * Where the credentials in an image reference end: the index of the "@" in `user:password@host/app`, or -1. In doubt an "@"
 * counts as the end of credentials: a wrong guess makes a message less exact, but a missed password would leak.
 */
export function findUserinfo(written: string): number {
  if (/^[^@]*@+$/.test(written)) return endsAsCredentials(written) ? written.length - 1 : -1;
  const hasScheme = SCHEME.test(written);
  let end = written.length;
  let at = written.lastIndexOf('@');
  while (at > 0 && isVersion(written.slice(at + 1, end), hasScheme)) {
    end = at;
    at = written.lastIndexOf('@', at - 1);
  }
  if (at <= 0) return written.endsWith('@') && hasColonBefore(written, written.length - 1) ? written.length - 1 : -1;
  const after = written.slice(at + 1, end);
  return hasScheme || after.includes('/') || HOST_LIKE.test(after) || hasColonBefore(written, at) ? at : -1;
}

/** The scheme at the start of an image, `https://`, or an empty text. */
export function schemeOf(written: string): string {
  return SCHEME.exec(written)?.[0] ?? '';
}

/**
 * Makes a text from a user safe to print, log and send: credentials become `***`, a printed object `{…}`, and queries and
 * fragments, which may contain tokens, are removed. A valid image is returned unchanged.
 */
export const redact = memoize((written: string): string => {
  if (isPlain(written)) return written;
  if (written.length > LONGEST_SHOWN) return TOO_LONG;
  const seen = decode(written);
  if (seen === undefined) return HIDDEN;
  const redacted = redactDecoded(seen);
  return redacted === seen ? written : redacted;
});

/** What `redact` inserts in place of removed text. No valid image contains one of them. */
export const HIDDEN = '***';
export const HIDDEN_OBJECT = '{…}';
export const TOO_LONG = '…';

/**
 * Lower-case letters, the separators of an image reference, a digest, the asterisk of a generated name. A JWT also has capitals.
 */
const LOWER_CASE = /^[a-z0-9._/:*-]*(?:@sha(?:256|384|512):[0-9a-f]*)?$/;

/** The same with capitals, and with quotes and spaces around it. */
const ADDRESS = /^[\s"'`]{0,8}[\w./:-]*(?:@sha\d{3}:[0-9a-f]{0,128})?[\s"'`]{0,8}$/;

/** Whether nothing in a text can be a secret. `token` and `password` are allowed as the name of an image, also with a tag. */
function isPlain(written: string): boolean {
  if (LOWER_CASE.test(written)) return !LOWER_TOKEN.test(written) && !isLonePassword(written);
  return written.length <= LONGEST_SHOWN && ADDRESS.test(written) && findToken(written) < 0 && !isLonePassword(written);
}

/** Text that is encoded more often than this, with percent signs, JSON and HTML, is not a mistake of a template. */
const MOST_DECODED = 5;

/** A text after all decodings on its way from the user to a registry; undefined if there are too many. */
function decode(written: string): string | undefined {
  let text = written;
  for (let round = 0; round < MOST_DECODED; round++) {
    const decoded = text
      .normalize('NFKC')
      .replaceAll(/\p{Cf}/gu, '')
      .replaceAll(/(?:%[0-9a-f]{2})+/gi, (bytes) => Buffer.from(bytes.replaceAll('%', ''), 'hex').toString())
      .replaceAll(/\\u00([0-9a-f]{2})|\\x([0-9a-f]{2})|&#x0{0,6}([0-9a-f]{2});/gi, (_, ...[a, b, c]: string[]) =>
        String.fromCharCode(parseInt(a ?? b ?? c ?? '', 16)),
      )
      .replaceAll(/&#0{0,6}(\d{2,3});/g, (_, code: string) => String.fromCharCode(Number(code)))
      .replaceAll(/&(?:quot|apos|amp|colon|commat|equals|lt|gt);/g, (name) => ENTITIES[name] ?? name);
    if (decoded === text) return text;
    text = decoded;
  }
  return undefined;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&quot;': '"',
  '&apos;': "'",
  '&amp;': '&',
  '&colon;': ':',
  '&commat;': '@',
  '&equals;': '=',
  '&lt;': '<',
  '&gt;': '>',
};

function redactDecoded(text: string): string {
  if (COMMAND.test(text)) return HIDDEN;
  const at = findUserinfo(text);
  const { before, isObject, bare } = findPrintedObject(text);
  const query = findQuery(before);
  const start = schemeOf(text);
  // An "@" after the start of an object or a query may be part of it.
  if (at >= 0 && (at >= before.length || (query >= 0 && query < at))) return start + HIDDEN;
  if (introducesSecret(query < 0 ? bare : bare.slice(0, Math.max(0, findQuery(bare))))) return HIDDEN;
  const shown = query >= 0 ? `${before.slice(0, query + 1)}…` : before + (isObject ? HIDDEN_OBJECT : '');
  const rest = at < 0 ? shown : `${start}${HIDDEN}${shown.slice(at)}`;
  const token = findToken(rest);
  return token < 0 ? rest : rest.slice(0, token) + HIDDEN;
}

/** The start of a query or fragment. `#{TAG}#` is a placeholder. */
function findQuery(text: string): number {
  return text.search(/(?<!\})[?#](?![{…]|$)/);
}

/** After a scheme, text before "@" is most likely credentials; only a digest is excluded. */
function isVersion(text: string, hasScheme: boolean): boolean {
  return DIGEST_LIKE.test(text) || (!hasScheme && (TAG_LIKE.test(text) || UNFINISHED_DIGEST.test(text)));
}

/**
 * Whether a text ends with the "@" of `user:password@` without a host. If it looks like an image with a tag, its digest is
 * probably missing, as no image follows; then it counts as a password only with a character that no tag has, or with random
 * letters and digits.
 */
function endsAsCredentials(written: string): boolean {
  if (!hasColonBefore(written, written.length - 1)) return false;
  const address = written.slice(schemeOf(written).length);
  if (!IMAGE_AND_AT.test(address)) return true;
  return !address.includes('/') && (address !== written || RANDOM.test(address));
}

/** Characters of names, paths and tags, including placeholders. */
const WORD = String.raw`(?:[\w.+-]|\$\{\w+\}|\$\(\w+\)|\{\{[ \w.]*\}\})`;
const IMAGE_AND_AT = new RegExp(`^${WORD}+(?::\\d+(?=/))?(?:/${WORD}+)*:${WORD}{0,128}@+$`);

/** Eight letters and digits in a row, with capitals, small letters and digits. */
const RANDOM = /(?=[A-Za-z\d]*[a-z])(?=[A-Za-z\d]*[A-Z])(?=[A-Za-z\d]*\d)[A-Za-z\d]{8}/;

function hasColonBefore(written: string, at: number): boolean {
  return written.lastIndexOf(':', at) >= 0;
}

/**
 * Makes a message from elsewhere safe to show: hides credentials in its URLs and images and the text after the name of a
 * password, and removes queries. The rest is unchanged, and its length is not limited.
 */
export function redactMessage(text: string): string {
  let out = '';
  let at = 0;
  let before = '';
  for (const { 0: token, index } of text.matchAll(WORDS)) {
    out += text.slice(at, index) + redactToken(token, before);
    at = index + token.length;
    before = token;
  }
  return out + text.slice(at);
}

/** Text between spaces and quotes. */
const WORDS = /[^\s"'`\\<>]+/g;

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
