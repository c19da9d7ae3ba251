/** One JSON value after another in a text, and what JSON has no place for. All offsets count from the start of the text. */
export type JsonText = Readonly<{
  /** Where each value ends and the next begins; the start and the end of the text are not among them. */
  boundaries: readonly number[];
  /** The first comment. */
  comment: number | undefined;
  /** The first key that its object has already. */
  repeated: Readonly<{ offset: number; key: string }> | undefined;
}>;

/** A text, a comment or a sign: all else says nothing of where values end. */
const TOKEN = /"(?:[^"\\\n]|\\.)*"|\/\/[^\n]*|\/\*[^]*?\*\/|[{}[\],:]/g;

/** `}` at the end of a line and `{` at the start of the next: within a value stands a comma between them, so that one was not closed. */
const UNCLOSED = /^\s*\n\s*\{/;

/** How far another value is looked for: one that is further away stays in the same part, where the parser comes to it. */
const MOST_SPACE = 1000;

/** An object or a list that is open, and whether a key comes next. */
type Level = { keys: Set<string> | undefined; isKey: boolean };

type Scan = { -readonly [Key in keyof JsonText]: JsonText[Key] } & { boundaries: number[]; levels: Level[] };

/** Reads the texts and brackets of JSON and no more: what is wrong in between is for a parser to say. */
export function scanJson(text: string): JsonText {
  const scan: Scan = { boundaries: [], comment: undefined, repeated: undefined, levels: [] };
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    const level = scan.levels.at(-1);
    if (token === '{') scan.levels.push({ keys: new Set(), isKey: true });
    else if (token === '[') scan.levels.push({ keys: undefined, isKey: false });
    else if (token === '}' || token === ']') close(scan, token, text.slice(index + 1, index + MOST_SPACE), index + 1);
    else if (token.startsWith('/')) scan.comment ??= index;
    else if (token.startsWith('"')) readText(scan, level, token, index);
    else if (level !== undefined) level.isKey = token === ',';
  }
  return scan;
}

function close(scan: Scan, token: string, rest: string, end: number): void {
  scan.levels.pop();
  if (scan.levels.length > 0 && !(token === '}' && UNCLOSED.test(rest))) return;
  scan.levels = [];
  if (/\S/.test(rest)) scan.boundaries.push(end);
}

function readText(scan: Scan, level: Level | undefined, token: string, offset: number): void {
  if (level?.keys === undefined || !level.isKey) return;
  if (level.keys.has(token)) scan.repeated ??= { offset, key: token.slice(1, -1) };
  level.keys.add(token);
}

/** A text of JSON without comments, and without commas that nothing follows, which those who write comments like as well. */
export function stripComments(text: string): string {
  const plain = text.replaceAll(TOKEN, (token) => (token.startsWith('/') ? ' ' : token));
  return plain.replaceAll(/,(?=\s*[}\]])/g, '');
}
