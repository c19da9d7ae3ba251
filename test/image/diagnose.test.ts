import { describe, expect, test } from 'vitest';
import { REFERENCE_PROBLEM_CODES, type ReferenceProblem, type ReferenceProblemCode } from '../../src/image/diagnose.ts';
import { parseReference } from '../../src/image/parse-reference.ts';
import { HEX64 } from './arbitraries.ts';

function diagnose(written: string): ReferenceProblem | undefined {
  const parsed = parseReference(written);
  return parsed.ok ? undefined : parsed.problem;
}

const leftIn = (placeholder: string): string =>
  `a placeholder was left in: "${placeholder}" has to be replaced before the manifest is applied`;
const printed = (misprint: string): string => `a template had no usable value here: it printed "${misprint}"`;
const noScheme = (scheme: string): string => `an image address has no scheme, leave out "${scheme}"`;
const foreign = (char: string): string => `the address contains ${char}, only ASCII is allowed`;
const noPort = (port: string, host: string): string => `"${port}" after "${host}" is not a port number`;
const noName = (char: string): string => `a repository name cannot contain ${char}`;
const range = (tag: string): string => `tag "${tag}" reads as a range of versions; an image has one exact tag`;
const tooLong = (counted: string): string => `the repository name has ${counted}; at most 255 are allowed`;
const mixture = (component: string): string =>
  `"${component}" may hold one ".", one or two "_" or any number of "-" in a row, and no mixture`;
const CREDENTIALS = 'credentials do not belong in an image address but in a pull secret';
const LIKE_CREDENTIALS =
  'what stands before "@" reads as credentials, which belong in a pull secret (a digest is written @sha256:…)';
const OBJECT = 'a template printed a whole object here, not an address';
const FILE = 'this is a file path; images are pulled from registries only';
const GIT = 'this is the address of a git repository, not of an image';
const PORT_AND_SLASH = 'a "/" and not a ":" has to follow the port "5000"';
const IPV6 = 'an IPv6 address is written in brackets: [2001:db8::1]';
const IN_BRACKETS = 'host "[fe80::1%eth0]" may hold only hex digits and ":" between its brackets';
const LOWERCASE = 'repository name must be lowercase';
const NO_TAG = 'nothing follows the ":" where the tag should be (an unset variable?)';
const A_COLON_TOO_MANY = 'there is a ":" too many before or after the tag';
const A_SLASH_TOO_MANY = 'the repository name has a "/" too many (at its start or end, or two in a row)';
const AFTER_AT = 'a digest is written after "@", not after ":"';
const NO_DIGEST = '"@1.25" is not a digest (sha256:… with 64 hex digits); a tag is written after ":"';
const LETTERS = (component: string): string => `"${component}" must start and end with a letter or digit`;
const NOTHING_AFTER_AT = 'nothing follows the "@" where the digest should be (an unset variable?)';
const printedNumber = (number: string): string =>
  `"${number}" is a number that a template printed with an exponent: put it in quotes in its values`;
const HIDDEN = 'a placeholder between "@" signs was left in; it has to be replaced before the manifest is applied';

type Row = [written: string, message: string, suggestion?: string];

