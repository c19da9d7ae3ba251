import { placeOf, readLenientDocument, TOO_DEEP, type Locate, type Position } from '../manifest/document.ts';
import { isRecord, joinPointer } from '../text/json.ts';
import { quote } from '../text/quote.ts';
import { PolicyError, type PolicyProblem, type SchemaProblem } from './errors.ts';
import type { PolicyOf, RuleDefinition } from './policy.ts';
import { fitSchema, MAX_PROBLEMS, POLICY_API_VERSION, POLICY_KIND, spareDamaged, type PolicyFile } from './schema.ts';
import type { Report } from './section.ts';
import { buildExempt } from './sections/exempt.ts';
import { buildMirrors } from './sections/mirrors.ts';
import { buildProbe } from './sections/probe.ts';
import { buildRegistries } from './sections/registries.ts';
import { buildRules } from './sections/rules.ts';
import { buildSkip } from './sections/skip.ts';
import { buildKinds } from './sections/workloads.ts';

/**
 * Reads the text of a policy file, or of a ConfigMap with one. Missing members have their defaults.
 *
 * @param source how messages name the file.
 * @param rules the rules that it may configure, in the order in which they run.
 * @throws PolicyError with the line and column of every problem.
 */
export function readPolicy<Rule extends RuleDefinition>(
  text: string,
  source: string,
  rules: readonly Rule[],
): PolicyOf<Rule> {
  const { content, locate, place, repeated } = openPolicy(text, source);
  const { valid, damaged, wrong } = fitSchema(content, rules);
  const problems: SchemaProblem[] = [...wrong];
  const report = spareDamaged(damaged, (pointer, message) => problems.push({ pointer, message }));
  const policy = valid && buildPolicy(valid, rules, report);
  const located = problems
    .slice(0, MAX_PROBLEMS)
    .map(({ pointer, part, message }) => place({ ...locate(pointer, part), message }));
  if (policy !== undefined && located.length + repeated.length === 0) return policy;
  throw new PolicyError(source, [...repeated, ...located]);
}

/** A parsed policy file, not yet validated. */
export type OpenPolicy = Readonly<{
  /** The policy alone, without a ConfigMap around it. */
  text: string;
  content: unknown;
  /** Finds positions in the text of the policy. */
  locate: Locate;
  /** Maps a position in the text of the policy to the file, which may be a ConfigMap around it. */
  place: (problem: PolicyProblem) => PolicyProblem;
  repeated: readonly PolicyProblem[];
}>;

/** @throws PolicyError if it cannot be parsed. */
export function openPolicy(text: string, source: string): OpenPolicy {
  const outer = parse(text, source);
  if (!isConfigMap(outer.content)) return outer;
  const held = readConfigMap(outer.content, text, outer.locate);
  if ('problem' in held) throw new PolicyError(source, [held.problem]);
  try {
    const { content, locate, repeated } = parse(held.text, source);
    return {
      text: held.text,
      content,
      locate,
      place: held.place,
      repeated: [...outer.repeated, ...repeated.map(held.place)],
    };
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    throw new PolicyError(source, error.problems.map(held.place));
  }
}

function parse(text: string, source: string): OpenPolicy {
  const excess = findExcess(text);
  if (excess !== undefined) throw new PolicyError(source, [excess]);
  const document = readLenientDocument(text);
  if (!document.ok) throw new PolicyError(source, [document.problem]);
  const { content, locate, repeated } = document;
  if (content === null) throw new PolicyError(source, [{ line: 1, column: 1, message: EMPTY }]);
  return {
    text,
    content: dropNulls(content),
    locate,
    place: (problem) => problem,
    repeated: repeated === undefined ? [] : [repeated],
  };
}

/** The key in the ConfigMap of the install manifests. */
export const POLICY_KEY = 'policy.yaml';

/** The policy in a ConfigMap, with a function that maps its problems to the ConfigMap's file; or a problem of the ConfigMap. */
type HeldPolicy =
  Readonly<{ text: string; place: (problem: PolicyProblem) => PolicyProblem }> | Readonly<{ problem: PolicyProblem }>;

function isConfigMap(content: unknown): content is Readonly<Record<string, unknown>> {
  return isRecord(content) && content['apiVersion'] === 'v1' && content['kind'] === 'ConfigMap';
}

