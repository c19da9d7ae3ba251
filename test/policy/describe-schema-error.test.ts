import { Ajv } from 'ajv';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { describeSchemaError, suggest, suggestOrList } from '../../src/policy/describe-schema-error.ts';

/** What is said about a value that does not fit a schema, as `pointer: message`. */
function problemsOf(schema: object, value: unknown): readonly string[] {
  const validate = new Ajv({ allErrors: true, verbose: true, allowUnionTypes: true }).compile(schema);
  validate(value);
  return (validate.errors ?? []).flatMap((error) => {
    const problem = describeSchemaError(error);
    return problem === undefined
      ? []
      : [`${problem.pointer}${problem.part === 'key' ? '#key' : ''}: ${problem.message}`];
  });
}

const OBJECT = {
  type: 'object',
  properties: { kind: { const: 'Policy' }, mirrors: { type: 'array' }, rules: { type: 'object' } },
  required: ['kind'],
  additionalProperties: false,
};
const ACTION = { enum: ['off', 'audit', 'warn', 'deny'] };
const NAME = { type: 'string', pattern: '^[a-z]+$', maxLength: 5, description: 'a name such as abc' };

describe('no one has to know JSON Schema to mend a policy', () => {
  test.each<[what: string, schema: object, value: unknown, problem: string]>([
    [
      'a key that is nearly right',
      OBJECT,
      { kind: 'Policy', mirors: [] },
      '/mirors#key: unknown key "mirors"; did you mean "mirrors"?',
    ],
    [
      'a key that is nothing like it',
      OBJECT,
      { kind: 'Policy', x: 1 },
      '/x#key: unknown key "x"; known are kind, mirrors, rules',
    ],
    [
      'a key with a slash',
      OBJECT,
      { kind: 'Policy', 'a/b~': 1 },
      '/a~1b~0#key: unknown key "a/b~"; known are kind, mirrors, rules',
    ],
    [
      'a key where only one is known',
      { type: 'object', properties: { action: ACTION }, additionalProperties: false },
      { fix: true },
      '/fix#key: unknown key "fix"; only action is known',
    ],
    ['a key where none is known', { type: 'object', additionalProperties: false }, { a: 1 }, '/a#key: unknown key "a"'],
    ['a missing key whose value is given', OBJECT, {}, ': missing key "kind"; write "kind: Policy"'],
    ['a missing key', { type: 'object', required: ['from'] }, {}, ': missing key "from"'],
    ['another constant', OBJECT, { kind: 'policy' }, '/kind: must be "Policy", is "policy"'],
    [
      'a choice nearly right',
      ACTION,
      'dney',
      ': must be one of off, audit, warn, deny, is "dney"; did you mean "deny"?',
    ],
    [
      'a choice in capitals',
      ACTION,
      'Deny',
      ': must be one of off, audit, warn, deny, is "Deny"; did you mean "deny"?',
    ],
    ['a choice that is none', ACTION, 'error', ': must be one of off, audit, warn, deny, is "error"'],
    [
      'off as a program of YAML 1.1 writes it',
      ACTION,
      false,
      ': must be one of off, audit, warn, deny, is false; if that was off, write "off" in quotes',
    ],
    [
      'the same where an object may stand',
      { type: ['string', 'object'] },
      false,
      ': must be a text or an object, is false; if that was off, write "off" in quotes',
    ],
    ['false where no text may stand', { type: 'array' }, false, ': must be a list, is false'],
    ['a text for a list', { type: 'array' }, 'a', ': must be a list, is "a"'],
    ['a list for an object', { type: 'object' }, [], ': must be an object, is a list'],
    ['an object for a text', { type: 'string' }, {}, ': must be a text, is an object'],
    ['a word for true', { type: 'boolean' }, 'yes', ': must be true or false, is "yes"'],
    ['nothing for a number', { type: 'number' }, null, ': must be a number, is empty'],
    ['a broken number', { type: 'integer' }, 1.5, ': must be a whole number, is 1.5'],
    ['an empty list', { type: 'array', minItems: 1 }, [], ': must not be empty'],
    ['an empty text', { type: 'string', minLength: 1 }, '', ': must not be empty'],
    ['a pattern, in the words of the schema', NAME, 'A', ': must be a name such as abc, is "A"'],
    ['a length, in the words of the schema', NAME, 'abcdef', ': must be a name such as abc, is "abcdef"'],
    ['a number for a text that has to be more than a text', NAME, 250, ': must be a name such as abc, is 250'],
    ['too small a number', { type: 'number', minimum: 3 }, 2, ': must be 3 or more, is 2'],
    ['too large a number', { type: 'number', maximum: 3, description: 'How many.' }, 4, ': must be 3 or less, is 4'],
    ['anything a schema has no words for', { type: 'number', multipleOf: 3 }, 4, ': must be multiple of 3, is 4'],
    [
      'a value that holds credentials',
      ACTION,
      'me:s3cret@host.example/app',
      ': must be one of off, audit, warn, deny, is "***@host.example/app"',
    ],
    [
      'a key that holds credentials',
      { type: 'object', additionalProperties: false },
      { 'me:s3cret@host.example/app': 1 },
      '/me:s3cret@host.example~1app#key: unknown key "***@host.example/app"',
    ],
    [
      'a value that would garble the terminal',
      ACTION,
      '\u001b[2J',
      String.raw`: must be one of off, audit, warn, deny, is "\u001b[2J"`,
    ],
  ])('%s', (_what, schema, value, problem) => {
    expect(problemsOf(schema, value)).toEqual([problem]);
  });

  test('a branch that failed is told by what is wrong in it alone', () => {
    const schema = { type: ['string', 'object'], if: { type: 'string' }, then: ACTION };
    expect(problemsOf(schema, 'wran')).toEqual([
      ': must be one of off, audit, warn, deny, is "wran"; did you mean "warn"?',
    ]);
  });

  test('all mistakes are told at once', () => {
    expect(problemsOf(OBJECT, { mirrors: 3, rules: [], foo: 1 })).toHaveLength(4);
  });
});

