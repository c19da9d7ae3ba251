import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chooseChallenge, isForOthers, parseChallenges } from '../../../src/registry/client/challenge.ts';
import { anyString } from '../../image/arbitraries.ts';

/** As plain values, `[scheme, { name: value }]`. */
function read(header: string) {
  return parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);
}

const REALM = 'https://auth.example.com/token';

describe('challenges', () => {
  test.each<[header: string, challenges: unknown[]]>([
    [
      `Bearer realm="${REALM}",service="registry.example.com",scope="repository:team/app:pull"`,
      [['bearer', { realm: REALM, service: 'registry.example.com', scope: 'repository:team/app:pull' }]],
    ],
    // A comma in quotes is text; of several headers Node makes one, with commas between.
    [
      'Bearer realm="a",scope="pull,push", Basic realm="b"',
      [
        ['bearer', { realm: 'a', scope: 'pull,push' }],
        ['basic', { realm: 'b' }],
      ],
    ],
    [
      'Basic realm="a", Bearer realm="b"',
      [
        ['basic', { realm: 'a' }],
        ['bearer', { realm: 'b' }],
      ],
    ],
    // Names in any case, spaces wherever they may be, values without quotes.
    ['BEARER Realm = "a" ,\tSERVICE=b', [['bearer', { realm: 'a', service: 'b' }]]],
    ['bearer   realm=https', [['bearer', { realm: 'https' }]]],
    ['Basic realm="say \\"hello\\" \\\\ world"', [['basic', { realm: 'say "hello" \\ world' }]]],
    [
      'Negotiate, Basic realm=""',
      [
        ['negotiate', {}],
        ['basic', { realm: '' }],
      ],
    ],
    [
      'Negotiate YWJj==, Basic realm="a"',
      [
        ['negotiate', { ywjj: '' }],
        ['basic', { realm: 'a' }],
      ],
    ],
    // What is in quotes is never a challenge, closed or not.
    ['Basic realm="Bearer realm=evil"', [['basic', { realm: 'Bearer realm=evil' }]]],
    ['"Bearer realm=evil" Basic realm=a', [['basic', { realm: 'a' }]]],
    ['Basic realm="a, Bearer realm=evil', [['basic', { realm: '' }]]],
    [
      'Basic realm="a\\", Bearer realm="evil"',
      [
        ['basic', { realm: 'a", Bearer realm=' }],
        ['evil', {}],
      ],
    ],
    // The first of two counts, and one without a scheme counts for nobody.
    ['Bearer realm="a",realm="b"', [['bearer', { realm: 'a' }]]],
    ['realm="a"', []],
    ['', []],
    [' , ,, ', []],
  ])('of %s', (header, challenges) => {
    expect(read(header)).toEqual(challenges);
  });

  const token = fc.stringMatching(/^[A-Za-z][\w!#$%&'*+.^`|~-]{0,8}$/);
  const challenge = fc.tuple(
    token.map((name) => name.toLowerCase()),
    fc.dictionary(
      token.map((name) => name.toLowerCase()),
      fc.string({ unit: 'grapheme-ascii', maxLength: 20 }),
      { minKeys: 1, maxKeys: 4, noNullPrototype: true },
    ),
  );

  test('are read as they were written', () => {
    fc.assert(
      fc.property(fc.array(challenge, { maxLength: 4 }), (challenges) => {
        const header = challenges.map(([scheme, parameters]) => {
          const written = Object.entries(parameters).map(
            ([name, value]) => `${name}="${value.replaceAll(/["\\]/g, '\\$&')}"`,
          );
          return `${scheme} ${written.join(', ')}`;
        });
        expect(read(header.join(', '))).toEqual(challenges);
      }),
    );
  });

  test('of any text whatsoever are read, and in no time', () => {
    fc.assert(fc.property(anyString, (header) => parseChallenges(header).length <= header.length));
    // As much as a header may hold, of what makes bad patterns go back and forth.
    for (const part of ['a ', 'a=', 'a="', '\\"', '"\\', 'a=b,', ' \t', 'a'.repeat(50)]) {
      expect(parseChallenges(part.repeat(16_384)).length).toBeLessThanOrEqual(16_384);
    }
  });
});

describe('the challenge that is answered', () => {
  test.each<[header: string | undefined, chosen: ReturnType<typeof chooseChallenge>]>([
    [`Bearer realm="${REALM}",service="s"`, { kind: 'bearer', realm: REALM, service: 's' }],
    [`Bearer realm="${REALM}"`, { kind: 'bearer', realm: REALM }],
    // Bearer wherever it stands, else Basic, which needs nothing.
    [`Basic realm="a", Bearer realm="${REALM}"`, { kind: 'bearer', realm: REALM }],
    ['Basic realm="a"', { kind: 'basic' }],
    ['Basic', { kind: 'basic' }],
    // Without a realm nobody knows where tokens are.
    ['Bearer service="s", Basic realm="a"', { kind: 'basic' }],
    ['Bearer realm=""', undefined],
    ['Digest realm="a", nonce="b"', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('of %s', (header, chosen) => {
    expect(chooseChallenge(header)).toEqual(chosen);
  });
});

// Whoever is refused with a token that was not meant to be enough is not denied the image.
test.each<[scope: string | undefined, isForOthers: boolean]>([
  [undefined, false],
  ['', false],
  ['repository:team/app:pull', false],
  ['repository:team/app:pull,push registry:catalog:*', false],
  ['registry:catalog:*', false],
  ['repository:upstream/team/app:pull', true],
  ['repository:team/app-2:pull', true],
  ['repository:other:pull repository:team/app:pull', false],
  ['repository::pull', false],
])('a token for %s is for others than team/app: %s', (scope, expected) => {
  expect(isForOthers(scope, 'team/app')).toBe(expected);
});
