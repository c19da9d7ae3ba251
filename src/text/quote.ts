import { redact } from './redact.ts';

/** The longest quoted text in a message, in characters: enough for a usual host, path and tag. */
const MAX_QUOTED = 120;

/** How much of the end of a long text is shown: enough to recognize a tag or a digest. */
const TAIL = 20;

/**
 * An image, or a part of one, for messages: in double quotes, with credentials hidden and unprintable characters escaped (one
 * control character makes the API server drop the whole warning). At most `limit` characters between the quotes: a longer text is
 * shortened in the middle. `NGINX:1.25` → `"NGINX:1.25"`.
 */
export function quote(written: string, limit = MAX_QUOTED): string {
  const text = redact(written);
  // A fast path, as nearly every image is plain; otherwise quoting would be most of the work of an admission.
  if (text.length <= limit && PLAIN.test(text)) return `"${text}"`;
  const shown = text.length <= limit ? text : `${text.slice(0, limit - TAIL - 1)}…${text.slice(-TAIL)}`;
  const escaped = escapeUnprintable(shown.replaceAll(/["\\]/g, '\\$&'));
  return `"${escaped.length <= limit ? escaped : cutEscaped(escaped, limit)}"`;
}

/** Printable ASCII without characters that need escaping. */
const PLAIN = /^[ !#-[\]-~]*$/;

/** Most texts need no escapes: they are ASCII, with the `…` of shortened texts. */
const PRINTABLE = /^[ -~…]*$/;

/** Escapes `\n`, `\r` and `\t` by name; other control, format and separator characters and lone surrogates as `\u00a0`. */
export function escapeUnprintable(text: string): string {
  if (PRINTABLE.test(text)) return text;
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu,
    (char) => NAMED[char] ?? escapeCode(char),
  );
}

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escapeCode(char: string): string {
  const code = (char.codePointAt(0) ?? 0).toString(16).padStart(4, '0');
  return code.length > 4 ? `\\u{${code}}` : `\\u${code}`;
}

/** The start of a text that is too long after escaping, without cutting an escape. */
function cutEscaped(escaped: string, limit: number): string {
  return `${escaped.slice(0, limit - 1).replace(/(?:\\+[^\\]{0,8}|[\uD800-\uDBFF])$/, '')}…`;
}

/** The start of a text that is longer than `limit` characters, and "…". Does not cut surrogate pairs. */
export function shorten(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

/** Both ends of a long text, as the port and the last part of a path identify a name. */
export function shortenMiddle(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit / 2 - 1)}…${text.slice(-limit / 2)}`;
}
