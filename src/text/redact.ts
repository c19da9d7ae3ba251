/** `https://`, and what is left of it when a sign was lost: `https:/`, `https//`, `https:registry.example.com/`. */
const SCHEME = /^(?:[a-z][a-z0-9+.-]*:\/\/+|https?:\/|https?\/\/|https?:(?=[\w-]+\.[\w.-]+(?::\d+)?\/))/i;

const DIGEST_LIKE = /^(?:sha|md|blake)[a-z0-9+._-]*:[^/@]*$/i;

/** A tag written after "@" by mistake, `nginx:1.25@latest`: no address of four numbers, no name that ends as a domain does. */
const TAG_LIKE = /^(?!\d+\.\d+\.\d+\.\d+$)(?!.*\.[a-z]{2,}$)(?:v?\d[\w.-]*|latest|)$/i;

const HOST_LIKE = /\.|:\d+$/;

/**
 * Where the credentials that somebody wrote into an address end: the index of the "@" in `user:password@host/app`, or
 * -1. Generous on purpose: calling a stray "@" a credential costs a less exact message, missing one leaks a password.
 */
export function findUserinfo(written: string): number {
  const hasScheme = SCHEME.test(written);
  let end = written.length;
  let at = written.lastIndexOf('@');
  while (at > 0 && isVersion(written.slice(at + 1, end), hasScheme)) {
    end = at;
    at = written.lastIndexOf('@', at - 1);
  }
  if (at <= 0) return endsAsCredentials(written) ? written.length - 1 : -1;
  const after = written.slice(at + 1, end);
  return hasScheme || after.includes('/') || HOST_LIKE.test(after) || hasColonBefore(written, at) ? at : -1;
}

/** The scheme an address starts with, `https://`, or the empty text. */
export function schemeOf(written: string): string {
  return SCHEME.exec(written)?.[0] ?? '';
}

/** The address with any credentials replaced, safe to print, log and send. */
export function redactUserinfo(written: string): string {
  const at = findUserinfo(written);
  return at < 0 ? written : `${schemeOf(written)}***${written.slice(at)}`;
}

/** Behind a scheme credentials are so likely that only a digest is told apart from them. */
function isVersion(text: string, hasScheme: boolean): boolean {
  return DIGEST_LIKE.test(text) || (!hasScheme && TAG_LIKE.test(text));
}

/** `user:password@`, of which the host was lost. */
function endsAsCredentials(written: string): boolean {
  return written.endsWith('@') && hasColonBefore(written, written.length - 1);
}

function hasColonBefore(written: string, at: number): boolean {
  return written.lastIndexOf(':', at) >= 0;
}
