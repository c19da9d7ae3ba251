import { describe, expect, test } from 'vitest';
import { REFERENCE_PROBLEM_CODES, type ReferenceProblem, type ReferenceProblemCode } from '../../src/image/diagnose.ts';
import { parseReference } from '../../src/image/parse-reference.ts';
import { HEX64 } from './arbitraries.ts';

function diagnose(written: string): ReferenceProblem | undefined {
  const parsed = parseReference(written);
  return parsed.ok ? undefined : parsed.problem;
}

const leftIn = (placeholder: string): string =>
  `placeholder "${placeholder}" was not replaced: replace it before applying the manifest`;
const printed = (misprint: string): string => `a template had no value here, it printed "${misprint}": set the value`;
const noScheme = (scheme: string): string => `an image has no scheme: remove "${scheme}"`;
const foreign = (char: string): string => `image contains ${char}, only ASCII is allowed`;
const noPort = (port: string, host: string): string => `"${port}" after "${host}" is not a port number`;
const noName = (char: string): string => `repository name cannot contain ${char}`;
const range = (tag: string): string => `tag "${tag}" is a version range, but an image needs one exact tag`;
const tooLong = (counted: string): string => `repository name has ${counted}, above the limit of 255`;
const mixture = (component: string): string =>
  `"${component}" has invalid separators: use one ".", one or two "_", or any number of "-" in a row`;
const CREDENTIALS = 'credentials belong in a pull secret, not in an image';
const LIKE_CREDENTIALS =
  'text before "@" is read as credentials, which belong in a pull secret (a digest is written @sha256:…)';
const OBJECT = 'a template printed a whole object instead of an image';
const FILE = 'file path, but images are pulled from registries only';
const GIT = 'URL of a Git repository, not an image';
const PORT_AND_SLASH = 'port "5000" must be followed by "/", not ":"';
const IPV6 = 'IPv6 address must be in brackets: [2001:db8::1]';
const IN_BRACKETS = 'host "[fe80::1%eth0]" may have only hex digits and ":" between its brackets';
const NO_NAME = 'repository name is missing (an unset variable?)';
const LOWERCASE = 'repository name must be lowercase';
const NO_TAG = 'tag after ":" is missing (an unset variable?)';
const A_COLON_TOO_MANY = 'extra ":" before or after the tag';
const A_SLASH_TOO_MANY = 'repository name has an extra "/" (at its start or end, or two in a row)';
const AFTER_AT = 'digest must follow "@", not ":"';
const NO_DIGEST = '"@1.25" is not a digest (sha256:… with 64 hex digits); a tag follows ":"';
const LETTERS = (component: string): string => `"${component}" must start and end with a letter or digit`;
const NOTHING_AFTER_AT = 'digest after "@" is missing (an unset variable?)';
const printedNumber = (number: string): string =>
  `"${number}" is a number that a template printed with an exponent: quote it in the values`;
const HIDDEN = 'placeholder between "@" signs was not replaced: replace it before applying the manifest';

type Row = [written: string, message: string, suggestion?: string];

