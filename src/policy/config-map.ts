import type { Locate, Position } from '../manifest/document.ts';
import { isRecord, joinPointer } from '../text/json.ts';
import { quote } from '../text/quote.ts';
import type { PolicyProblem } from './errors.ts';

/** The key in the ConfigMap of the install manifests. */
export const POLICY_KEY = 'policy.yaml';

/** The policy in a ConfigMap, with a function that maps its problems to the ConfigMap's file; or a problem of the ConfigMap. */
type HeldPolicy =
  Readonly<{ text: string; place: (problem: PolicyProblem) => PolicyProblem }> | Readonly<{ problem: PolicyProblem }>;

export function isConfigMap(content: unknown): content is Readonly<Record<string, unknown>> {
  return isRecord(content) && content['apiVersion'] === 'v1' && content['kind'] === 'ConfigMap';
}

/** `source` is the text of the ConfigMap's file, in which `locate` finds positions. */
export function readConfigMap(content: Readonly<Record<string, unknown>>, source: string, locate: Locate): HeldPolicy {
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
