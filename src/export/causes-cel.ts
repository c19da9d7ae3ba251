import type { ReferenceProblemCode } from '../image/diagnose.ts';
import { LONGEST_IMAGE } from '../text/bounds.ts';
import { MAX_TAG_LENGTH, MAX_REPOSITORY_LENGTH } from '../image/reference.ts';
import { bind, literal, type Cel } from './cel.ts';
import { afterRegistry, matches } from './reference-cel.ts';

/**
 * What is wrong with a reference that cannot be parsed: a row is for texts that it matches and no row before it does. `after` is for
 * what follows the registry.
 */
type Row = Readonly<{ code: ReferenceProblemCode; message: string } & ({ pattern: string } | { after: string })>;

/** Words that stand for a value, in small letters or capitals: RE2 and JavaScript have no flag for it in common. */
export const STAND_INS = anyCase(
  'null|nil|none|undefined|todo|tbd|xxx+|x[.]y[.]z|(?:change|replace|fill)[-_]?(?:me|this)|(?:your|insert)[-_][a-z0-9_-]+|(?:image|registry|repo|repository)[-_](?:address|host|name|tag|url)',
);

function anyCase(pattern: string): string {
  return pattern
    .replaceAll(/(?<![[-])[a-z](?![-\]])/g, (letter) => `[${letter}${letter.toUpperCase()}]`)
    .replaceAll('a-z', 'a-zA-Z');
}

/**
 * The causes of `image/diagnose.ts`, by what RE2 can tell. None quotes the image, as no regular expression
 * hides the credentials in one.
 */