/** Samples of every code; what else is suggested is tested with the suggestions. */
const PROBLEMS: Readonly<Record<ReferenceProblemCode, readonly Row[]>> = {
  empty: [['', 'the image address is empty']],
  placeholder: [
    ['registry/${IMAGE}:1', leftIn('${IMAGE}')],
    ['ghcr.io/${{ github.repository }}:v1', leftIn('${{ github.repository }}')],
    ['@@TAG@@', leftIn('@@TAG@@')],
    ['ko://github.com/org/app', leftIn('ko://github.com/org/app')],
    [`nginx:\${${'A'.repeat(50)}}`, leftIn(`\${${'A'.repeat(17)}…${'A'.repeat(19)}}`)],
    ['nginx:<no value>', printed('<no value>')],
    ['<nil>/app', printed('<nil>')],
    ['nginx:%!s(<nil>)', printed('%!s(<nil>)')],
    ['nginx:%!s(float64=1.25)', printed('%!s(float64=1.25)')],
    ['nginx:%!d(', printed('%!d(')],
    ['map[repository:nginx tag:1.25]', OBJECT],
    ['[object Object]', OBJECT],
    ['{"repository":"nginx"}', OBJECT],
    ['a.b/@ORG@/app', HIDDEN],
  ],
  userinfo: [
    ['https://user:secret@a.b/app', CREDENTIALS, 'a.b/app'],
    ['user:secret@a.b/app:1', CREDENTIALS, 'a.b/app:1'],
    ['user:${PASSWORD}@a.b/app', CREDENTIALS, 'a.b/app'],
    ['user:$ecret@a.b/app', CREDENTIALS, 'a.b/app'],
    ['user:P@SSWORD@a.b/app', CREDENTIALS, 'a.b/app'],
    ['user:secret@nginx', LIKE_CREDENTIALS],
    // What no tag holds may be a password whose host was lost.
    ['robot:Zq8dkWk3jf7x@', LIKE_CREDENTIALS],
    ['user:p$w@', LIKE_CREDENTIALS],
    ['https://user:secret@', LIKE_CREDENTIALS],
  ],
  scheme: [
    ['https://a.b/app:1', noScheme('https://'), 'a.b/app:1'],
    ['docker-pullable://nginx@sha256:' + HEX64, noScheme('docker-pullable://'), 'nginx@sha256:' + HEX64],
    ['oci://ghcr.io/org/app', noScheme('oci://'), 'ghcr.io/org/app'],
    ['https:/a.b/app', noScheme('https:/'), 'a.b/app'],
    ['https://index.docker.io/v1/', noScheme('https://')],
    ['https://github.com/org/app', noScheme('https://')],
  ],
  whitespace: [
    [' nginx', 'the address starts with a space', 'nginx'],
    ['nginx\n', 'the address ends with a line break', 'nginx'],
    ['nginx\r', 'the address ends with a carriage return', 'nginx'],
    ['nginx\t1.25', 'the address contains a tab', 'nginx:1.25'],
    ['nginx:1.25 redis:7', 'the address contains a space'],
    ['nginx\u00a0', 'the address ends with a white space character (U+00A0)', 'nginx'],
    [' \n', 'the address is only white space'],
  ],
  'control-character': [
    ['nginx\u200b', 'the address contains an invisible character (U+200B)', 'nginx'],
    ['nginx\0', 'the address contains an invisible character (U+0000)', 'nginx'],
  ],
  'non-ascii': [
    ['nginx：1.25', foreign('"：" (U+FF1A)'), 'nginx:1.25'],
    ['gсr.io/app', foreign('"с" (U+0441)'), 'gcr.io/app'],
    ['müller/app', foreign('"ü" (U+00FC)')],
    ['🐳', foreign('"🐳" (U+1F433)')],
    ['\ud800', foreign('"\\ud800" (U+D800)')],
  ],
  'bad-port': [
    ['a.b:/app', 'no port number follows "a.b:" (an unset variable?)'],
    ['a.b:port/app', noPort('port', 'a.b')],
    ['a.b:5000x/app', noPort('5000x', 'a.b')],
    ['localhost:x/app', noPort('x', 'localhost')],
    ['ghcr.io:org/app:1', noPort('org', 'ghcr.io'), 'ghcr.io/org/app:1'],
    ['a.b:5000:team/app', PORT_AND_SLASH, 'a.b:5000/team/app'],
    ['a.b:5000:app', PORT_AND_SLASH, 'a.b:5000/app'],
  ],
  'bad-host': [
    [':5000/app', 'the host before ":" is missing (an unset variable?)'],
    ['swr..example.com/app', 'host "swr..example.com" has nothing before a "." (an unset variable?)'],
    ['.a.b/app', 'host ".a.b" has nothing before a "." (an unset variable?)'],
    ['a.b./app', 'host "a.b." ends with a "."'],
    ['my_registry:5000/app', 'host "my_registry" cannot contain "_"'],
    ['-a.b/app', 'host "-a.b" has a part that starts or ends with "-"'],
    ['2001:db8::1/app', IPV6],
    ['::1/app', IPV6],
    ['fe80::1%eth0/app', IPV6],
    ['[::1/app', 'the "[" of an IPv6 address needs its "]"'],
    ['[fe80::1%eth0]:5000/app', IN_BRACKETS],
  ],
  uppercase: [
    ['NGINX:1.25', LOWERCASE, 'nginx:1.25'],
    ['my_host.local/App', LOWERCASE, 'my_host.local/app'],
  ],
  'too-long': [
    ['a.b/' + 'a'.repeat(256), tooLong('256 characters')],
    ['my_host.local/' + 'a'.repeat(250), tooLong('264 characters')],
    ['a'.repeat(248), tooLong('256 characters, with the "library/" of Docker Hub')],
  ],
  'two-tags': [
    ['nginx:1.25:latest', 'two tags ("1.25", "latest"), only one is allowed', 'nginx:1.25'],
    ['nginx:1:2:3:4', '4 tags ("1", "2", "3"), only one is allowed'],
  ],
  'empty-tag': [
    ['nginx:', NO_TAG],
    [`nginx:@sha256:${HEX64}`, NO_TAG, `nginx@sha256:${HEX64}`],
    ['nginx::1.25', A_COLON_TOO_MANY, 'nginx:1.25'],
    ['nginx:1.25:', A_COLON_TOO_MANY, 'nginx:1.25'],
  ],
  'bad-tag': [
    ['nginx:1.25+b1', 'tag "1.25+b1" cannot contain "+"', 'nginx:1.25-b1'],
    ['a.b/app:feature/x', 'tag "feature/x" cannot contain "/"', 'a.b/app:feature-x'],
    ['app:feature/login', 'tag "feature/login" cannot contain "/"', 'app:feature-login'],
    [
      'gcr.io/example.com:my-project/app:v1',
      'the ":" of the Google project "example.com:my-project" is written "/" in an image',
      'gcr.io/example.com/my-project/app:v1',
    ],
    [
      'docker.io/registry.example.com:5000/app:1',
      'a registry follows the registry: leave out "docker.io" or "registry.example.com:5000"',
      'registry.example.com:5000/app:1',
    ],
    ['a.b/team:sub/app:1', 'the ":" after "team" stands inside the path; only the tag follows a ":", at the end'],
    ['nginx:"1.25"', 'tag "\\"1.25\\"" cannot contain a quotation mark', 'nginx:1.25'],
    [
      'registry.example.com/team/dotnet:4.5980468e+07',
      printedNumber('4.5980468e+07'),
      'registry.example.com/team/dotnet:45980468',
    ],
    ['nginx:-alpine', 'tag "-alpine" must start with a letter, digit or "_"'],
    ['nginx:^1.25', range('^1.25')],
    ['nginx:*', range('*')],
    ['nginx:1.*', range('1.*')],
    [`nginx:${'t'.repeat(129)}`, 'the tag has 129 characters, at most 128 are allowed'],
  ],
  'bad-digest': [
    ['nginx@sha256:abc', 'a sha256 digest has 64 hex digits, this one has 3'],
    [`nginx:1:sha256:${HEX64}`, AFTER_AT, `nginx:1@sha256:${HEX64}`],
    ['nginx@', 'nothing follows the "@" where the digest should be (an unset variable?)', 'nginx'],
    ['nginx@1.25', NO_DIGEST, 'nginx:1.25'],
    // A digest that a template did not fill in, or not wholly: the address is shown, as no host can follow.
    ['registry.example.com/team/foo:552d840-dirty@', NOTHING_AFTER_AT, 'registry.example.com/team/foo:552d840-dirty'],
    ['foo:552d840-dirty@', NOTHING_AFTER_AT, 'foo:552d840-dirty'],
    [
      'localhost:5000/a/b:RELEASE.2024-01-01T00-00-00Z@',
      NOTHING_AFTER_AT,
      'localhost:5000/a/b:RELEASE.2024-01-01T00-00-00Z',
    ],
    ['nginx:main@sha', '"@sha" is not a digest (sha256:… with 64 hex digits); a tag is written after ":"'],
    ['nginx:main@sha256', 'a ":" and hex digits have to follow the sha256 of a digest'],
    ['nginx:main@a1b2c3d', '"@a1b2c3d" is not a digest (sha256:… with 64 hex digits); a tag is written after ":"'],
    [`nginx@${HEX64}`, 'the digest lacks its algorithm: it is written @sha256:…', `nginx@sha256:${HEX64}`],
    ['nginx@sha256-f00', 'a ":" and hex digits have to follow the sha256 of a digest'],
    ['nginx@SHA256:f00', "a digest's algorithm is written in lower case: sha256"],
    ['nginx@md5:f00', 'unknown digest algorithm "md5", known are sha256, sha384, sha512'],
    ['nginx@sha256:f00:1.25', 'the tag stands before the digest: name:tag@sha256:…'],
    ['nginx@sha256:9f86...', 'a sha256 digest has hex digits only, no "."'],
    ['nginx@sha256:F00', 'a sha256 digest is written in lower-case hex digits only'],
  ],
  malformed: [
    [HEX64, '64 hex digits are an image id, not a name; a digest is written name@sha256:…'],
    [':1.25', 'the repository name is missing'],
    ['registry.example.com/', 'the repository name is missing'],
    ['/app', 'nothing stands before the first "/" (an unset variable?)'],
    ['nginx/', A_SLASH_TOO_MANY, 'nginx'],
    ['a.b//app', A_SLASH_TOO_MANY, 'a.b/app'],
    ['nginx=1.25', noName('"="'), 'nginx:1.25'],
    ['"nginx"', noName('a quotation mark'), 'nginx'],
    ["o'nginx", noName('an apostrophe'), 'onginx'],
    ['team\\App', noName('a backslash'), 'team/app'],
    ['a.b/-app', LETTERS('-app')],
    ['-', LETTERS('-')],
    ['team/a___b', mixture('a___b')],
    ['a.-b', mixture('a.-b')],
    ...['C:\\a\\nginx.tar', 'c:/a', '\\\\a\\b', './App', '../App', '~/app', '.\\app'].map((path): Row => [path, FILE]),
    ...['file:///app', 'dir:/tmp/app', 'oci:./app', '/tmp/app.tar'].map((path): Row => [path, FILE]),
    ...['git@github.com:org/app.git', 'ssh://git@a.b/app', 'git+https://a.b/app', 'https://github.com/org/app.git'].map(
      (address): Row => [address, GIT],
    ),
  ],
};

