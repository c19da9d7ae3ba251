import { quote } from './quote.ts';

/** The first of some texts, each once and quoted, and how many are left out: `"a", "b" and 2 more`. */
export function quoteFirst(texts: readonly string[], most: number, limit?: number): string {
  const distinct = [...new Set(texts)];
  const shown = distinct.slice(0, most).map((text) => quote(text, limit));
  const left = distinct.length - shown.length;
  return `${shown.join(', ')}${left > 0 ? ` and ${left} more` : ''}`;
}
