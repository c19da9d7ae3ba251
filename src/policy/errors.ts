import leven from 'leven';
import type { Position } from '../manifest/document.ts';
import { joinPointer, readPath, readString, type Pointer } from '../text/json.ts';
import { quote } from '../text/quote.ts';

export type PolicyProblem = Position & Readonly<{ message: string }>;

/** A screenful: more problems than that are mostly one, repeated. */
const MAX_LISTED = 20;

/** A policy that cannot be used. The message lists its problems, a line each: `policy.yaml:7:3: unknown key "mirors"…`. */
export class PolicyError extends Error {
  override readonly name = 'PolicyError';
  readonly source: string;
  readonly problems: readonly PolicyProblem[];

  constructor(source: string, problems: readonly PolicyProblem[]) {
    const lines = problems
      .slice(0, MAX_LISTED)
      .map(({ line, column, message }) => `${source}:${line}:${column}: ${message}`);
    const left = problems.length - lines.length;
    super([...lines, ...(left > 0 ? [`${source}: and ${left} more`] : [])].join('\n'));
    this.source = source;
    this.problems = problems;
  }
}

/** What is wrong, where; with `key`, it is the member's key that is wrong and not its value. */
export type SchemaProblem = Readonly<{ pointer: Pointer; part?: 'key'; message: string }>;

/**
 * What we read of ajv's `ErrorObject`; with `verbose` it brings the schema and the value along. Not named by ajv's type: that would
 * be in the types of the library, which comes without ajv.
 */
type SchemaError = Readonly<{
  keyword: string;
  instancePath: string;
  params: Readonly<Record<string, unknown>>;
  message?: string | undefined;
  data?: unknown;
  parentSchema?: object | undefined;
}>;

/** Says in words what ajv found. Undefined for errors that only say that another error made a branch fail. */
export function describeSchemaError(error: SchemaError): SchemaProblem | undefined {
  const pointer = error.instancePath;
  const { additionalProperty: unknown } = error.params as { additionalProperty?: string };
  if (error.keyword === 'if') return undefined;
  if (unknown !== undefined) {
    return { pointer: joinPointer(pointer, unknown), part: 'key', message: describeUnknownKey(unknown, error) };
  }
  return { pointer, message: (DESCRIPTIONS[error.keyword] ?? describeOther)(error) };
}

const DESCRIPTIONS: Readonly<Record<string, (error: SchemaError) => string>> = {
  required: describeMissingKey,
  const: ({ params, data }) => `must be ${JSON.stringify(params['allowedValue'])}, is ${show(data)}`,
  enum: describeChoice,
  type: describeType,
  minimum: ({ params, data }) => `must be ${String(params['limit'])} or more, is ${show(data)}`,
  maximum: ({ params, data }) => `must be ${String(params['limit'])} or less, is ${show(data)}`,
  minItems: () => 'must not be empty',
  minLength: () => 'must not be empty',
};

function describeUnknownKey(key: string, { parentSchema }: SchemaError): string {
  const removed = readString(parentSchema, 'removed', key);
  if (removed !== '') return `unknown key ${quote(key)}, which was removed as ${removed}: remove it`;
  return `unknown key ${quote(key)}${suggestOrList(key, Object.keys(readPath(parentSchema, 'properties') ?? {}))}`;
}

function describeMissingKey({ params, parentSchema }: SchemaError): string {
  const key = String(params['missingProperty']);
  const value = readString(parentSchema, 'properties', key, 'const');
  return `missing key ${quote(key)}${value === '' ? '' : `: write ${quote(`${key}: ${value}`)}`}`;
}

function describeType(error: SchemaError): string {
  const { params, data, parentSchema } = error;
  const types = [params['type']].flat().map(String);
  // Not every string will do, so that "a string" would be no help: 250 for 250ms.
  if (readPath(parentSchema, 'pattern') !== undefined) return describeOther(error);
  return `must be ${nameTypes(types)}, is ${show(data)}${types.includes('string') ? hintAtOff(data) : ''}`;
}

function describeChoice({ params, data }: SchemaError): string {
  const allowed = (params['allowedValues'] as readonly unknown[]).map(String);
  const meant = typeof data === 'string' ? SYNONYMS[data.toLowerCase()] : undefined;
  const hint =
    meant !== undefined && allowed.includes(meant)
      ? `; did you mean ${quote(meant)}?`
      : typeof data === 'string'
        ? suggest(data, allowed)
        : hintAtOff(data);
  return `must be one of ${allowed.join(', ')}, is ${show(data)}${hint}`;
}

/** What other tools and the labels of namespaces call our actions. */
const SYNONYMS: Readonly<Record<string, string>> = {
  block: 'deny',
  denied: 'deny',
  enforce: 'deny',
  error: 'deny',
  reject: 'deny',
  dryrun: 'audit',
  log: 'audit',
  warning: 'warn',
  allow: 'off',
  disabled: 'off',
  ignore: 'off',
};

/** A schema says in its title what its pattern and lengths are for. */
function describeOther({ keyword, message = keyword, parentSchema, data }: SchemaError): string {
  const title = readString(parentSchema, 'title');
  return `${title === '' ? message : `must be ${title}`}, is ${show(data)}`;
}

/** `; did you mean "mirrors"?` where a known word is close: a third of its letters away, as long but for its end, or with letters swapped. */
export function suggest(word: string, known: readonly string[]): string {
  const [closest] = known
    .map((candidate) => ({ candidate, distance: measureDistance(word.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, distance }) => distance <= Math.max(1, Math.floor(candidate.length / 3)))
    .sort((left, right) => left.distance - right.distance);
  return closest === undefined ? '' : `; did you mean ${quote(closest.candidate)}?`;
}

/** The suggestion, or failing that all there is to choose from. */
export function suggestOrList(word: string, known: readonly string[]): string {
  const suggestion = suggest(word, known);
  if (suggestion !== '' || known.length === 0) return suggestion;
  return known.length === 1 ? `: use ${known.join('')}` : `: use one of ${known.join(', ')}`;
}

/** Letters to change; one where a word is cut short or its letters are in another order. */
function measureDistance(word: string, candidate: string): number {
  const sameLetters = sortLetters(word) === sortLetters(candidate);
  const isStart = word.length >= 3 && candidate.startsWith(word);
  return sameLetters || isStart ? Math.min(1, leven(word, candidate)) : leven(word, candidate);
}

function sortLetters(word: string): string {
  return Array.from(word).sort().join('');
}

/** To YAML 1.1, and so to many a tool, `off` without quotes is the boolean. */
function hintAtOff(value: unknown): string {
  return value === false ? '; if you mean off, write "off" in quotes' : '';
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  integer: 'an integer',
  number: 'a number',
  object: 'an object',
  string: 'a string',
};

function nameTypes(types: readonly string[]): string {
  return types.map((type) => TYPE_NAMES[type] ?? type).join(' or ');
}

function show(value: unknown): string {
  if (value === null || value === undefined) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  return typeof value === 'string' ? quote(value, 60) : JSON.stringify(value);
}
