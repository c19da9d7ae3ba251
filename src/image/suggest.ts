import { findUserinfo, redact, schemeOf } from '../text/redact.ts';
import { GOOGLE_PROJECT, WELL_KNOWN } from './known-registries.ts';
import {
  isFilePath,
  isGitRepository,
  PRINTED_DATE,
  PRINTED_NUMBER,
  readResourceName,
  readWebPage,
  writeNumberOut,
} from './not-an-image.ts';
import { readReference, splitReference, type ReferenceParts } from './reference.ts';
import { suspectForm } from './suspect.ts';

/** The longest image: a host of 253 characters, a repository of 255, a tag of 128 and a digest of 135. */
const MAX_INTENDED = 800;

/**
 * The reference that was probably meant: all common mistakes are repaired. Undefined unless the result is valid and not
 * suspicious. The repairs are in the order in which mistakes hide one another: first text pasted around the image, its parts
 * last. They start from the redacted text, so no repair can bring a secret back.
 */
export function suggestReference(written: string): string | undefined {
  if (written.length > MAX_INTENDED || isFilePath(written) || isGitRepository(written)) return undefined;
  const address = REPAIRS.reduce((text, repair) => repair(text), redact(written));
  const mended = joinParts(mendParts(splitReference(address)));
  const reference = readReference(mended);
  // A number whose "+" became another sign would be another number.
  if (/\de\+\d/i.test(address)) return undefined;
  if (mended === written || reference === undefined) return undefined;
  return suspectForm(mended, reference) === undefined ? mended : undefined;
}

const REPAIRS: readonly ((text: string) => string)[] = [
  toAscii,
  unwrap,
  dropUserinfo,
  (text) => readResourceName(text) ?? text,
  (text) => text.slice(schemeOf(text).length),
  (text) => text.replace(PRINTED_DATE, '$1'),
  closeGaps,
  writeNumbersOut,
  mendSlashes,
  (text) => readWebPage(text) ?? text,
  mendRegistries,
  mendSigns,
  mendDigest,
  mendTagSlashes,
];

type Replacement = readonly [slip: RegExp, repair: string];

function replaceAll(text: string, replacements: readonly Replacement[]): string {
  return replacements.reduce((result, [slip, repair]) => result.replace(slip, repair), text);
}

/** Cyrillic letters that look like Latin ones. */
const LATIN: Readonly<Record<string, string>> = { а: 'a', е: 'e', о: 'o', р: 'p', с: 'c', у: 'y', х: 'x' };

