import { describe, expect, it } from 'vitest';

import { diagnoseVersion } from '../../src/image/diagnose-version.ts';
import { splitReference } from '../../src/image/grammar.ts';
import { HEX64 } from './arbitraries.ts';

const NO_TAG = 'nothing follows the ":" where the tag should be (an unset variable?)';
const A_COLON_TOO_MANY = 'there is a ":" too many before or after the tag';
const ONE_EXACT_TAG = 'reads as a range of versions; an image has one exact tag';
const AFTER_AT = 'a digest is written after "@", not after ":"';
const NO_DIGEST = 'is not a digest (sha256:… with 64 hex digits); a tag is written after ":"';

describe('diagnoseVersion', () => {
  it.each([
    ['empty-tag', 'nginx:', NO_TAG],
    ['empty-tag', `nginx:@sha256:${HEX64}`, NO_TAG],
    ['empty-tag', 'nginx::1.25', A_COLON_TOO_MANY],
    ['empty-tag', 'nginx:1.25:', A_COLON_TOO_MANY],
    ['two-tags', 'nginx:1.25:1.26', 'two tags ("1.25", "1.26"), only one is allowed'],
    ['two-tags', 'nginx:1:2:3:4', '4 tags ("1", "2", "3"), only one is allowed'],
    ['bad-port', 'a.b:5000:app', 'a "/" and not a ":" has to follow the port "5000"'],
    ['bad-tag', 'nginx:1.25+b1', 'tag "1.25+b1" cannot contain "+"'],
    ['bad-tag', 'a.b/app:feature/x', 'tag "feature/x" cannot contain "/"'],
    ['bad-tag', 'nginx:"1.25"', 'tag "\\"1.25\\"" cannot contain a quotation mark'],
    ['bad-tag', 'nginx:-alpine', 'tag "-alpine" must start with a letter, digit or "_"'],
    ['bad-tag', 'nginx:^1.25', `tag "^1.25" ${ONE_EXACT_TAG}`],
    ['bad-tag', 'nginx:*', `tag "*" ${ONE_EXACT_TAG}`],
    ['bad-tag', 'nginx:1.*', `tag "1.*" ${ONE_EXACT_TAG}`],
    ['bad-tag', `nginx:${'t'.repeat(129)}`, 'the tag has 129 characters, at most 128 are allowed'],
    ['bad-digest', `nginx:sha256:${HEX64}`, AFTER_AT],
    ['bad-digest', `nginx:1:sha256:${HEX64}`, AFTER_AT],
    ['bad-digest', 'nginx@', 'nothing follows the "@" where the digest should be (an unset variable?)'],
    ['bad-digest', 'nginx@1.25', `"@1.25" ${NO_DIGEST}`],
    ['bad-digest', `nginx@${HEX64}`, 'the digest lacks its algorithm: it is written @sha256:…'],
    ['bad-digest', `nginx@sha256-${HEX64}`, 'a ":" and hex digits have to follow the sha256 of a digest'],
    ['bad-digest', `nginx@SHA256:${HEX64}`, "a digest's algorithm is written in lower case: sha256"],
    ['bad-digest', 'nginx@md5:f00', 'unknown digest algorithm "md5", known are sha256, sha384, sha512'],
    ['bad-digest', `nginx@sha256:${HEX64}:1.25`, 'the tag stands before the digest: name:tag@sha256:…'],
    ['bad-digest', 'nginx@sha256:9f86…', 'a sha256 digest has hex digits only, no "…"'],
    ['bad-digest', `nginx@sha256:${HEX64.toUpperCase()}`, 'a sha256 digest is written in lower-case hex digits only'],
    ['bad-digest', `nginx@sha512:${HEX64}`, 'a sha512 digest has 128 hex digits, this one has 64'],
  ])('blames another thing than the %s in %j', (code, written, message) => {
    expect(diagnoseVersion(splitReference(written))).toEqual({ code, message });
  });

  it.each(['nginx', 'nginx:1.25', `nginx:1.25@sha256:${HEX64}`])('blames the tag or digest in %j', (written) => {
    expect(diagnoseVersion(splitReference(written))).toBeUndefined();
  });
});