/** Samples of every code; what else is suggested is tested with the suggestions. */
const PROBLEMS: Readonly<Record<ReferenceProblemCode, readonly Row[]>> = {
  empty: [['', 'image is empty (an unset variable?)']],
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
    ['https://a.b/harbor/projects/3/repositories/app', 'URL of a web page or an API, not an image'],
    ['https://index.docker.io/v1/', noScheme('https://')],
    ['https://github.com/org/app', noScheme('https://')],
  ],
  whitespace: [
    [' nginx', 'image starts with a space', 'nginx'],
    ['nginx\n', 'image ends with a line break', 'nginx'],
    ['nginx\r', 'image ends with a carriage return', 'nginx'],
    ['nginx\t1.25', 'image contains a tab', 'nginx:1.25'],
    ['nginx:1.25 redis:7', 'image contains a space'],
    ['nginx\u00a0', 'image ends with a whitespace character (U+00A0)', 'nginx'],
    [' \n', 'image is only whitespace'],
  ],
  'control-character': [
    ['nginx\u200b', 'image contains an invisible character (U+200B)', 'nginx'],
    ['nginx\0', 'image contains an invisible character (U+0000)', 'nginx'],
  ],
  'non-ascii': [
    ['nginx：1.25', foreign('"：" (U+FF1A)'), 'nginx:1.25'],
    ['gсr.io/app', foreign('"с" (U+0441)'), 'gcr.io/app'],
    ['müller/app', foreign('"ü" (U+00FC)')],
    ['🐳', foreign('"🐳" (U+1F433)')],
    ['\ud800', foreign('"\\ud800" (U+D800)')],
  ],
  'bad-port': [
    ['a.b:/app', 'port after "a.b:" is missing (an unset variable?)'],
    ['a.b:port/app', noPort('port', 'a.b')],
    ['a.b:5000x/app', noPort('5000x', 'a.b')],
    ['localhost:x/app', noPort('x', 'localhost')],
    ['ghcr.io:org/app:1', noPort('org', 'ghcr.io'), 'ghcr.io/org/app:1'],
    ['a.b:5000:team/app', PORT_AND_SLASH, 'a.b:5000/team/app'],
    ['a.b:5000:app', PORT_AND_SLASH, 'a.b:5000/app'],
  ],
  'bad-host': [
    [':5000/app', 'host before ":" is missing (an unset variable?)'],
    ['swr..example.com/app', 'host "swr..example.com" has nothing before a "." (an unset variable?)'],
    ['.a.b/app', 'host ".a.b" has nothing before a "." (an unset variable?)'],
    ['a.b./app', 'host "a.b." ends with a "."'],
    ['my_registry:5000/app', 'host "my_registry" cannot contain "_"'],
    ['-a.b/app', 'host "-a.b" has a part that starts or ends with "-"'],
    ['2001:db8::1/app', IPV6],
    ['::1/app', IPV6],
    ['fe80::1%eth0/app', IPV6],
    ['[::1/app', '"[" of an IPv6 address has no "]"'],
    ['[fe80::1%eth0]:5000/app', IN_BRACKETS],
  ],
  uppercase: [
    ['NGINX:1.25', LOWERCASE, 'nginx:1.25'],
    ['my_host.local/App', LOWERCASE, 'my_host.local/app'],
  ],
  'too-long': [
    ['a.b/' + 'a'.repeat(256), tooLong('256 characters')],
    ['my_host.local/' + 'a'.repeat(250), tooLong('264 characters')],
    ['a'.repeat(248), tooLong('256 characters including "library/" of Docker Hub')],
  ],
  'two-tags': [
    ['nginx:1.25:latest', 'image has two tags ("1.25", "latest"), only one is allowed', 'nginx:1.25'],
    ['nginx:1:2:3:4', 'image has 4 tags ("1", "2", "3"), only one is allowed'],
  ],
  'empty-tag': [
    ['nginx:', NO_TAG],
    [`nginx:@sha256:${HEX64}`, NO_TAG, `nginx@sha256:${HEX64}`],
    ['nginx::1.25', A_COLON_TOO_MANY, 'nginx:1.25'],
    ['nginx:1.25:', A_COLON_TOO_MANY, 'nginx:1.25'],
  ],
  'bad-tag': [
    [
      'nginx:2024-05-01T00:00:00Z',
      'tag is a date that a template printed as a time: quote it in the values',
      'nginx:2024-05-01',
    ],
    ['nginx:1.25+b1', 'tag "1.25+b1" cannot contain "+"', 'nginx:1.25-b1'],
    ['a.b/app:feature/x', 'tag "feature/x" cannot contain "/"', 'a.b/app:feature-x'],
    ['app:feature/login', 'tag "feature/login" cannot contain "/"', 'app:feature-login'],
    [
      'gcr.io/example.com:my-project/app:v1',
      '":" of the Google project "example.com:my-project" must be "/" in an image',
      'gcr.io/example.com/my-project/app:v1',
    ],
    [
      'docker.io/registry.example.com:5000/app:1',
      'image has two registries: remove "docker.io" or "registry.example.com:5000"',
      'registry.example.com:5000/app:1',
    ],
    ['a.b/team:sub/app:1', '":" after "team" is inside the path: only the tag at the end follows a ":"'],
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
    [`nginx:${'t'.repeat(129)}`, 'tag has 129 characters, above the limit of 128'],
  ],
  'bad-digest': [
    [`nginx@sha256:sha256:${HEX64}`, 'digest algorithm sha256 is written twice', `nginx@sha256:${HEX64}`],
    [`nginx@@sha256:${HEX64}`, 'extra "@" before the digest', `nginx@sha256:${HEX64}`],
    [`nginx@sha256:${HEX64}@sha256:${'0'.repeat(64)}`, 'image has two digests, only one is allowed'],
    ['nginx@sha256:abc', 'sha256 digest must have 64 hex digits, this one has 3'],
    [`nginx:1:sha256:${HEX64}`, AFTER_AT, `nginx:1@sha256:${HEX64}`],
    ['nginx@', 'digest after "@" is missing (an unset variable?)', 'nginx'],
    ['nginx@1.25', NO_DIGEST, 'nginx:1.25'],
    // A digest that a template did not fill in, or not wholly: image is shown, as no host can follow.
    ['registry.example.com/team/foo:552d840-dirty@', NOTHING_AFTER_AT, 'registry.example.com/team/foo:552d840-dirty'],
    ['foo:552d840-dirty@', NOTHING_AFTER_AT, 'foo:552d840-dirty'],
    [
      'localhost:5000/a/b:RELEASE.2024-01-01T00-00-00Z@',
      NOTHING_AFTER_AT,
      'localhost:5000/a/b:RELEASE.2024-01-01T00-00-00Z',
    ],
    ['nginx:main@sha', '"@sha" is not a digest (sha256:… with 64 hex digits); a tag follows ":"'],
    ['nginx:main@sha256', 'digest algorithm sha256 must be followed by ":" and hex digits'],
    ['nginx:main@a1b2c3d', '"@a1b2c3d" is not a digest (sha256:… with 64 hex digits); a tag follows ":"'],
    [`nginx@${HEX64}`, 'digest has no algorithm: write @sha256:…', `nginx@sha256:${HEX64}`],
    ['nginx@sha256-f00', 'digest algorithm sha256 must be followed by ":" and hex digits'],
    ['nginx@SHA256:f00', 'digest algorithm must be lowercase: sha256'],
    ['nginx@md5:f00', 'unknown digest algorithm "md5": use one of sha256, sha384, sha512'],
    ['nginx@sha256:f00:1.25', 'tag must come before the digest: name:tag@sha256:…'],
    ['nginx@sha256:9f86...', 'sha256 digest cannot contain ".": use hex digits only'],
    ['nginx@sha256:F00', 'sha256 digest must be lowercase'],
  ],
  malformed: [
    [
      'arn:aws:ecr:eu-west-1:123456789012:repository/app',
      'name of a resource in a cloud, not an image',
      '123456789012.dkr.ecr.eu-west-1.amazonaws.com/app',
    ],
    [HEX64, '64 hex digits are an image ID, not a name (a digest is written name@sha256:…)'],
    [':1.25', NO_NAME],
    ['registry.example.com/', NO_NAME],
    ['/app', 'registry or namespace before the first "/" is missing (an unset variable?)'],
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
