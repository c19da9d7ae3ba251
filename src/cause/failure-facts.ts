import { parsePlatform } from '../image/platform.ts';
import { LONGEST_IMAGE } from '../text/bounds.ts';
import { toLower, type MaskedMessage, type Span } from './mask-names.ts';

/** Words before a quoted image, those first that have it as the Pod does. Docker Hub's short names are spelled out further in. */
const QUOTED_IMAGE = [
  ' image="',
  'failed to apply default image tag "',
  'failed to pull image "',
  'back-off pulling image "',
  'container image "',
  'failed to inspect image "',
  'failed to get sandbox image "',
  'failed pulling image "',
  'pullimage "',
  'pulling image "',
  'pull image "',
  'pull and unpack image "',
  'resolve reference "',
  'image reference "',
  'image name "',
  // Whatever else an Event does with one: `Successfully pulled image "…" in 1.2s`.
  'image "',
];

/** The same without quotes, and what ends it. */
const BARE_IMAGE: readonly (readonly [before: string, after: string])[] = [
  ['image pull failed for ', ' '],
  ['docker://', ' '],
  ['access denied for ', ','],
  ['manifest for ', ' '],
  ['cancel pulling image ', ' '],
  ['no such image: ', ' '],
  ["image '", "'"],
  ['image “', '”'],
];

/** The image that a message names first. */
export function findImage(text: string): string | undefined {
  const lower = toLower(text);
  for (const before of QUOTED_IMAGE) {
    const image = readAfter(text, lower, [before, '"']);
    if (image !== undefined && image !== '') return image;
  }
  for (const lead of BARE_IMAGE) {
    const image = readAfter(text, lower, lead)?.replace(/[:,.]$/, '');
    if (image !== undefined && image !== '') return image;
  }
  return findInManifest(text, lower);
}

/** `reading manifest 1.0 in registry.example.com/team/app: …`. */
function findInManifest(text: string, lower: string): string | undefined {
  const tag = readAfter(text, lower, ['reading manifest ', ' ']);
  const name = readAfter(text, lower, [`reading manifest ${toLower(tag ?? '')} in `, ' '])?.replace(/:$/, '');
  if (tag === undefined || name === undefined) return undefined;
  return tag.includes(':') ? `${name}@${tag}` : `${name}:${tag}`;
}

function readAfter(text: string, lower: string, [before, after]: readonly [string, string]): string | undefined {
  const at = lower.indexOf(before);
  if (at < 0) return undefined;
  const start = at + before.length;
  const rest = text.slice(start, start + LONGEST_IMAGE + 1);
  const end = rest.indexOf(after);
  return end < 0 ? (after === ' ' ? rest : undefined) : rest.slice(0, end);
}

/** Words before the URL of a request that failed; any other URL may lead to documentation. */
const REQUESTS = [
  'head "',
  'get "',
  'post "',
  'put "',
  'head ',
  'get ',
  'post ',
  'request to ',
  'status code ',
  'content at ',
];

const PROXY = 'proxyconnect tcp';

/** Host, and port where one is written, that did not do what it was asked. */
export function findHost({ text, words, urls }: MaskedMessage): string | undefined {
  const lower = toLower(text);
  const proxy = words.indexOf(PROXY);
  const rest = proxy < 0 ? '' : text.slice(proxy);
  if (proxy >= 0) return findDialed(rest, toLower(rest));
  const asked = urls.findLast((url) => isAsked(lower, url));
  const url = asked ?? urls.find(({ start, end }) => lower.slice(start, end).includes('/v2/'));
  if (url !== undefined) return hostOfUrl(text.slice(url.start, url.end));
  for (const before of ['container registry ', 'docker registry ', 'pulling from host ']) {
    const host = readWord(text, lower, before);
    if (host !== undefined) return host;
  }
  return findDialed(text, lower);
}

function isAsked(lower: string, { start }: Span): boolean {
  const before = lower.slice(Math.max(0, start - 20), start);
  return REQUESTS.some((request) => before.endsWith(request));
}

/** What was looked up, or else connected to. */
function findDialed(text: string, lower: string): string | undefined {
  return readWord(text, lower, 'lookup ') ?? readWord(text, lower, 'dial tcp ') ?? readWord(text, lower, 'dial tcp4 ');
}

function readWord(text: string, lower: string, before: string): string | undefined {
  const word = readAfter(text, lower, [before, ' '])?.replace(/[:,;]$/, '');
  return word !== undefined && isHostLike(word) ? word : undefined;
}

function isHostLike(word: string): boolean {
  return word.length <= LONGEST_HOST && /^[\w.[\]:%-]+$/.test(word);
}

/** A host of 253, an IPv6 zone or brackets, and a port. */
const LONGEST_HOST = 270;

function hostOfUrl(url: string): string | undefined {
  const rest = url.slice(url.indexOf('://') + 3);
  const host = rest.slice(0, /[/?#]/.exec(rest)?.index ?? rest.length);
  const bare = host.slice(host.lastIndexOf('@') + 1);
  return isHostLike(bare) ? bare : undefined;
}

/** What stands behind a number that is the status of an answer. */
const STATUS =
  /(?<!\d)[1-5]\d\d(?= \(?(?:unauthorized|forbidden|not found|too many requests|internal server error|bad gateway|service unavailable|gateway timeout|gateway time-out|bad request|method not allowed|proxy authentication required|not acceptable|payment required|gone|conflict|request timeout|unprocessable|found|moved permanently|see other|temporary redirect|permanent redirect|locked|unavailable for legal reasons|request entity too large|not implemented|http version not supported|precondition failed|too early|misdirected request)(?![a-z]))/;

/** The same of a number that words before it say to be one. */
const STATUS_SAID = /(?:statuscode: |status code: |status code |status: |http |status )([1-5]\d\d)(?!\w|\.\d)/;

const UNEXPECTED = 'unexpected status';

/** The status of the HTTP answer, and where it stands in the words of a message. */
export function findStatus(words: string): Readonly<{ at: number; status: number }> | undefined {
  const found = STATUS.exec(words);
  if (found !== null) return { at: found.index, status: Number(found[0]) };
  const said = STATUS_SAID.exec(words);
  if (said !== null) return { at: said.index + said[0].length - 3, status: Number(said[1]) };
  const unexpected = words.indexOf(UNEXPECTED);
  const last = unexpected < 0 ? null : /: ([1-5]\d\d)(?!\w|\.\d)/.exec(words.slice(unexpected));
  return last === null ? undefined : { at: unexpected + last.index + 2, status: Number(last[1]) };
}

/** `no matching manifest for linux/arm64/v8 in …`, `for architecture arm64, variant "v8", OS linux`. */
export function findPlatform(text: string): string | undefined {
  const written = /(?:manifest for |support platform |for platform )([a-z]{1,32}\/[\w./-]{1,64})/.exec(text)?.[1];
  if (written !== undefined) return parsePlatform(written);
  const parts = /architecture "?(\w{1,32})"?, (?:variant "?(\w{0,32})"?, )?OS "?(\w{1,32})/.exec(text);
  if (parts === null) return undefined;
  const [, architecture = '', variant = '', os = ''] = parts;
  return parsePlatform(variant === '' ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`);
}

/** Whether it is the image of the sandbox that every Pod begins with, which the node names and no Pod. */
export function isOfSandbox(text: string): boolean {
  const lower = toLower(text);
  return (
    SANDBOX_IMAGE.some((phrase) => lower.includes(phrase)) || (lower.includes('sandbox') && /pause[:@]/.test(lower))
  );
}

const SANDBOX_IMAGE = ['sandbox image', 'infra container image'];
