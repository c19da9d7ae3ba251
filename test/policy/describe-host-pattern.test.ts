import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { describeHostPattern } from '../../src/policy/describe-host-pattern.ts';
import { matchHostPattern, parseHostPattern, toHostTarget } from '../../src/image/host-pattern.ts';
import { parseReference } from '../../src/image/parse-reference.ts';

function describeText(text: string): string | undefined {
  const pattern = parseHostPattern(text);
  if (pattern === undefined) throw new Error(`${text} is malformed`);
  return describeHostPattern(pattern);
}

describe('a pattern that can match no image is a mistake of somebody who believes it does', () => {
  const ONE_WORD =
    'has a host of one word, which is none in an image address; write it out, and Docker Hub as docker.io';
  const BAD_HOST = 'has a host that no image address can have';
  const BAD_PATH = 'has a path that no repository starts with; they are lower-case, with single slashes';
  const GLOB = 'has a glob in its path; a path is matched by how it starts, leave the glob out';
  const TAG = 'has a tag or a digest; a pattern ends with the path, or within it';
  const PORT = 'has a port that is not a number';
  test.each([
    ['https://a.example', 'starts with a scheme; begin with the host'],
    ['user:password@a.example', 'holds credentials; they belong in a pull secret'],
    ['a.example /b', 'contains white space'],
    ['/team', 'has no host'],
    ['nginx', ONE_WORD],
    ['library/nginx', ONE_WORD],
    ['*', ONE_WORD],
    ['a..example', BAD_HOST],
    ['.a.example', BAD_HOST],
    ['a.example.', BAD_HOST],
    ['a_b.example', BAD_HOST],
    ['é.example', BAD_HOST],
    [':5000', BAD_HOST],
    ['a.example:*', PORT],
    ['a.example:[0-9]*', PORT],
    ['a.example:https', PORT],
    ['a.example:', PORT],
    ['a.example:1:2', PORT],
    ['a.example/*', GLOB],
    ['a.example/team-?', GLOB],
    ['a.example/app:1.2', TAG],
    ['a.example/app@sha256:0', TAG],
    ['a.example/Team', BAD_PATH],
    ['a.example//team', BAD_PATH],
    ['a.example/-team', BAD_PATH],
  ])('%s', (text, problem) => {
    expect(describeText(text)).toBe(problem);
  });
});

describe('a pattern that matches images is left alone', () => {
  test.each([
    ['a.example', 'a.example/b'],
    ['A.example', 'A.example/b'],
    ['*.example', 'a.example/b'],
    ['a-[0-9].exampl?', 'a-1.example/b'],
    ['a.example:5000', 'a.example:5000/b'],
    ['*:5000', 'registry:5000/b'],
    ['10.0.0.1:20202', '10.0.0.1:20202/b'],
    ['[fd00::1]:5000', '[fd00::1]:5000/b'],
    ['localhost', 'localhost/b'],
    ['docker.io', 'nginx'],
    ['docker.io/library', 'nginx'],
    ['index.docker.io', 'nginx'],
    ['a.example/', 'a.example/b'],
    ['a.example/team/', 'a.example/team/b'],
    ['a.example/team-', 'a.example/team-b/c'],
    ['a.example/v1.', 'a.example/v1.2'],
    ['a.example/a__', 'a.example/a__b'],
  ])('%s, such as %s', (text, image) => {
    expect(describeText(text)).toBeUndefined();
    const parsed = parseReference(image);
    expect(parsed.ok && matchHostPattern(parseHostPattern(text)!, toHostTarget(parsed.reference))).toBe(true);
  });

  test('any registry and start of a repository that an image can have is a good pattern for it', () => {
    const component = fc.stringMatching(/^[a-z0-9]{1,6}(?:(?:\.|__?|-+)[a-z0-9]{1,6}){0,2}$/);
    const registry = fc.stringMatching(/^[a-z0-9]{1,6}(?:\.[a-z0-9]{1,6}){1,3}(?::[0-9]{2,5})?$/);
    const path = fc.array(component, { minLength: 1, maxLength: 3 }).map((components) => components.join('/'));
    fc.assert(
      fc.property(registry, path, fc.nat(), (host, repository, cut) => {
        const text = `${host}/${repository.slice(0, cut % (repository.length + 1))}`;
        expect(describeText(text), text).toBeUndefined();
      }),
    );
  });
});
