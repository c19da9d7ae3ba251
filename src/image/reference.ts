import { LONGEST_IMAGE } from '../text/bounds.ts';

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
export const DIGEST_LENGTHS: ReadonlyMap<string, number> = new Map([
  ['sha256', 64],
  ['sha384', 96],
  ['sha512', 128],
]);

/** The parts of a written reference, not yet checked. Each part is exactly the text between the separators. */
export type ReferenceParts = Readonly<{ domain?: string; path: string; tag?: string; digest?: string }>;

/**
 * Splits a written reference at its separators. As in distribution/reference, the text before the first "/" is a domain only if
 * it contains a "." or ":" or an upper-case letter, or is `localhost`; without a "/" there is no domain.
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

/** Splits a domain into host and port; colons inside the brackets of an IPv6 address are part of the host. */
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
  const [algorithm = '', hex = '', ...more] = text.split(':', 3);
  return more.length === 0 && hex.length === DIGEST_LENGTHS.get(algorithm) && /^[0-9a-f]+$/.test(hex);
}

/** An image ID: exactly 64 hex digits. Refused as a name, because runtimes would read it as an ID. */
export function isImageId(text: string): boolean {
  return text.length === 64 && /^[0-9a-f]+$/.test(text);
}

function looksLikeDomain(first: string): boolean {
  return first === 'localhost' || /[.:]/.test(first) || first !== first.toLowerCase();
}

/** Brackets around hex digits and colons, as in the grammar; the address itself is checked when it is used. */
function isIPv6Host(text: string): boolean {
  return /^\[[0-9A-Fa-f:]+\]$/.test(text);
}

function isDomainComponent(text: string): boolean {
  return /^[A-Za-z0-9-]+$/.test(text) && !text.startsWith('-') && !text.endsWith('-');
}

function isPathComponent(text: string): boolean {
  return /^[a-z0-9]/.test(text) && text.split(/[a-z0-9]+/).every(isSeparator) && /[a-z0-9]$/.test(text);
}

/** Also true for the empty text, which `split` returns before the first and after the last letters. */
function isSeparator(text: string): boolean {
  return text === '.' || text === '__' || text === '_' || /^-*$/.test(text);
}

/** The name of Docker Hub's registry in a normalized reference, as in distribution/reference and containerd. */
export const DOCKER_HUB = 'docker.io';

/** The names that distribution/reference maps to Docker Hub. */
const NAMES: ReadonlySet<string> = new Set([DOCKER_HUB, 'index.docker.io']);

/** Other host names of Docker Hub, which people copy from error messages and old documentation. */
const ALIASES: ReadonlySet<string> = new Set(['registry-1.docker.io', 'registry.hub.docker.com']);

/** The registry and repository of an optional domain and a path, with Docker Hub's short forms expanded. */
export function normalizeName(domain: string | undefined, path: string): ImageName {
  const repository = path.includes('/') ? path : `library/${path}`;
  // For runtimes an alias is a host like any other, so it is kept if `library/` would make the name too long.
  const isDockerHub = domain === undefined || NAMES.has(domain) || (ALIASES.has(domain) && fitsLength({ repository }));
  return isDockerHub ? { registry: DOCKER_HUB, repository } : { registry: domain, repository: path };
}

/** Splits `host[:port][/path]`, as used in policies and pull secrets; the names of Docker Hub become one. */
export function splitPrefix(text: string): Readonly<{ registry: string; path: string }> {
  const slash = text.indexOf('/');
  const domain = slash < 0 ? text : text.slice(0, slash);
  const isDockerHub = NAMES.has(domain) || ALIASES.has(domain);
  return { registry: isDockerHub ? DOCKER_HUB : domain, path: slash < 0 ? '' : text.slice(slash + 1) };
}

/**
 * A parsed image reference, with Docker Hub's short forms expanded: `nginx` has registry `docker.io` and repository
 * `library/nginx`. A missing tag stays missing (runtimes pull `latest` if there is no digest either).
 */
export type ImageReference = Readonly<{ registry: string; repository: string; tag?: string; digest?: string }>;

type ImageName = Pick<ImageReference, 'registry' | 'repository'>;

/**
 * Parses an image reference as kubelet and containerd do (distribution/reference `ParseNormalizedNamed`); undefined if they
 * refuse it. `parseReference` also returns the reason.
 */
export function readReference(written: string): ImageReference | undefined {
  if (written.length > LONGEST_IMAGE || isImageId(written)) return undefined;
  const { domain, path, ...version } = splitReference(written);
  const name = readName(domain, path);
  if (name === undefined || !fitsLength(name)) return undefined;
  if (version.tag !== undefined && !isTag(version.tag)) return undefined;
  if (version.digest !== undefined && !isDigest(version.digest)) return undefined;
  return { ...name, ...version };
}

/** The full reference, `registry/repository[:tag][@digest]`. `readReference` parses it to the same value. */
export function formatReference({ registry, repository, tag, digest }: ImageReference): string {
  return `${registry}/${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

/** Whether runtimes accept a repository of this length; it may become too long on a mirror. */
export function fitsLength({ repository }: Pick<ImageReference, 'repository'>): boolean {
  return repository.length <= MAX_REPOSITORY_LENGTH;
}

function readName(domain: string | undefined, path: string): ImageName | undefined {
  if (path.length > MAX_REPOSITORY_LENGTH || !isPath(path)) return undefined;
  if (domain === undefined || isDomain(domain)) return normalizeName(domain, path);
  // `my_host.local/app` has no valid domain, but is a valid path as a whole. distribution/reference accepts it, and containerd
  // then asks the host `my_host.local`.
  return isPath(domain) && domain.length + 1 + path.length <= MAX_REPOSITORY_LENGTH
    ? { registry: domain, repository: path }
    : undefined;
}