export const CAUSE_ROWS: readonly Row[] = [
  { code: 'empty', pattern: '^$', message: 'image is empty (an unset variable?)' },
  {
    code: 'placeholder',
    pattern: String.raw`<(?:no value|nil)>|%!\w?\(`,
    message: 'a template had no value here: set the value',
  },
  {
    code: 'userinfo',
    pattern: String.raw`^(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/]*@[^/]*/|^[^/@:]+:[^@]*@(?:[^/@:]+/|[^/@:]+(?:[.][A-Za-z]{2,}|:[0-9]+)(?:/|$)|$)`,
    message: 'credentials belong in a pull secret, not in an image',
  },
  {
    code: 'placeholder',
    pattern: [
      String.raw`\{\{|[$#]?\{[^{}]*\}|\$\{|\$\(|\$\w|\[\[[^\[\]]*\]\]|\(\([^()]*\)\)|\[[A-Z_ -]+\]|<<?[^<>]*>`,
      String.raw`%[A-Za-z_]\w*%|%(?:\(\w*\))?[sdv](?:\W|$)|^ko://|(?:^|\W)@@?[A-Z_][A-Z0-9_]*@@?(?:\W|$)`,
      String.raw`(?:^|[/:@])(?:__\w+__|${STAND_INS})(?:[/:@]|$)`,
      String.raw`(?:^|[/:@])(?:IMAGE|NAME|PORT|REGISTRY|REPO|REPOSITORY|TAG|VERSION)(?:[/:@]|$)`,
      String.raw`^(?:[^:@]*\W)?[A-Z][A-Z\d]*(?:_[A-Z\d]+)+(?:\W|$)`,
    ].join('|'),
    message: 'placeholder was not replaced: replace it before applying the manifest',
  },
  {
    code: 'malformed',
    pattern: String.raw`^(?:[A-Za-z]:[\\/]|\\\\|(?:~|\.\.?)[\\/]|file:|(?:dir|oci|oci-archive|docker-archive):\.{0,2}/(?:[^/]|$))|^/.*\.(?:tar|tgz|gz|zip|ya?ml|json)$`,
    message: 'file path, but images are pulled from registries only',
  },
  {
    code: 'malformed',
    pattern: String.raw`^(?:git@|(?:git|ssh|git\+\w+)://)|\.git$`,
    message: 'URL of a Git repository, not an image',
  },
  {
    code: 'scheme',
    pattern: '^(?:[A-Za-z][A-Za-z0-9+.-]*://|https?:/|https?//)',
    message: 'an image has no scheme, such as https://: remove it',
  },
  {
    code: 'whitespace',
    pattern: String.raw`^\s*$`,
    message: 'image is only whitespace',
  },
  { code: 'whitespace', pattern: String.raw`^\s`, message: 'image starts with whitespace' },
  { code: 'whitespace', pattern: String.raw`\s$`, message: 'image ends with whitespace' },
  { code: 'whitespace', pattern: String.raw`[\s\p{Z}]`, message: 'image contains whitespace' },
  { code: 'control-character', pattern: String.raw`[\p{Cc}\p{Cf}]`, message: 'image contains an invisible character' },
  { code: 'non-ascii', pattern: String.raw`[^\x00-\x7f]`, message: 'image contains a character that is not ASCII' },
  {
    code: 'bad-host',
    pattern: '^[0-9a-fA-F]*(?::[0-9a-fA-F]*){2,}(?:%[0-9A-Za-z_]+)?/',
    message: 'IPv6 address must be in brackets: [2001:db8::1]',
  },
  { code: 'bad-host', pattern: '^:[^/]*/', message: 'host before ":" is missing (an unset variable?)' },
  {
    code: 'bad-host',
    pattern: String.raw`^\[(?:[^\]/]*/|[^\]/]*[^\]/0-9A-Fa-f:][^/]*[:.A-Z\]][^/]*/)`,
    message: 'host in brackets may have only hex digits and ":"',
  },
  { code: 'bad-port', pattern: '^localhost:[0-9]*[^0-9/][^/]*/', message: 'text after ":" is not a port number' },
  { code: 'bad-tag', pattern: '^[a-z0-9_-]+:[A-Za-z][^/:]*/[^:]*$', message: 'tag cannot contain "/"' },
  {
    code: 'bad-host',
    pattern: [
      String.raw`^[^/:[]*[^A-Za-z0-9./:[-][^/:]*:[^/]*/|^[^/:[]*[^A-Za-z0-9._/:[-][^/]*[.:A-Z][^/]*/`,
      String.raw`^[^/:[]*[.:A-Z][^/:]*[^A-Za-z0-9._/:[-][^/]*/|^[^/:[]*_[^/:]*[A-Z][^/:]*/|^[^/:[]*[A-Z][^/:]*_[^/:]*/`,
    ].join('|'),
    message: 'host may have only letters, digits, "-" and "."',
  },
  {
    code: 'bad-host',
    pattern: [
      '^[.-][^/]*[.:A-Z][^/]*/|^[.][^/]*/|^[^/:[]*(?:[.]{2}|[.]-|-[.])[^/]*/',
      '^[^/:[]*[.A-Z][^/:]*-(?::[^/]*)?/|^[^/:[]*[.-](?::[^/]*)/|^[^/:[]*[.]/',
    ].join('|'),
    message: 'host has a part that is empty, or starts or ends with "-"',
  },
  {
    code: 'bad-port',
    pattern: String.raw`^(?:[^/:[]*|\[[^/\]]*\]):/`,
    message: 'port is missing (an unset variable?)',
  },
  {
    code: 'bad-port',
    pattern: String.raw`^(?:[^/:[]*|\[[^/\]]*\]):[0-9]*[^0-9/][^/]*/`,
    message: 'text after ":" is not a port number',
  },
  {
    code: 'malformed',
    after: '^[0-9a-f]{64}(?:[:@]|$)',
    message: '64 hex digits are an image ID, not a name (a digest is written name@sha256:…)',
  },
  { code: 'malformed', after: '^(?:[:@]|$)', message: 'repository name is missing' },
  {
    code: 'malformed',
    after: '^[^:@]*[^A-Za-z0-9._/:@-]',
    message: 'repository name may have only lowercase letters, digits, ".", "_", "-" and "/"',
  },
  { code: 'uppercase', after: '^[^:@]*[A-Z]', message: 'repository name must be lowercase' },
  {
    code: 'malformed',
    after: '^(?:/|[^:@]*(?://|/(?:[:@]|$)))',
    message: 'repository name has an extra "/" (at its start or end, or two in a row)',
  },
  {
    code: 'malformed',
    after: '^(?:[^:@]*/)?(?:[._-]|[^/:@]*(?:[._-](?:[/:@]|$)|[.][._-]|_[.-]|-[._]|___))',
    message:
      'part of the repository name has invalid separators: use one ".", one or two "_", or any number of "-" in a row',
  },
  {
    code: 'too-long',
    after: `^[^:@]{${MAX_REPOSITORY_LENGTH - 7}}`,
    message: `repository name is above the limit of ${MAX_REPOSITORY_LENGTH} characters`,
  },
  {
    code: 'too-long',
    pattern: '^[^/:@]*_[^/:@]*/[^:@]{200}',
    message: `repository name is above the limit of ${MAX_REPOSITORY_LENGTH} characters`,
  },
  { code: 'empty-tag', after: '^[^:@]*:(?:@|$)', message: 'tag after ":" is missing (an unset variable?)' },
  {
    code: 'bad-tag',
    after: '^[^:@]*:[^@]*/',
    message: 'tag cannot contain "/": only the tag at the end follows a ":"',
  },
  {
    code: 'bad-digest',
    after: '^[^:@]*:(?:[^@]*:)?sha(?:256|384|512):[^@:]*(?:@|$)',
    message: 'digest must follow "@", not ":"',
  },
  { code: 'empty-tag', after: '^[^:@]*:(?::|[^@]*:(?::|@|$))', message: 'extra ":" before or after the tag' },
  {
    code: 'bad-port',
    after: '^[^:@]*[.][^:@]*:(?:80|443|[0-9]{4,5}):',
    message: 'port must be followed by "/", not ":"',
  },
  { code: 'two-tags', after: '^[^:@]*:[^@]*:', message: 'image has more than one tag, only one is allowed' },
  {
    code: 'bad-tag',
    after: `^[^:@]*:[A-Za-z0-9_][A-Za-z0-9_.-]{${MAX_TAG_LENGTH}}`,
    message: `tag is above the limit of ${MAX_TAG_LENGTH} characters`,
  },
  {
    code: 'bad-tag',
    after: '^[^:@]*:(?:[.-]|[^@]*[^A-Za-z0-9_.@-])',
    message: 'tag may have only letters, digits, "_", "." and "-", and starts with none of the last two',
  },
  { code: 'bad-digest', after: '@$', message: 'digest after "@" is missing (an unset variable?)' },
  {
    code: 'bad-digest',
    after: '@',
    message: 'digest is not sha256: with 64 hex digits, sha384: with 96 or sha512: with 128',
  },
];

/** Why a reference, as CEL has it, cannot be parsed. */
export function describeCause(image: Cel): Cel {
  const tooLong = `size(${image}) > ${LONGEST_IMAGE} ? ${literal(`image has more than ${LONGEST_IMAGE} characters`)} : `;
  const rows = CAUSE_ROWS.map((row) => {
    const found = 'after' in row ? matches('rest', row.after) : matches(image, row.pattern);
    return `${found} ? ${literal(row.message)} : `;
  });
  return `'InvalidImageName: ' + ${bind('rest', afterRegistry(image), `${tooLong}${rows.join('')}'not an image reference'`)}`;
}
