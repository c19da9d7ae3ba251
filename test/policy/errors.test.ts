import { Ajv } from 'ajv';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { describeSchemaError, PolicyError, suggest, suggestOrList } from '../../src/policy/errors.ts';

/** What is said about a value that does not fit a schema, as `pointer: message`. */
function problemsOf(schema: object, value: unknown): readonly string[] {
  const validate = new Ajv({ allErrors: true, verbose: true, allowUnionTypes: true, strict: false }).compile(schema);
  validate(value);
  return (validate.errors ?? []).flatMap((error) => {
    const problem = describeSchemaError(error);
    return problem === undefined
      ? []
      : [`${problem.pointer}${problem.part === 'key' ? '#key' : ''}: ${problem.message}`];
  });
}

const KNOWN = { kind: { const: 'Policy' }, mirrors: { type: 'array' }, rules: { type: 'object' } };
const OBJECT = { type: 'object', properties: KNOWN, additionalProperties: false };
const EMPTY = { type: 'object', additionalProperties: false, removed: { old: 'new is better' } };
const ACTION = { enum: ['off', 'audit', 'warn', 'deny'] };
const NAME = { type: 'string', pattern: '^[a-z]+$', maxLength: 5, title: 'a name such as abc' };

describe('an error', () => {
  const errorWith = (count: number): PolicyError =>
    new PolicyError(
      'dir/p.yaml',
      Array.from({ length: count }, (_, at) => ({ line: at + 1, column: 3, message: `wrong ${at}` })),
    );

  test('has each problem in a line that editors and CI logs link', () => {
    expect(errorWith(2)).toMatchObject({ name: 'PolicyError', source: 'dir/p.yaml' });
    expect(errorWith(2).message).toBe('dir/p.yaml:1:3: wrong 0\ndir/p.yaml:2:3: wrong 1');
  });

  test('fits on a screen, and the program still gets every problem', () => {
    expect(errorWith(1000).message.split('\n')).toHaveLength(21);
    expect(errorWith(1000).message).toMatch(/\ndir\/p\.yaml:20:3: wrong 19\ndir\/p\.yaml: and 980 more$/);
    expect(errorWith(1000).problems).toHaveLength(1000);
    expect(errorWith(20).message).toMatch(/\ndir\/p\.yaml:20:3: wrong 19$/);
  });
});

describe('no one has to know JSON Schema to mend a policy', () => {
  test.each<[problem: string, schema: object, value: unknown]>([
    ['/mirors#key: unknown key "mirors"; did you mean "mirrors"?', OBJECT, { mirors: [] }],
    ['/x#key: unknown key "x": use one of kind, mirrors, rules', OBJECT, { x: 1 }],
    ['/a~1b~0#key: unknown key "a/b~": use one of kind, mirrors, rules', OBJECT, { 'a/b~': 1 }],
    ['/fix#key: unknown key "fix": use action', { ...OBJECT, properties: { action: ACTION } }, { fix: 1 }],
    ['/constructor#key: unknown key "constructor"', EMPTY, { constructor: 1 }],
    ['/old#key: unknown key "old", which was removed as new is better: remove it', EMPTY, { old: 1 }],
    [
      '/me:s3cret@host.example~1app#key: unknown key "***@host.example/app"',
      EMPTY,
      { 'me:s3cret@host.example/app': 1 },
    ],
    [': missing key "kind": write "kind: Policy"', { ...OBJECT, required: ['kind'] }, {}],
    [': missing key "from"', { type: 'object', required: ['from'] }, {}],
    ['/kind: must be "Policy", is "policy"', OBJECT, { kind: 'policy' }],
    [': must be one of off, audit, warn, deny, is "Deny"; did you mean "deny"?', ACTION, 'Deny'],
    [': must be one of off, audit, warn, deny, is "error"; did you mean "deny"?', ACTION, 'error'],
    [': must be one of off, audit, warn, deny, is "Enforce"; did you mean "deny"?', ACTION, 'Enforce'],
    [': must be one of off, audit, warn, deny, is "constructor"', ACTION, 'constructor'],
    [': must be one of off, audit, warn, deny, is false; if you mean off, write "off" in quotes', ACTION, false],
    [': must be one of off, audit, warn, deny, is "***@a.example/b"', ACTION, 'me:s3cret@a.example/b'],
    [String.raw`: must be one of off, audit, warn, deny, is "\u001b[2J"`, ACTION, '\u001b[2J'],
    [': must be a string, is false; if you mean off, write "off" in quotes', { type: 'string' }, false],
    [': must be a list, is false', { type: 'array' }, false],
    [': must be a list or an object, is "a"', { type: ['array', 'object'] }, 'a'],
    [': must be true or false, is a list', { type: 'boolean' }, []],
    [': must be a number, is an object', { type: 'number' }, {}],
    [': must be an integer, is empty', { type: 'integer' }, null],
    [': must not be empty', { type: 'array', minItems: 1 }, []],
    [': must not be empty', { type: 'string', minLength: 1 }, ''],
    // In the words of the schema: not any text will do, so that "a text" would be no help.
    [': must be a name such as abc, is "A"', NAME, 'A'],
    [': must be a name such as abc, is "abcdef"', NAME, 'abcdef'],
    [': must be a name such as abc, is 250', NAME, 250],
    [': must be 3 or more, is 2', { type: 'number', minimum: 3 }, 2],
    [': must be 3 or less, is 4', { type: 'number', maximum: 3, title: 'a few' }, 4],
    [': must be multiple of 3, is 4', { type: 'number', multipleOf: 3 }, 4],
  ])('%s', (problem, schema, value) => {
    expect(problemsOf(schema, value)).toEqual([problem]);
  });

  test('a branch that failed is told by what is wrong in it alone', () => {
    const schema = { type: ['string', 'object'], if: { type: 'string' }, then: ACTION };
    expect(problemsOf(schema, 'wran')).toEqual([
      ': must be one of off, audit, warn, deny, is "wran"; did you mean "warn"?',
    ]);
  });

  test('all mistakes are told at once', () => {
    expect(problemsOf(OBJECT, { mirrors: 3, rules: [], foo: 1 })).toHaveLength(3);
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
    expect(suggestOrList('xyz', ['from', 'to'])).toBe(': use one of from, to');
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
