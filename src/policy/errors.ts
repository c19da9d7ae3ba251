import leven from 'leven';
import type { Position } from '../manifest/document.ts';
import { joinPointer, readPath, readString, type Pointer } from '../text/json.ts';
import { quote } from '../text/quote.ts';

export type PolicyProblem = Position & Readonly<{ message: string }>;

/** About one screen: more problems than that are usually one problem, repeated. */
const MAX_LISTED = 20;

/** A policy that cannot be used. Its message has a line for each problem, in order: `policy.yaml:7:3: unknown key "mirors"…`. */
export class PolicyError extends Error {
  override readonly name = 'PolicyError';
  readonly source: string;
  readonly problems: readonly PolicyProblem[];

  constructor(source: string, problems: readonly PolicyProblem[]) {
    const sorted = problems.toSorted((left, right) => left.line - right.line || left.column - right.column);
    const lines = sorted
      .slice(0, MAX_LISTED)
      .map(({ line, column, message }) => `${source}:${line}:${column}: ${message}`);
    const left = problems.length - lines.length;
    super([...lines, ...(left > 0 ? [`${source}: and ${left} more`] : [])].join('\n'));
    this.source = source;
    this.problems = sorted;
  }
}

/** A problem and its place; with `key`, the member's key is wrong and not its value. */
export type SchemaProblem = Readonly<{ pointer: Pointer; part?: 'key'; message: string }>;

/**
 * The parts of ajv's `ErrorObject` that are used; with `verbose` it includes the schema and the value. ajv's type is not used
 * here: it would become part of the library's types, which are published without ajv.
 */
type SchemaError = Readonly<{
  keyword: string;
  instancePath: string;
  params: Readonly<Record<string, unknown>>;
  message?: string | undefined;
  data?: unknown;
  parentSchema?: object | undefined;
}>;

/** Describes an error of ajv. Undefined for errors that only report that a branch failed because of another error. */
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
  // With a pattern, "a string" would not help: 250 for 250ms.
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

/** Names of actions in other tools and in namespace labels. */
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

/** The title of a schema describes its pattern and lengths. */
function describeOther({ keyword, message = keyword, parentSchema, data }: SchemaError): string {
  const title = readString(parentSchema, 'title');
  return `${title === '' ? message : `must be ${title}`}, is ${show(data)}`;
}

/**
 * `; did you mean "mirrors"?` for a similar known word: up to a third of its letters differ, it is cut off, or letters are
 * swapped.
 */
export function suggest(word: string, known: readonly string[]): string {
  const [closest] = known
    .map((candidate) => ({ candidate, distance: measureDistance(word.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, distance }) => distance <= Math.max(1, Math.floor(candidate.length / 3)))
    .sort((left, right) => left.distance - right.distance);
  return closest === undefined ? '' : `; did you mean ${quote(closest.candidate)}?`;
}

/** The suggestion, otherwise the list of allowed words. */
export function suggestOrList(word: string, known: readonly string[]): string {
  const suggestion = suggest(word, known);
  if (suggestion !== '' || known.length === 0) return suggestion;
  return known.length === 1 ? `: use ${known.join('')}` : `: use one of ${known.join(', ')}`;
}

/** The edit distance; at most 1 if the word is cut off or its letters are in another order. */
function measureDistance(word: string, candidate: string): number {
  const sameLetters = sortLetters(word) === sortLetters(candidate);
  const isStart = word.length >= 3 && candidate.startsWith(word);
  return sameLetters || isStart ? Math.min(1, leven(word, candidate)) : leven(word, candidate);
}

function sortLetters(word: string): string {
  return Array.from(word).sort().join('');
}

/** In YAML 1.1, which many tools use, `off` without quotes is a boolean. */
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
