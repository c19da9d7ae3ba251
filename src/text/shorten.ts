/** The start of a text that is longer than `limit` characters, and "…" for the rest. Cuts no surrogate pair in two. */
export function shorten(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

/** Both ends of it: a port and the last part of a path tell what a long name is. */
export function shortenMiddle(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit / 2 - 1)}…${text.slice(-limit / 2)}`;
}
