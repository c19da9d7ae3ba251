import { LONGEST_IMAGE } from '../text/bounds.ts';
import { quote } from '../text/quote.ts';
import { findUserinfo, HIDDEN, redact, schemeOf, TOO_LONG } from '../text/redact.ts';
import { GOOGLE_PROJECT } from './known-registries.ts';
import {
  describePlaceholder,
  isFilePath,
  isGitRepository,
  PRINTED_DATE,
  PRINTED_NUMBER,
  readResourceName,
  readWebPage,
} from './not-an-image.ts';
import {
  DIGEST_LENGTHS,
  fitsLength,
  isDigest,
  isDomain,
  isHost,
  isImageId,
  isPath,
  isTag,
  MAX_REPOSITORY_LENGTH,
  MAX_TAG_LENGTH,
  normalizeName,
  splitDomain,
  splitReference,
  type ReferenceParts,
} from './reference.ts';
import { suggestReference } from './suggest.ts';

/**
 * Why an image reference cannot be parsed. The list is closed; `malformed` is for problems that no other code describes better.
 */
export const REFERENCE_PROBLEM_CODES = [
  'empty',
  'placeholder',
  'userinfo',
  'scheme',
  'whitespace',
  'control-character',
  'non-ascii',
  'bad-port',
  'bad-host',
  'uppercase',
  'too-long',
  'two-tags',
  'empty-tag',
  'bad-tag',
  'bad-digest',
  'malformed',
] as const;

export type ReferenceProblemCode = (typeof REFERENCE_PROBLEM_CODES)[number];

/**
 * `message` says what is wrong with an image reference, and never quotes credentials. `suggestion` is a valid reference that was
 * probably meant; absent if there is no likely one.
 */
export type ReferenceProblem = Readonly<{ code: ReferenceProblemCode; message: string; suggestion?: string }>;

type Diagnosis = Omit<ReferenceProblem, 'suggestion'>;

/** Explains why `readReference` refused an image reference. For a valid reference the result is meaningless. */
export function diagnoseReference(written: string): ReferenceProblem {
  if (written.length > LONGEST_IMAGE) {
    return say('too-long', `image has ${written.length} characters, above the limit of ${LONGEST_IMAGE}`);
  }
  const diagnosis = diagnoseText(written) ?? diagnoseShown(redact(written), written.length);
  const suggestion = diagnosis.code === 'placeholder' ? undefined : suggestReference(written);
  return suggestion === undefined ? diagnosis : { ...diagnosis, suggestion };
}

function say(code: ReferenceProblemCode, message: string): Diagnosis {
  return { code, message };
}

/** Problems of the text as a whole, before it is split into parts. */
function diagnoseText(written: string): Diagnosis | undefined {
  if (written === '') return say('empty', 'image is empty (an unset variable?)');
  const placeholder = describePlaceholder(written);
  if (placeholder !== undefined) return say('placeholder', placeholder);
  return diagnoseKind(written) ?? diagnoseCharacters(written);
}

/** Problems of the parts of a reference. They are read from the redacted text, so that messages can quote them. */
function diagnoseShown(shown: string, length: number): Diagnosis {
  if (shown.includes(HIDDEN)) return say('userinfo', 'credentials belong in a pull secret, not in an image');
  if (shown === TOO_LONG && length > 1) return say('too-long', `image has ${length} characters, which is too long`);
  return diagnoseParts(shown);
}

function diagnoseParts(written: string): Diagnosis {
  const parts = splitReference(written);
  return (
    diagnoseNumber(parts) ??
    diagnoseDomain(parts) ??
    diagnosePath(parts) ??
    diagnoseLength(parts) ??
    diagnoseTag(parts) ??
    diagnoseDigest(parts) ??
    say('malformed', 'not an image reference')
  );
}

/** Finds a number with an exponent in any part of a reference. */
function diagnoseNumber({ domain = '', path, tag = '', digest = '' }: ReferenceParts): Diagnosis | undefined {
  const places = [
    ['bad-host', domain],
    ['malformed', path],
    ['bad-tag', tag],
    ['bad-digest', digest],
  ] as const;
  for (const [code, text] of places) {
    const [number] = text.match(PRINTED_NUMBER) ?? [];
    if (number === undefined) continue;
    const quoted = quote(number, 40);
    return say(code, `${quoted} is a number that a template printed with an exponent: quote it in the values`);
  }
  return undefined;
}

