import { compileFunction } from 'node:vm';

/**
 * Evaluates CEL, as far as it reads like JavaScript once its functions are called as they are there: no maps, no optional fields. An API
 * server evaluates the rest, in test/e2e/native.test.ts.
 */
export function evaluateCel(expression: string, values: Readonly<Record<string, unknown>>): unknown {
  return compile(expression, Object.keys(values))(matches, size, ...Object.values(values));
}

type Compiled = (...values: readonly unknown[]) => unknown;

const compiled = new Map<string, Compiled>();

function compile(expression: string, names: readonly string[]): Compiled {
  const known = compiled.get(expression);
  if (known !== undefined) return known;
  const script = expression
    .replaceAll(/\br'([^']*)'/g, (_, text: string) => JSON.stringify(text))
    .replaceAll(/([\w.]+)\.matches\(/g, 'matches($1, ')
    .replaceAll(/\.(map|filter)\((\w+), /g, '.$1(($2) => ')
    .replaceAll('.contains(', '.includes(')
    .replaceAll(/([\w.]+) in (\[[^\]]*\])/g, '$2.includes($1)')
    .replaceAll(/\((variables\.mirrors\b[^;]*?) \+ \[''\]\)\[0\]/g, "[...$1, ''][0]");
  const made = compileFunction(`return (${script});`, ['matches', 'size', ...names]) as Compiled;
  compiled.set(expression, made);
  return made;
}

const patterns = new Map<string, RegExp>();

function matches(text: string, pattern: string): boolean {
  const known = patterns.get(pattern) ?? new RegExp(pattern, 'u');
  patterns.set(pattern, known);
  return known.test(text);
}

function size(text: string): number {
  return Array.from(text).length;
}