describe('did you mean', () => {
  const IDS = ['reference-valid', 'tag-explicit', 'mirror-used', 'pull-secret-present'];
  test.each<[word: string, meant: string | undefined]>([
    ['reference-vaild', 'reference-valid'],
    ['mirror_used', 'mirror-used'],
    ['MIRROR-USED', 'mirror-used'],
    ['mirrors-used', 'mirror-used'],
    ['pull-secret', 'pull-secret-present'],
    ['tag', 'tag-explicit'],
    ['ta', undefined],
    ['image-pullable', undefined],
    ['', undefined],
  ])('%s → %s', (word, meant) => {
    expect(suggest(word, IDS)).toBe(meant === undefined ? '' : `; did you mean "${meant}"?`);
  });

  test('a short word is not taken for another short word', () => {
    expect(suggest('on', ['off', 'audit'])).toBe('');
    expect(suggest('fxi', ['fix', 'action'])).toBe('; did you mean "fix"?');
  });

  test('the closest is suggested, and failing that all are listed', () => {
    expect(suggest('warm', ['wars', 'warm-up', 'warn'])).toBe('; did you mean "wars"?');
    expect(suggestOrList('xyz', ['from', 'to'])).toBe('; known are from, to');
    expect(suggestOrList('x', [])).toBe('');
  });

  test('any word with one slip in it is recognised', () => {
    const slip = fc.tuple(
      fc.constantFrom(...IDS),
      fc.nat(),
      fc.constantFrom('drop' as const, 'double' as const, 'swap' as const),
    );
    fc.assert(
      fc.property(slip, ([id, where, kind]) => {
        const at = where % (id.length - 1);
        const [head, a = '', b = '', tail] = [id.slice(0, at), id[at], id[at + 1], id.slice(at + 2)];
        const slipped = { drop: head + b + tail, double: head + a + a + b + tail, swap: head + b + a + tail }[kind];
        expect(suggest(slipped, IDS)).toBe(`; did you mean "${id}"?`);
      }),
    );
  });
});
