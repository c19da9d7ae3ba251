import type { Diagnosis } from './diagnose-reference.ts';
import { DIGEST_LENGTHS, isImageId, isTag, MAX_TAG_LENGTH, type ReferenceParts } from './grammar.ts';
import { nameCharacter, quote } from '../text/quote.ts';

/** Says what is wrong with the tag or digest in a reference; undefined when nothing is. */
export function diagnoseVersion({ path, tag, digest }: ReferenceParts): Diagnosis | undefined {
  return (
    (tag === undefined ? undefined : diagnoseTag(tag, path)) ??
    (digest === undefined ? undefined : diagnoseDigest(digest))
  );
}

function diagnoseTag(tag: string, path: string): Diagnosis | undefined {
  if (isTag(tag)) return undefined;
  if (tag === '') {
    return { code: 'empty-tag', message: 'nothing follows the ":" where the tag should be (an unset variable?)' };
  }
  return tag.includes(':') && !tag.includes('/')
    ? diagnoseColons(tag.split(':'), path)
    : { code: 'bad-tag', message: describeTag(tag) };
}

function diagnoseColons(tags: readonly string[], path: string): Diagnosis {
  const [first = ''] = tags;
  if (Object.hasOwn(DIGEST_LENGTHS, tags.at(-2) ?? '')) {
    return { code: 'bad-digest', message: 'a digest is written after "@", not after ":"' };
  }
  if (tags.includes('')) return { code: 'empty-tag', message: 'there is a ":" too many before or after the tag' };
  if (path.includes('.') && /^(?:80|443|[0-9]{4,5})$/.test(first)) {
    return { code: 'bad-port', message: `a "/" and not a ":" has to follow the port ${quote(first)}` };
  }
  const count = tags.length === 2 ? 'two' : String(tags.length);
  const shown = tags.slice(0, 3).map((text) => quote(text, 40));
  return { code: 'two-tags', message: `${count} tags (${shown.join(', ')}), only one is allowed` };
}

function describeTag(tag: string): string {
  if (tag.length > MAX_TAG_LENGTH) {
    return `the tag has ${tag.length} characters, at most ${MAX_TAG_LENGTH} are allowed`;
  }
  const subject = `tag ${quote(tag, 80)}`;
  if (/^[~^<>=]+v?\d|^\*$|\.\*$/.test(tag))
    return `${subject} reads as a range of versions; an image has one exact tag`;
  const character = /[^A-Za-z0-9_.-]/.exec(tag)?.[0];
  return character === undefined
    ? `${subject} must start with a letter, digit or "_"`
    : `${subject} cannot contain ${nameCharacter(character)}`;
}

function diagnoseDigest(digest: string): Diagnosis | undefined {
  const colon = digest.indexOf(':');
  const message =
    colon < 0 ? describeNoDigest(digest) : findDigestFault(digest.slice(0, colon), digest.slice(colon + 1));
  return message === undefined ? undefined : { code: 'bad-digest', message };
}

function describeNoDigest(digest: string): string {
  if (digest === '') return 'nothing follows the "@" where the digest should be (an unset variable?)';
  if (isImageId(digest.toLowerCase())) return 'the digest lacks its algorithm: it is written @sha256:…';
  const algorithm = Object.keys(DIGEST_LENGTHS).find((known) => digest.startsWith(known));
  if (algorithm !== undefined) return `a ":" and hex digits have to follow the ${algorithm} of a digest`;
  return `${quote(`@${digest}`, 60)} is not a digest (sha256:… with 64 hex digits); a tag is written after ":"`;
}

function findDigestFault(algorithm: string, hex: string): string | undefined {
  const lower = algorithm.toLowerCase();
  const length = Object.hasOwn(DIGEST_LENGTHS, lower) ? DIGEST_LENGTHS[lower] : undefined;
  if (length === undefined) {
    return `unknown digest algorithm ${quote(algorithm, 40)}, known are ${Object.keys(DIGEST_LENGTHS).join(', ')}`;
  }
  if (lower !== algorithm) return `a digest's algorithm is written in lower case: ${lower}`;
  if (/^[0-9a-f]+:/.test(hex)) return 'the tag stands before the digest: name:tag@sha256:…';
  const character = /[^0-9a-fA-F]/.exec(hex)?.[0];
  if (character !== undefined) return `a ${algorithm} digest has hex digits only, no ${nameCharacter(character)}`;
  if (hex !== hex.toLowerCase()) return `a ${algorithm} digest is written in lower-case hex digits only`;
  return hex.length === length
    ? undefined
    : `a ${algorithm} digest has ${length} hex digits, this one has ${hex.length}`;
}
