import { parsePlatform } from '../image/platform.ts';
import { LONGEST_IMAGE } from '../text/bounds.ts';
import { toLower, type MaskedMessage, type Span } from './mask-names.ts';

/** Words before a quoted image. Those with the image as in the Pod come first; others have Docker Hub's short names expanded. */
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
  // Any other message of an Event: `Successfully pulled image "…" in 1.2s`.
  'image "',
];

/** The same without quotes, with the text that ends the image. */
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

/** The first image in a message. */
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

/** Words before the URL of a failed request; other URLs may be links to documentation. */
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

/** The host that failed, with its port if the message has one. */
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

/** The host that was looked up, otherwise the one that was connected to. */
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

/** A host of 253 characters, an IPv6 zone or brackets, and a port. */
const LONGEST_HOST = 270;

function hostOfUrl(url: string): string | undefined {
  const rest = url.slice(url.indexOf('://') + 3);
  const host = rest.slice(0, /[/?#]/.exec(rest)?.index ?? rest.length);
  const bare = host.slice(host.lastIndexOf('@') + 1);
  return isHostLike(bare) ? bare : undefined;
}

/** The text after a number that is an HTTP status. */
const STATUS =
  /(?<!\d)[1-5]\d\d(?= \(?(?:unauthorized|forbidden|not found|too many requests|internal server error|bad gateway|service unavailable|gateway timeout|gateway time-out|bad request|method not allowed|proxy authentication required|not acceptable|payment required|gone|conflict|request timeout|unprocessable|found|moved permanently|see other|temporary redirect|permanent redirect|locked|unavailable for legal reasons|request entity too large|not implemented|http version not supported|precondition failed|too early|misdirected request)(?![a-z]))/;

/** A number that is an HTTP status by the words before it. */
const STATUS_SAID = /(?:statuscode: |status code: |status code |status: |http |status )([1-5]\d\d)(?!\w|\.\d)/;

const UNEXPECTED = 'unexpected status';

/** The HTTP status in the words of a message, and its position. */
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

/** Whether it is the image of the sandbox, which every Pod starts with; it is configured on the node, not in a Pod. */
export function isOfSandbox(text: string): boolean {
  const lower = toLower(text);
  return (
    SANDBOX_IMAGE.some((phrase) => lower.includes(phrase)) || (lower.includes('sandbox') && /pause[:@]/.test(lower))
  );
}

const SANDBOX_IMAGE = ['sandbox image', 'infra container image'];