describe.each(REFERENCE_PROBLEM_CODES)('an address is refused for the reason %s', (code) => {
  test.each(PROBLEMS[code])('%s', (written, message, suggestion) => {
    expect(diagnose(written)).toEqual({ code, message, ...(suggestion !== undefined && { suggestion }) });
  });
});

test.each([
  ...['${TAG}', '${TAG:-latest}', '${TAG', '$(TAG)', '$(git rev-parse HEAD)', '$TAG', '$1', '${{ matrix.tag }}'],
  ...['{{ .Values.image.tag }}', '{{TAG}', '{{', '{% tag %}', '{0}', '#{TAG}#', '[[ tag ]]', '((tag))', '[TAG]'],
  ...['<tag>', '<%= tag %>', '%TAG%', '%s', '%(tag)s', '@TAG@', '__TAG__', 'CHANGEME', 'replace-me'],
  ...['YOUR_TAG', 'TAG', '<<TAG>>', '[YOUR TAG]', `\${IMAGE_TAG:-${'1'.repeat(20)}}`],
])('the placeholder %s is recognised where an address cannot be parsed', (placeholder) => {
  expect(diagnose(`Registry/App:${placeholder}`)).toEqual({ code: 'placeholder', message: leftIn(placeholder) });
});

// Lower-case letters would make an image of them that parses and is not there.
test.each([
  ['us-docker.pkg.dev/PROJECT_ID/repo/app:1', 'PROJECT_ID'],
  ['REGION_NAME-docker.pkg.dev/project/repo/app', 'REGION_NAME'],
  ['GOOD_REGISTRY/app:v1', 'GOOD_REGISTRY'],
  [
    '${EXTENSION_IMAGE:-us-central1-docker.pkg.dev/k8s-staging-images/inference-extension/epp:main}',
    '${EXTENSION_IMAGE:-…-extension/epp:main}',
  ],
])('%s: what documentation has filled in is said to be left in', (written, shown) => {
  expect(diagnose(written)).toEqual({ code: 'placeholder', message: leftIn(shown) });
});

test.each([
  ...['NGINX:1.25', 'nginx:$', 'nginx%3A1.25', 'user:p@SSWORD@a.b', '[2001:db8::1]:5000', 'nginx@sha256:'],
  ...[
    'Team/App',
    'NGINX:MY_TAG',
    'My_App:1',
    '/app',
    '.a/B',
    'a\\b',
    'ab:/c',
    'docker://nginx',
    'git:LATEST:1',
    'a.b/git/App',
  ],
])('%s holds no placeholder, and is neither a file nor a git repository', (written) => {
  const { code, message } = diagnose(written) ?? {};
  expect(code).toBeDefined();
  expect(code).not.toBe('placeholder');
  expect([FILE, GIT]).not.toContain(message);
});
