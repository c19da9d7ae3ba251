import { quote } from './quote.ts';

/** The first texts, quoted and without duplicates, and how many are left out: `"a", "b" and 2 more`. */
export function quoteFirst(texts: readonly string[], most: number, limit?: number): string {
  const distinct = [...new Set(texts)];
  const shown = distinct.slice(0, most).map((text) => quote(text, limit));
  const left = distinct.length - shown.length;
  return `${shown.join(', ')}${left > 0 ? ` and ${left} more` : ''}`;
}

const MOST_LISTED = 3;

/** A few names of a list, and how many more there are: `a, b or 3 more`. The names are not quoted. */
export function listSome(names: readonly string[], word: 'and' | 'or'): string {
  const left = names.length - MOST_LISTED;
  const shown = left > 0 ? [...names.slice(0, MOST_LISTED), `${left} more`] : names;
  return shown.length < 2 ? shown.join('') : `${shown.slice(0, -1).join(', ')} ${word} ${shown.at(-1) ?? ''}`;
}

/** Values with the same key together, in the order in which each key is first seen. */
export function groupBy<Value>(
  values: Iterable<Value>,
  keyOf: (value: Value) => string,
): readonly (readonly [Value, ...Value[]])[] {
  const groups = new Map<string, [Value, ...Value[]]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [value]);
    else group.push(value);
  }
  return [...groups.values()];
}
