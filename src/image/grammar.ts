/**
 * The grammar of image references, as distribution/reference defines it and as kubelet and containerd apply it:
 *
 *     reference       := name [ ":" tag ] [ "@" digest ]
 *     name            := [ domain "/" ] path
 *     domain          := host [ ":" port ]
 *     host            := domain-name | "[" ipv6-characters "]"
 *     domain-name     := domain-component [ "." domain-component ]*
 *     domain-component:= letter-or-digit [ ( letter-or-digit | "-" )* letter-or-digit ]
 *     port            := digit+
 *     path            := path-component [ "/" path-component ]*
 *     path-component  := alpha-numeric [ separator alpha-numeric ]*
 *     alpha-numeric   := ( a-z | 0-9 )+
 *     separator       := "." | "_" | "__" | "-"+
 *     tag             := ( letter | digit | "_" ) ( letter | digit | "_" | "." | "-" ){0,127}
 *     digest          := "sha256:" hex{64} | "sha384:" hex{96} | "sha512:" hex{128}
 *
 * Every test below is one walk over its text: character classes that exclude each other, no alternatives to try again.
 */

/** distribution/reference `RepositoryNameTotalLengthMax`: bytes in the repository, the domain not counted. */
export const MAX_REPOSITORY_LENGTH = 255;

/** One first character and up to 127 more. */
export const MAX_TAG_LENGTH = 128;

/** Hex digits by algorithm: those that opencontainers/go-digest registers. */
export const DIGEST_LENGTHS: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 };

/** What stands where in a written reference, not yet judged. Each part is exactly what the separators delimit. */
export type ReferenceParts = Readonly<{ domain?: string; path: string; tag?: string; digest?: string }>;

/**
 * Cuts a written reference at its separators. Like distribution/reference, the text before the first "/" is a domain
 * only if it holds a "." or ":" or an upper-case letter, or is `localhost`; without a "/" there is no domain at all.
 */
export function splitReference(written: string): ReferenceParts {
  const slash = written.indexOf('/');
  const first = slash < 0 ? '' : written.slice(0, slash);
  const hasDomain = slash >= 0 && looksLikeDomain(first);
  const rest = hasDomain ? written.slice(slash + 1) : written;
  const at = rest.indexOf('@');
  const beforeDigest = at < 0 ? rest : rest.slice(0, at);
  const colon = beforeDigest.indexOf(':');
  return {
    ...(hasDomain && { domain: first }),
    path: colon < 0 ? beforeDigest : beforeDigest.slice(0, colon),
    ...(colon >= 0 && { tag: beforeDigest.slice(colon + 1) }),
    ...(at >= 0 && { digest: rest.slice(at + 1) }),
  };
}

export function isDomain(text: string): boolean {
  const { host, port } = splitDomain(text);
  return isHost(host) && (port === undefined || isPort(port));
}

/** Cuts a domain into host and port; the colons inside an IPv6 address's brackets do not count. */
export function splitDomain(text: string): Readonly<{ host: string; port?: string }> {
  const colon = text.indexOf(':', text.lastIndexOf(']') + 1);
  return colon < 0 ? { host: text } : { host: text.slice(0, colon), port: text.slice(colon + 1) };
}

export function isHost(text: string): boolean {
  return isIPv6Host(text) || text.split('.').every(isDomainComponent);
}

export function isPort(text: string): boolean {
  return /^[0-9]+$/.test(text);
}

export function isPath(text: string): boolean {
  return text.split('/').every(isPathComponent);
}

export function isTag(text: string): boolean {
  return text.length <= MAX_TAG_LENGTH && /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(text);
}

export function isDigest(text: string): boolean {
  const colon = text.indexOf(':');
  const hex = text.slice(colon + 1);
  const algorithm = text.slice(0, Math.max(colon, 0));
  return (
    Object.hasOwn(DIGEST_LENGTHS, algorithm) && hex.length === DIGEST_LENGTHS[algorithm] && /^[0-9a-f]+$/.test(hex)
  );
}

/** A bare image id: 64 hex digits and nothing else. Refused as a name because runtimes would take it for an id. */
export function isImageId(text: string): boolean {
  return text.length === 64 && /^[0-9a-f]+$/.test(text);
}

function looksLikeDomain(first: string): boolean {
  return first === 'localhost' || /[.:]/.test(first) || first !== first.toLowerCase();
}

/** Brackets around hex digits and colons: the reference grammar asks no more, the address is checked when it is used. */
function isIPv6Host(text: string): boolean {
  return /^\[[0-9A-Fa-f:]+\]$/.test(text);
}

function isDomainComponent(text: string): boolean {
  return /^[A-Za-z0-9-]+$/.test(text) && !text.startsWith('-') && !text.endsWith('-');
}

function isPathComponent(text: string): boolean {
  return /^[a-z0-9]/.test(text) && text.split(/[a-z0-9]+/).every(isSeparator) && /[a-z0-9]$/.test(text);
}

/** Also true of the empty text, which is what stands before the first and after the last letters of a component. */
function isSeparator(text: string): boolean {
  return text === '.' || text === '__' || text === '_' || /^-*$/.test(text);
}