/** `source` is the text of the ConfigMap's file, in which `locate` finds positions. */
function readConfigMap(content: Readonly<Record<string, unknown>>, source: string, locate: Locate): HeldPolicy {
  const data = isRecord(content['data']) ? content['data'] : {};
  const keys = Object.keys(data);
  const [key = POLICY_KEY] = keys.length === 1 ? keys : [POLICY_KEY];
  const pointer = joinPointer('/data', key);
  const text = data[key];
  if (typeof text !== 'string') {
    const what = keys.length === 0 ? 'has no data' : `has no text under data[${quote(key)}]`;
    const message = `the ConfigMap ${what}: put the policy under data["${POLICY_KEY}"]`;
    return { problem: { ...locate('/data'), message } };
  }
  const start = locate(pointer);
  const lines = source.split('\n');
  return { text, place: (problem) => placeInBlock(problem, text, lines, start) ?? placeByName(problem, key, start) };
}

/** In a literal block, each line of the text is an indented line of the file. `start` is the position of its "|". */
function placeInBlock(
  problem: PolicyProblem,
  text: string,
  source: readonly string[],
  { line, column }: Position,
): PolicyProblem | undefined {
  if (source[line - 1]?.[column - 1] !== '|') return undefined;
  const own = (text.split('\n')[problem.line - 1] ?? '').replace(/\r$/, '');
  const outer = (source[line - 1 + problem.line] ?? '').replace(/\r$/, '');
  if (!outer.endsWith(own)) return undefined;
  return { ...problem, line: line + problem.line, column: problem.column + outer.length - own.length };
}

/** For quoted or folded text, the lines of the text are not those of the file. */
function placeByName({ line, column, message }: PolicyProblem, key: string, start: Position): PolicyProblem {
  return { ...start, message: `line ${line}, column ${column} of data[${quote(key)}]: ${message}` };
}

/** The default policy, used without a policy file. */
export function buildDefaultPolicy<Rule extends RuleDefinition>(rules: readonly Rule[]): PolicyOf<Rule> {
  return buildPolicy({}, rules, () => undefined);
}

/** Builds the policy from a file that fits the schema, and reports what is still invalid. */
function buildPolicy<Rule extends RuleDefinition>(
  file: PolicyFile,
  rules: readonly Rule[],
  report: Report,
): PolicyOf<Rule> {
  const registries = buildRegistries(file.registries, report);
  const mirrors = buildMirrors(file.mirrors, report);
  return {
    registries,
    mirrors,
    rules: buildRules(file.rules, rules, { registries, mirrors }, report),
    exempt: buildExempt(file.exempt, report),
    skip: buildSkip(file.skip, rules, report),
    kinds: buildKinds(file.workloads, report),
    probe: buildProbe(file.probe, report),
  };
}

const EMPTY = `the policy is empty: start it with "apiVersion: ${POLICY_API_VERSION}" and "kind: ${POLICY_KIND}"`;

/** The size limit of a ConfigMap. */
const MAX_BYTES = 2 ** 20;
const TOO_LARGE = 'the policy is larger than 1 MiB, the limit of a ConfigMap';

/** Ten times as deep as any policy, as `metadata` may hold any object. */
const MAX_DEPTH = 64;

/** Finds text that must not be passed to the YAML parser, which takes seconds to refuse a megabyte of brackets. */
function findExcess(text: string): PolicyProblem | undefined {
  if (Buffer.byteLength(text) > MAX_BYTES) return { line: 1, column: 1, message: TOO_LARGE };
  const offset = findTooDeep(text);
  return offset === undefined ? undefined : { ...placeOf(offset, text), message: TOO_DEEP };
}

/** Counts brackets everywhere, as no comment opens so many. For blocks, `- - - a` is the short way to nest deeply. */
function findTooDeep(text: string): number | undefined {
  let depth = 0;
  for (const { 0: bracket, index } of text.matchAll(/[[\]{}]/g)) {
    depth = /[[{]/.test(bracket) ? depth + 1 : Math.max(0, depth - 1);
    if (depth > MAX_DEPTH) return index;
  }
  return BLOCKS.exec(text)?.index;
}

const BLOCKS = new RegExp(`^ *(?:[-?:] +){${MAX_DEPTH + 1}}`, 'm');

/** Drops members without a value, such as a list with all entries commented out, as Kubernetes does. */
function dropNulls(value: unknown): unknown {
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== null)
      .map(([key, member]) => [key, dropNulls(member)]),
  );
}
