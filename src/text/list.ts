import { quote } from './quote.ts';

/** The first of some texts, each once, and how many are left out: `a, b and 2 more`. */
export function listFirst(texts: readonly string[], most: number): string {
  const distinct = [...new Set(texts)];
  const left = distinct.length - most;
  return `${distinct.slice(0, most).join(', ')}${left > 0 ? ` and ${left} more` : ''}`;
}

/** The same with each text quoted, and at most `limit` characters of it: `"a", "b" and 2 more`. */
export function quoteFirst(texts: readonly string[], most: number, limit?: number): string {
  const distinct = [...new Set(texts)];
  const shown = distinct.slice(0, most).map((text) => quote(text, limit));
  return listFirst([...shown, ...distinct.slice(most)], most);
}
