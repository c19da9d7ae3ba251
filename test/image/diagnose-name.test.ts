import { describe, expect, it } from 'vitest';

import { diagnoseName } from '../../src/image/diagnose-name.ts';
import { splitReference } from '../../src/image/grammar.ts';
import { HEX64 } from './arbitraries.ts';

const IPV6 = 'an IPv6 address is written in brackets: [2001:db8::1]';
const A_SLASH_TOO_MANY = 'the repository name has a "/" too many (at its start or end, or two in a row)';
const NO_START = 'nothing stands before the first "/" (an unset variable?)';
const MIXTURE = 'may hold one ".", one or two "_" or any number of "-" in a row, and no mixture';
const IMAGE_ID = '64 hex digits are an image id, not a name; a digest is written name@sha256:…';

describe('diagnoseName', () => {
  it.each([
    ['bad-port', 'a.b:/app', 'no port number follows "a.b:" (an unset variable?)'],
    ['bad-port', 'a.b:port/app', '"port" after "a.b" is not a port number'],
    ['bad-port', 'a.b:5000x/app', '"5000x" after "a.b" is not a port number'],
    ['bad-port', 'ghcr.io:org/app:1', '"org" after "ghcr.io" is not a port number'],
    ['bad-port', 'a.b:5000:team/app', 'a "/" and not a ":" has to follow the port "5000"'],
    ['bad-port', 'localhost:x/app', '"x" after "localhost" is not a port number'],
    ['bad-tag', 'app:feature/login', 'tag "feature/login" cannot contain "/"'],
    ['bad-host', ':5000/app', 'the host before ":" is missing (an unset variable?)'],
    ['bad-host', '.a.b/app', 'host ".a.b" has nothing before a "." (an unset variable?)'],
    ['bad-host', 'swr..example.com/app', 'host "swr..example.com" has nothing before a "." (an unset variable?)'],
    ['bad-host', 'a.b./app', 'host "a.b." ends with a "."'],
    ['bad-host', 'my_registry:5000/app', 'host "my_registry" cannot contain "_"'],
    ['bad-host', '*.a.b/app', 'host "*.a.b" cannot contain "*"'],
    ['bad-host', '-a.b/app', 'host "-a.b" has a part that starts or ends with "-"'],
    ['bad-host', '2001:db8::1/app', IPV6],
    ['bad-host', '::1/app', IPV6],
    ['bad-host', 'fe80::1%eth0/app', IPV6],
    ['bad-host', '[::1/app', 'the "[" of an IPv6 address needs its "]"'],
    [
      'bad-host',
      '[fe80::1%eth0]:5000/app',
      'host "[fe80::1%eth0]" may hold only hex digits and ":" between its brackets',
    ],
    ['uppercase', 'NGINX', 'repository name must be lowercase'],
    ['uppercase', 'a.b/Team/app:1', 'repository name must be lowercase'],
    ['uppercase', 'my_host.local/App', 'repository name must be lowercase'],
    ['malformed', HEX64, IMAGE_ID],
    ['malformed', ':1.25', 'the repository name is missing'],
    ['malformed', 'a.b/', 'the repository name is missing'],
    ['malformed', 'nginx=1.25', 'a repository name cannot contain "="'],
    ['malformed', '"nginx"', 'a repository name cannot contain a quotation mark'],
    ['malformed', 'IMAGE=nginx', 'a repository name cannot contain "="'],
    ['malformed', '/app', NO_START],
    ['malformed', 'a.b//app', A_SLASH_TOO_MANY],
    ['malformed', 'app/', A_SLASH_TOO_MANY],
    ['malformed', 'a.b/-app', '"-app" must start and end with a letter or digit'],
    ['malformed', '-', '"-" must start and end with a letter or digit'],
    ['malformed', 'team/a___b', `"a___b" ${MIXTURE}`],
    ['malformed', 'a.-b', `"a.-b" ${MIXTURE}`],
    ['too-long', 'a.b/' + 'a'.repeat(256), 'the repository name has 256 characters; at most 255 are allowed'],
    ['too-long', 'my_host.local/' + 'a'.repeat(250), 'the repository name has 264 characters; at most 255 are allowed'],
    [
      'too-long',
      'a'.repeat(248),
      'the repository name has 256 characters, with the "library/" of Docker Hub; at most 255 are allowed',
    ],
  ])('blames another thing than the %s in %j', (code, written, message) => {
    expect(diagnoseName(splitReference(written))).toEqual({ code, message });
  });

  it.each(['nginx', 'a.b:5000/team/app', '[::1]:5000/app', 'my_host.local/app', 'a.b/' + 'a'.repeat(255)])(
    'blames the name in %j instead of what follows it',
    (written) => {
      expect(diagnoseName(splitReference(written))).toBeUndefined();
    },
  );
});
