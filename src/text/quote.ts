import { redact } from './redact.ts';

/** Longest text quoted in a message, in characters: a full host, path and tag as people write them fits. */
const MAX_QUOTED = 120;

/** How much of the end is shown of a text that is too long: enough to recognise a tag or a digest. */
const TAIL = 20;

/**
 * An address, or a part of one, as messages show it: in double quotes, credentials hidden, everything that does not print
 * escaped (one control character makes the API server drop a whole warning), never more than `limit` characters between
 * the quotes: the middle of an endless text is left out. `NGINX:1.25` → `"NGINX:1.25"`.
 */
export function quote(written: string, limit = MAX_QUOTED): string {
  const text = redact(written);
  // Nearly every address is plain; the rest of this would be most of what an admission costs.
  if (text.length <= limit && PLAIN.test(text)) return `"${text}"`;
  const shown = text.length <= limit ? text : `${text.slice(0, limit - TAIL - 1)}…${text.slice(-TAIL)}`;
  const escaped = escapeUnprintable(shown.replaceAll(/["\\]/g, '\\$&'));
  return `"${escaped.length <= limit ? escaped : cutEscaped(escaped, limit)}"`;
}

/** Printable ASCII without what needs escaping. */
const PLAIN = /^[ !#-[\]-~]*$/;

/** Most texts need no escape: they are ASCII, with the `…` of what was cut. */
const PRINTABLE = /^[ -~…]*$/;

/** `\n` and friends by name, other control, format and separator characters and lone surrogates as `\u00a0`. */
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

/** Escaping made the text too long: its start, not cut in the middle of an escape. */
function cutEscaped(escaped: string, limit: number): string {
  return `${escaped.slice(0, limit - 1).replace(/(?:\\+[^\\]{0,8}|[\uD800-\uDBFF])$/, '')}…`;
}

/** The start of a text that is longer than `limit` characters, and "…" for the rest. Cuts no surrogate pair in two. */
export function shorten(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

/** Both ends of it, as the port and the last part of a path identify a long name. */
export function shortenMiddle(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit / 2 - 1)}…${text.slice(-limit / 2)}`;
}
