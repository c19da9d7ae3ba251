import { CST, Lexer } from 'yaml';
import { placeOf, type Position } from './document.ts';
import { splitText, toPlainText } from './read-manifests.ts';

/** A comment, and whether nothing else stands on its line. */
export type Comment = Position & Readonly<{ text: string; isAlone: boolean }>;

/** The comments of a manifest, and nothing that only looks like one within a text. */
export function listComments(text: string): readonly Comment[] {
  return splitText(toPlainText(text)).flatMap((part) => {
    const comments: Comment[] = [];
    let offset = 0;
    for (const token of new Lexer().lex(part.text)) {
      if (CST.tokenType(token) === 'comment') {
        const { line, column } = placeOf(offset, part.text);
        const isAlone = part.text.slice(offset - column + 1, offset).trim() === '';
        comments.push({ line: line + part.line, column, text: token, isAlone });
      }
      if (!MARKS.has(token)) offset += token.length;
    }
    return comments;
  });
}

/** What the lexer puts between the tokens of the text: here begins a document, a text, an error. */
const MARKS: ReadonlySet<string> = new Set(['\u0002', '\u0018', '\u001f']);
