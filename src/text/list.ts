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
