import { describe, expect, it } from 'vitest';

import {
  diagnoseReference,
  REFERENCE_PROBLEM_CODES,
  type ReferenceProblemCode,
} from '../../src/image/diagnose-reference.ts';
import { readReference } from '../../src/image/reference.ts';
import { HEX64 } from './arbitraries.ts';

type Row = readonly [written: string, message: string, suggestion?: string];

const leftIn = (placeholder: string): string =>
  `a placeholder was left in: "${placeholder}" has to be replaced before the manifest is applied`;
const printed = (misprint: string): string => `a template had no usable value here: it printed "${misprint}"`;
const noScheme = (scheme: string): string => `an image address has no scheme, leave out "${scheme}"`;
const foreign = (char: string): string => `the address contains ${char}, only ASCII is allowed`;
const CREDENTIALS = 'credentials do not belong in an image address but in a pull secret';
const LIKE_CREDENTIALS =
  'what stands before "@" reads as credentials, which belong in a pull secret (a digest is written @sha256:…)';
const OBJECT = 'a template printed a whole object here, not an address';
const FILE = 'this is a file path; images are pulled from registries only';
const GIT = 'this is the address of a git repository, not of an image';

/** One or more samples of every code; what is said of the parts of an address is tested with its own module. */
const PROBLEMS: Readonly<Record<ReferenceProblemCode, readonly Row[]>> = {
  empty: [['', 'the image address is empty']],
  placeholder: [
    ['registry/${IMAGE}:1', leftIn('${IMAGE}')],
    ['nginx:${TAG', leftIn('${TAG')],
    ['{{ .Values.image }}', leftIn('{{ .Values.image }}')],
    ['ghcr.io/${{ github.repository }}:v1', leftIn('${{ github.repository }}')],
    ['<image_address>', leftIn('<image_address>')],
    ['nginx:@TAG@', leftIn('@TAG@')],
    ['CHANGEME', leftIn('CHANGEME')],
    [`nginx:\${${'A'.repeat(50)}}`, leftIn(`\${${'A'.repeat(17)}…${'A'.repeat(19)}}`)],
    ['nginx:%!s(float64=1.25)', printed('%!s(float64=1.25)')],
    ['nginx:<no value>', printed('<no value>')],
    ['map[repository:nginx tag:1.25]', OBJECT],
    [
      'a.b/@ORG@/app',
      'a placeholder between "@" signs was left in; it has to be replaced before the manifest is applied',
    ],
  ],
  userinfo: [
    ['https://user:secret@a.b/app', CREDENTIALS, 'a.b/app'],
    ['user:secret@a.b/app:1', CREDENTIALS, 'a.b/app:1'],
    ['user:${PASSWORD}@a.b/app', CREDENTIALS, 'a.b/app'],
    ['user:$ecret@a.b/app', CREDENTIALS, 'a.b/app'],
    ['user:secret@nginx', LIKE_CREDENTIALS],
    ['nginx:main@sha', LIKE_CREDENTIALS],
  ],
  scheme: [
    ['https://a.b/app:1', noScheme('https://'), 'a.b/app:1'],
    ['docker-pullable://nginx@sha256:' + HEX64, noScheme('docker-pullable://'), 'nginx@sha256:' + HEX64],
    ['https:/a.b/app', noScheme('https:/'), 'a.b/app'],
    ['https://index.docker.io/v1/', noScheme('https://')],
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
  'bad-port': [['a.b:x/app', '"x" after "a.b" is not a port number']],
  'bad-host': [['a..b/app', 'host "a..b" has nothing before a "." (an unset variable?)']],
  uppercase: [['NGINX:1.25', 'repository name must be lowercase', 'nginx:1.25']],
  'too-long': [['a.b/' + 'a'.repeat(256), 'the repository name has 256 characters; at most 255 are allowed']],
  'two-tags': [['nginx:1.25:latest', 'two tags ("1.25", "latest"), only one is allowed', 'nginx:1.25']],
  'empty-tag': [['nginx:', 'nothing follows the ":" where the tag should be (an unset variable?)']],
  'bad-tag': [['nginx:1.25+b1', 'tag "1.25+b1" cannot contain "+"', 'nginx:1.25-b1']],
  'bad-digest': [['nginx@sha256:abc', 'a sha256 digest has 64 hex digits, this one has 3']],
  malformed: [
    ['nginx/', 'the repository name has a "/" too many (at its start or end, or two in a row)', 'nginx'],
    ['C:\\images\\nginx.tar', FILE],
    ['./nginx', FILE],
    ['git@github.com:org/app.git', GIT],
    ['https://github.com/org/app.git', GIT],
  ],
};

const ROWS = REFERENCE_PROBLEM_CODES.flatMap((code) =>
  PROBLEMS[code].map(([written, message, suggestion]) => ({ code, written, message, suggestion })),
);

describe('diagnoseReference', () => {
  it.each(ROWS)('explains $written wrongly, or another way than before', ({ code, written, message, suggestion }) => {
    expect(readReference(written)).toBeUndefined();
    expect(diagnoseReference(written)).toEqual({ code, message, ...(suggestion !== undefined && { suggestion }) });
  });

  it.each(REFERENCE_PROBLEM_CODES.map((code) => [code]))('documents a code that no address gets: %s', (code) => {
    expect(PROBLEMS[code]).not.toHaveLength(0);
  });
});