/** Replaces characters that look like ASCII ones, and removes terminal colors and invisible characters. */
function toAscii(text: string): string {
  const seen = text
    .replaceAll(/[\uff01-\uff5e\ufb00-\ufb06]/g, (char) => char.normalize('NFKC'))
    .replaceAll(/[аеорсух]/g, (cyrillic) => LATIN[cyrillic] ?? cyrillic);
  return replaceAll(seen, [
    [/\u3002/g, '.'],
    [/[\u2010-\u2015\u2212]/g, '-'],
    [/[\u2018\u2019\u201c\u201d]/g, '"'],
    [/\u001b\[[0-9;]*m/g, ''],
    [/\p{Cf}|(?!\s)\p{Cc}/gu, ''],
  ]);
}

/** Removes what was copied with the image: a command, a YAML key, a comment, quotes, list punctuation. */
function unwrap(text: string): string {
  return replaceAll(text, [
    [/^\s*(?:[$#>]\s+)?(?:sudo\s+)?(?:docker|podman|nerdctl|crictl|ctr)\s+(?:images?\s+|i\s+)?(?:pull|run)\s+/, ''],
    [/^\s*FROM\s+|\s+AS\s+\S+\s*$/gi, ''],
    [/^\s*(?:-+\s*)?["']?image["']?(?::\s+|\s*=\s*|\s+)/i, ''],
    [/^\s*-\s+/, ''],
    [/\s+#.*$/s, ''],
    [/["'`]/g, ''],
    [/^[\s([<]+(?![0-9A-Fa-f:]*\])/, ''],
    [/(?:\\[nrt]|\\?[\s\])>,;])+$/, ''],
  ]);
}

/** Without a registry after the "@", the text before it may be the image, so there is no suggestion. */
function dropUserinfo(text: string): string {
  const at = findUserinfo(text);
  if (at < 0) return text;
  const rest = text.slice(at + 1);
  return splitReference(rest).domain === undefined ? '' : rest;
}

/** `nginx : 1.25` and `nginx 1.25` both mean `nginx:1.25`; text with more words is not an image. */
function closeGaps(text: string): string {
  const joined = text.replaceAll(/\s+(?=[/:@])|(?<=[/:@])\s+/g, '');
  const [name = '', tag = '', ...others] = joined.split(/\s+/);
  return others.length === 0 && isVersion(tag) && !/:[^/]*$/.test(name) ? `${name}:${tag}` : joined;
}

/**
 * Keeps a leading "/" of a missing registry, so that `${REGISTRY}/app` with an unset variable does not become Docker Hub's `app`.
 */
function mendSlashes(text: string): string {
  const single = replaceAll(text, [
    [/\\(?=[/:@])/g, ''],
    [/\\|%2f/gi, '/'],
    [/%3a/gi, ':'],
    [/\/{2,}/g, '/'],
    [/\/$/, ''],
  ]);
  return splitReference(single.slice(1)).domain === undefined ? single : single.replace(/^\//, '');
}

/** The ":" of a Google project that belongs to a domain, and a registry before another one with a port. */
function mendRegistries(text: string): string {
  return replaceAll(text, [
    [GOOGLE_PROJECT, '$1/'],
    [/^\w[\w-]*(?:\.[\w-]+)+\/(?=(?:localhost|[\w-]+(?:\.[\w-]+)+):\d{2,5}\/)/, ''],
  ]);
}

/** A mistyped key, or the wrong one of two signs: `pause:3,9`, `quay,io/app`, `nginx;1.25`, `nginx=1.25`, `ghcr.io:org/app`. */
function mendSigns(text: string): string {
  return replaceAll(text, [
    [/(?<=\d),(?=\d)|(?<=\w),(?=(?:com|io|net|org)[/:])/g, '.'],
    [/;(?=\w)|={1,2}(?=v?\d)/g, ':'],
    [/^(\w[\w-]*(?:\.[\w-]+)+:(?:80|443|\d{4,5})):(?=[a-z])(?!latest$)/, '$1/'],
    [/^(\w[\w-]*(?:\.[\w-]+)*\.[a-z]{2,}):(?=[a-z][\w.-]*\/)(?!(?:port|https?)\/)/, '$1/'],
    [/@+$/, ''],
  ]);
}

/** An algorithm or a digest twice, an algorithm in capitals, with a hyphen, a wrong separator or missing; a tag after the digest. */
function mendDigest(text: string): string {
  return replaceAll(text, [
    [/(@sha\d{3}:)(?:sha\d{3}:)+/i, '$1'],
    [/(@sha\d{3}:[0-9a-f]{64,128})\1$/, '$1'],
    [/[:@]+sha-?(256|384|512)[:=](?=[0-9a-f]{64})/i, '@sha$1:'],
    [/@sha-?(256|384|512)-(?=[0-9a-f]{64})/i, '@sha$1:'],
    [/@(?=[0-9a-f]{64}$)/i, '@sha256:'],
    [/(@sha\d{3}:[0-9a-f]{64,128}):([\w.-]+)$/i, ':$2$1'],
  ]);
}

/** Replaces a number that a template printed with an exponent by its original digits. */
function writeNumbersOut(text: string): string {
  return text.replaceAll(PRINTED_NUMBER, (number) => writeNumberOut(number) ?? number);
}

/** A branch name as the tag, which CI systems write with hyphens: `app:feature/login` → `app:feature-login`. */
function mendTagSlashes(text: string): string {
  const colon = text.lastIndexOf(':');
  const tag = text.slice(colon + 1).replace(/^refs\/(?:heads|tags)\//, '');
  const isPort = /^(?:\d|port\/)|\]/.test(tag) || /^(?:[^/]*\.[^/]*|localhost)$/.test(text.slice(0, colon));
  return colon < 0 || isPort || text.includes('@') ? text : text.slice(0, colon + 1) + tag.replaceAll('/', '-');
}

function mendParts({ domain, path, tag, digest }: ReferenceParts): ReferenceParts {
  const isTagBehindAt = digest !== undefined && isVersion(digest);
  const written = isTagBehindAt ? [tag ?? '', digest].join(':') : tag;
  const meant = written === undefined ? undefined : chooseTag(written);
  return {
    ...(domain !== undefined && { domain: domain.toLowerCase() }),
    path: path.toLowerCase(),
    // An empty tag without a digest is from an unset variable, whose value is unknown.
    ...(meant !== undefined && (meant !== '' || digest === undefined) && { tag: meant.replaceAll('+', '-') }),
    ...(digest !== undefined && !isTagBehindAt && { digest: digest.toLowerCase() }),
  };
}

/** If one of two tags is empty or `latest`, the other one was meant. */
function chooseTag(written: string): string {
  const tags = written.split(':');
  const distinct = [...new Set(tags)].filter((text) => text !== '');
  const telling = distinct.length === 1 ? distinct : distinct.filter((text) => text !== 'latest');
  return tags.length === 2 && telling.length === 1 ? (telling[0] ?? written) : written;
}

/** Whether a text can only be a tag: not a name, not the start of a commit's hash or a digest. */
function isVersion(text: string): boolean {
  return /^(?:v?\d+(?:[._-][\w.-]*)?|latest|main|master|stable)$/.test(text);
}

function joinParts({ domain, path, tag, digest }: ReferenceParts): string {
  const name = domain === undefined ? path : `${domain}/${path}`;
  return `${name}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

/**
 * Whether a suggestion is the only possible meaning of an image, so that it can be applied without asking. They may differ in
 * spaces and quotes around the image, the scheme, capitals in the repository, the "/" after a port, and the form of the digest.
 * Everything else is a guess: a missing part may be an unset variable, and either of two tags may be right.
 */
export function isOnlyReading(written: string, suggestion: string): boolean {
  const bare = mendColon(stripScheme(trimAround(written)));
  return bare !== undefined && lowerName(lowerDigest(bare)) === suggestion;
}

/** Removes invisible characters, and the spaces and quotes around an image. */
function trimAround(written: string): string {
  return written.replaceAll(/\p{Cf}|(?!\s)\p{Cc}/gu, '').replaceAll(/^[\s"'`“”‘’]+|[\s"'`“”‘’]+$/g, '');
}

/** Undefined for a scheme with a meaning of its own, such as `file://`, `git://` or `ko://`. */
function stripScheme(address: string): string | undefined {
  const scheme = schemeOf(address);
  return scheme === '' || FETCHES.test(scheme) ? address.slice(scheme.length) : undefined;
}

const FETCHES = /^(?:https?|docker|oci)(?::\/\/?|\/\/|:)$/i;

/**
 * `registry.example.com:5000:team/app:1`, `ghcr.io:team/app:1`: there is no tag before a "/", so the number is a port, and the
 * name of a well-known registry is not an image.
 */
function mendColon(address: string | undefined): string | undefined {
  const [, host = '', port] = /^([\w-]+(?:\.[\w-]+)+)(:\d{2,5})?:(?=[a-z][\w.-]*\/)/.exec(address ?? '') ?? [];
  if (address === undefined || (port === undefined && !WELL_KNOWN.has(host))) return address;
  const name = host + (port ?? '');
  return `${name}/${address.slice(name.length + 1)}`;
}

/** A digest with all hex digits names the image, no matter what its algorithm part looks like. */
function lowerDigest(address: string): string {
  const digest = /[:@]+(?:sha-?(256|384|512)[:=-])([0-9a-f]{64,128})$/i.exec(address);
  if (digest === null) return address;
  const [, bits = '', hex = ''] = digest;
  return `${address.slice(0, digest.index)}@sha${bits}:${hex.toLowerCase()}`;
}

/** Undefined if the first part counts as a host only for its capitals: probably it is not a host, so the author decides. */
function lowerName(address: string): string | undefined {
  const { domain, path } = splitReference(address);
  if (domain !== undefined && !/[.:]/.test(domain) && domain !== 'localhost') return undefined;
  const end = (domain === undefined ? 0 : domain.length + 1) + path.length;
  return address.slice(0, end).toLowerCase() + address.slice(end);
}