/** Detects URLs and paths that are not images. */
function diagnoseKind(written: string): Diagnosis | undefined {
  if (isFilePath(written)) return say('malformed', 'file path, but images are pulled from registries only');
  if (isGitRepository(written)) return say('malformed', 'URL of a Git repository, not an image');
  const at = findUserinfo(written);
  if (at >= 0) return say('userinfo', describeUserinfo(written.slice(at + 1)));
  if (readResourceName(written) !== undefined) return say('malformed', 'name of a resource in a cloud, not an image');
  if (PRINTED_DATE.test(written))
    return say('bad-tag', 'tag is a date that a template printed as a time: quote it in the values');
  const scheme = schemeOf(written);
  if (scheme === '') return undefined;
  if (readWebPage(written.slice(scheme.length)) === '')
    return say('scheme', 'URL of a web page or an API, not an image');
  return say('scheme', `an image has no scheme: remove ${quote(scheme, 40)}`);
}

function describeUserinfo(rest: string): string {
  return rest.includes('/')
    ? 'credentials belong in a pull secret, not in an image'
    : 'text before "@" is read as credentials, which belong in a pull secret (a digest is written @sha256:…)';
}

function diagnoseCharacters(written: string): Diagnosis | undefined {
  if (/\s/.test(written)) return say('whitespace', `image ${describeSpace(written)}`);
  const control = /[\p{Cc}\p{Cf}]/u.exec(written)?.[0];
  if (control !== undefined) {
    return say('control-character', `image contains an invisible character (${codePoint(control)})`);
  }
  const foreign = /[^\0-\x7f]/u.exec(written)?.[0];
  if (foreign === undefined) return undefined;
  return say('non-ascii', `image contains ${quote(foreign)} (${codePoint(foreign)}), only ASCII is allowed`);
}

function describeSpace(written: string): string {
  const trimmed = written.trim();
  if (trimmed === '') return 'is only whitespace';
  if (!written.startsWith(trimmed)) return `starts with ${nameSpace(written.charAt(0))}`;
  if (!written.endsWith(trimmed)) return `ends with ${nameSpace(written.charAt(written.length - 1))}`;
  return `contains ${nameSpace(/\s/.exec(written)?.[0] ?? '')}`;
}

function nameSpace(char: string): string {
  return SPACES[char] ?? `a whitespace character (${codePoint(char)})`;
}

const SPACES: Readonly<Record<string, string>> = {
  ' ': 'a space',
  '\t': 'a tab',
  '\n': 'a line break',
  '\r': 'a carriage return',
};

function codePoint(char: string): string {
  return `U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}

/** A character for messages: quoted, or by name if quotes and escapes would be hard to read. */
function nameCharacter(char: string): string {
  return CHARACTERS[char] ?? quote(char);
}

const CHARACTERS: Readonly<Record<string, string>> = {
  '"': 'a quotation mark',
  "'": 'an apostrophe',
  '\\': 'a backslash',
};

/** At least two colons and hex digits only, with an optional zone: an IPv6 address, not a host and a port. */
const BARE_IPV6 = /^[0-9a-f]*(?::[0-9a-f]*){2,}(?:%\w+)?$/i;

function diagnoseDomain({ domain, path, tag }: ReferenceParts): Diagnosis | undefined {
  if (domain === undefined || isDomain(domain) || isPath(domain)) return undefined;
  if (BARE_IPV6.test(domain)) return say('bad-host', 'IPv6 address must be in brackets: [2001:db8::1]');
  const { host, port = '' } = splitDomain(domain);
  if (!isHost(host)) return say('bad-host', describeHost(host));
  // A host of one word has no such port: `app:feature/login` is a name and the branch that it was built from.
  if (tag === undefined && /^[A-Za-z]/.test(port) && !host.includes('.') && host !== 'localhost') {
    return say('bad-tag', `tag ${quote(`${port}/${path}`, 60)} cannot contain "/"`);
  }
  return say('bad-port', describePort(host, port));
}

function describeHost(host: string): string {
  if (host === '') return 'host before ":" is missing (an unset variable?)';
  if (host === '[') return '"[" of an IPv6 address has no "]"';
  const subject = `host ${quote(host, 80)}`;
  if (/^\[.*\]$/.test(host)) return `${subject} may have only hex digits and ":" between its brackets`;
  const character = /[^A-Za-z0-9.-]/.exec(host)?.[0];
  if (character !== undefined) return `${subject} cannot contain ${nameCharacter(character)}`;
  if (host.endsWith('.')) return `${subject} ends with a "."`;
  if (/^\.|\.\./.test(host)) return `${subject} has nothing before a "." (an unset variable?)`;
  return `${subject} has a part that starts or ends with "-"`;
}

function describePort(host: string, port: string): string {
  if (port === '') return `port after ${quote(`${host}:`, 80)} is missing (an unset variable?)`;
  const digits = /^([0-9]+):/.exec(port)?.[1];
  return digits === undefined
    ? `${quote(port, 40)} after ${quote(host, 80)} is not a port number`
    : `port ${quote(digits, 40)} must be followed by "/", not ":"`;
}

function diagnosePath({ domain, path }: ReferenceParts): Diagnosis | undefined {
  if (isImageId(path)) {
    return say('malformed', '64 hex digits are an image ID, not a name (a digest is written name@sha256:…)');
  }
  if (isPath(path)) return undefined;
  if (path === '') return say('malformed', 'repository name is missing (an unset variable?)');
  const character = /[^A-Za-z0-9._/-]/.exec(path)?.[0];
  if (character !== undefined) {
    return say('malformed', `repository name cannot contain ${nameCharacter(character)}`);
  }
  if (path !== path.toLowerCase()) return say('uppercase', 'repository name must be lowercase');
  return say('malformed', describeComponent(path.split('/'), domain));
}

function describeComponent(components: readonly string[], domain: string | undefined): string {
  if (components[0] === '' && domain === undefined)
    return 'registry or namespace before the first "/" is missing (an unset variable?)';
  const wrong = components.find((text) => !isPath(text)) ?? '';
  if (wrong === '') return 'repository name has an extra "/" (at its start or end, or two in a row)';
  if (!/^[a-z0-9].*[a-z0-9]$/.test(wrong)) return `${quote(wrong, 80)} must start and end with a letter or digit`;
  return `${quote(wrong, 80)} has invalid separators: use one ".", one or two "_", or any number of "-" in a row`;
}

function diagnoseLength({ domain, path }: ReferenceParts): Diagnosis | undefined {
  const isHostName = domain === undefined || isDomain(domain);
  const repository = isHostName ? normalizeName(domain, path).repository : `${domain}/${path}`;
  if (fitsLength({ repository })) return undefined;
  const counted = repository === path || !isHostName ? '' : ' including "library/" of Docker Hub';
  return say(
    'too-long',
    `repository name has ${repository.length} characters${counted}, above the limit of ${MAX_REPOSITORY_LENGTH}`,
  );
}

function diagnoseTag({ domain, path, tag }: ReferenceParts): Diagnosis | undefined {
  if (tag === undefined || isTag(tag)) return undefined;
  if (tag === '') return say('empty-tag', 'tag after ":" is missing (an unset variable?)');
  if (tag.includes('/')) return say('bad-tag', describeColonInPath({ domain, path, tag }));
  return tag.includes(':') ? diagnoseColons(tag.split(':'), path) : say('bad-tag', describeTag(tag));
}

/** A ":" with a "/" after it: of a Google project, of a second registry, of a branch name as the tag, or any other. */
function describeColonInPath({
  domain = '',
  path,
  tag,
}: Readonly<{ domain?: string | undefined; path: string; tag: string }>): string {
  const word = tag.slice(0, tag.indexOf('/'));
  if (GOOGLE_PROJECT.test(`${domain}/${path}:${tag}`)) {
    return `":" of the Google project ${quote(`${path}:${word}`, 60)} must be "/" in an image`;
  }
  if (domain !== '' && isDomain(`${path}:${word}`) && (path === 'localhost' || path.includes('.'))) {
    return `image has two registries: remove ${quote(domain, 60)} or ${quote(`${path}:${word}`, 60)}`;
  }
  return tag.includes(':')
    ? `":" after ${quote(path, 60)} is inside the path: only the tag at the end follows a ":"`
    : describeTag(tag);
}

function diagnoseColons(tags: readonly string[], path: string): Diagnosis {
  const [first = ''] = tags;
  if (DIGEST_LENGTHS.has(tags.at(-2) ?? '')) {
    return say('bad-digest', 'digest must follow "@", not ":"');
  }
  if (tags.includes('')) return say('empty-tag', 'extra ":" before or after the tag');
  if (path.includes('.') && /^(?:80|443|[0-9]{4,5})$/.test(first)) {
    return say('bad-port', `port ${quote(first)} must be followed by "/", not ":"`);
  }
  const count = tags.length === 2 ? 'two' : String(tags.length);
  const shown = tags.slice(0, 3).map((text) => quote(text, 40));
  return say('two-tags', `image has ${count} tags (${shown.join(', ')}), only one is allowed`);
}

function describeTag(tag: string): string {
  if (tag.length > MAX_TAG_LENGTH) {
    return `tag has ${tag.length} characters, above the limit of ${MAX_TAG_LENGTH}`;
  }
  const subject = `tag ${quote(tag, 80)}`;
  if (/^[~^<>=]+v?\d|^\*$|\.\*$/.test(tag)) {
    return `${subject} is a version range, but an image needs one exact tag`;
  }
  const character = /[^A-Za-z0-9_.-]/.exec(tag)?.[0];
  return character === undefined
    ? `${subject} must start with a letter, digit or "_"`
    : `${subject} cannot contain ${nameCharacter(character)}`;
}

function diagnoseDigest({ digest }: ReferenceParts): Diagnosis | undefined {
  if (digest === undefined || isDigest(digest)) return undefined;
  const colon = digest.indexOf(':');
  return say(
    'bad-digest',
    colon < 0 ? describeNoDigest(digest) : describeDigest(digest.slice(0, colon), digest.slice(colon + 1)),
  );
}

function describeNoDigest(digest: string): string {
  if (digest === '') return 'digest after "@" is missing (an unset variable?)';
  if (isImageId(digest.toLowerCase())) return 'digest has no algorithm: write @sha256:…';
  const algorithm = [...DIGEST_LENGTHS.keys()].find((known) => digest.startsWith(known));
  if (algorithm !== undefined) return `digest algorithm ${algorithm} must be followed by ":" and hex digits`;
  return `${quote(`@${digest}`, 60)} is not a digest (sha256:… with 64 hex digits); a tag follows ":"`;
}

function describeDigest(algorithm: string, hex: string): string {
  if (algorithm.startsWith('@')) return 'extra "@" before the digest';
  const lower = algorithm.toLowerCase();
  const length = DIGEST_LENGTHS.get(lower);
  if (length === undefined) {
    return `unknown digest algorithm ${quote(algorithm, 40)}: use one of ${[...DIGEST_LENGTHS.keys()].join(', ')}`;
  }
  if (lower !== algorithm) return `digest algorithm must be lowercase: ${lower}`;
  if (hex.startsWith(`${algorithm}:`)) return `digest algorithm ${algorithm} is written twice`;
  if (hex.includes('@')) return 'image has two digests, only one is allowed';
  if (/^[0-9a-f]+:/.test(hex)) return 'tag must come before the digest: name:tag@sha256:…';
  const character = /[^0-9a-fA-F]/.exec(hex)?.[0];
  if (character !== undefined)
    return `${algorithm} digest cannot contain ${nameCharacter(character)}: use hex digits only`;
  if (hex !== hex.toLowerCase()) return `${algorithm} digest must be lowercase`;
  return `${algorithm} digest must have ${length} hex digits, this one has ${hex.length}`;
}
