import {
  isAlias,
  isCollection,
  isMap,
  isNode,
  isPair,
  isScalar,
  LineCounter,
  parseAllDocuments,
  parseDocument,
  visit,
  type Document,
  type Node,
  type YAMLError,
} from 'yaml';
import { describeError } from '../text/error.ts';
import { splitPointer, type Pointer } from '../text/json.ts';
import { quote } from '../text/quote.ts';

/** Where something stands in a text; both count from 1. */
export type Position = Readonly<{ line: number; column: number }>;

/**
 * Where a pointer leads in a text, aliases and merge keys followed. What is not there is located at the nearest thing above
 * it that is. With `key`, the key of the last member and not its value; with `end`, what follows the last character of a value that is
 * no list and no object, and of anything else its start.
 */
export type Locate = (pointer: Pointer, part?: Part) => Position;

export type Part = 'key' | 'end';

/** What is wrong with a document, and where. */
type Fault = Position & Readonly<{ message: string }>;

/** What a YAML document holds and where, or the first thing that keeps it from being read. */
export type YamlDocument =
  Readonly<{ ok: true; content: unknown; locate: Locate }> | Readonly<{ ok: false; problem: Fault }>;

/** The first key that is there twice keeps kubectl from nothing: it takes the last of both. */
export type LenientDocument = YamlDocument & Readonly<{ repeated?: Fault }>;

/**
 * Errors are worded here, the parser's warnings are not for our users, and its own search for keys that are there twice takes
 * a minute for a map of a hundred thousand.
 */
export const OPTIONS = { merge: true, uniqueKeys: false, prettyErrors: false, logLevel: 'error' } as const;

/** How often anchors may be repeated, nested repetitions multiplied: many times what people write, and unfolded in a moment. */
const MAX_ALIAS_COUNT = 10_000;

export const TOO_DEEP = 'nested too deeply to be read';

/** Reads a text that is one document of YAML or JSON. Never throws, and nothing in the content contains itself. */
export function readDocument(text: string): YamlDocument {
  const document = readLenientDocument(text);
  return document.repeated === undefined ? document : { ok: false, problem: document.repeated };
}

/** The same, and goes on behind a key that is there twice, so that all mistakes are found at once. */
export function readLenientDocument(text: string): LenientDocument {
  const lines = new LineCounter();
  return toYamlDocument(parseDocument(text, { ...OPTIONS, lineCounter: lines }), text, lines);
}

/** The same for a text of any number of them, in which keys may be there twice. */
export function readDocuments(text: string): readonly LenientDocument[] {
  return toDocuments(parseLeniently(text));
}

/** Where things stand in a text of one document that is read already without this parser. */
export function locateIn(text: string): Locate {
  const { documents, lines } = parseLeniently(text);
  const [document] = documents;
  return (pointer, part) => (document === undefined ? { line: 1, column: 1 } : locate(document, lines, pointer, part));
}

type Parsed = Readonly<{ documents: readonly Document.Parsed[]; text: string; lines: LineCounter }>;

function parseLeniently(text: string): Parsed {
  const read = parseAll(text);
  if (!read.documents.some(({ errors: [error] }) => error !== undefined && UNCLOSED.test(error.message))) return read;
  const indented = parseAll(text.replaceAll(QUOTED, (quoted) => quoted.replaceAll('\n', `\n${DEEPER}`)));
  return indented.documents.some(({ errors }) => errors.length > 0) ? read : indented;
}

function parseAll(text: string): Parsed {
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, { ...OPTIONS, lineCounter: lines });
  return { documents: Array.isArray(parsed) ? parsed : [], text, lines };
}

function toDocuments({ documents, text, lines }: Parsed): readonly LenientDocument[] {
  return documents.map((document) => toYamlDocument(document, text, lines));
}

/**
 * Where a quoted value may begin, and the whole of it. kubectl lets its further lines begin anywhere, as many generated files have
 * them; the parser wants them deeper than the key. What stands before them is no part of the value.
 */
const QUOTED = /(?<=(?:[:,-][ \n]|\[) *)(?:"(?:[^"\\]|\\[^])*"|'(?:[^']|'')*')/g;

/** Deeper than keys are. */
const DEEPER = ' '.repeat(100);

function toYamlDocument(document: Document.Parsed, text: string, lines: LineCounter): LenientDocument {
  const content = readContent(document, text);
  if ('problem' in content) return { ok: false, problem: placeProblem(content.problem, text) };
  const { value, repeated } = content;
  return {
    ok: true,
    content: value,
    locate: (pointer, part) => locate(document, lines, pointer, part),
    ...(repeated !== undefined && { repeated: placeProblem(repeated, text) }),
  };
}

function placeProblem({ offset, message }: Problem, text: string): Fault {
  return { ...placeOf(offset, text), message };
}

/** Not by the parser's count of lines, which misses a line break within something that it did not expect. */
export function placeOf(offset: number, text: string): Position {
  const before = text.slice(0, offset);
  return { line: before.split('\n').length, column: before.length - before.lastIndexOf('\n') };
}

/** The same of many offsets of one text, as it is in the file: a byte order mark at the start of a line is no column. */
export function createPlaces(text: string): (offset: number) => Position {
  const starts = [0, ...[...text.matchAll(/\r\n?|\n/g)].map((found) => found.index + found[0].length)];
  return (offset) => {
    let [low, high] = [0, starts.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    const start = starts[low] ?? 0;
    const mark = text[start] === '\ufeff' && offset > start ? 1 : 0;
    return { line: low + 1, column: offset - start - mark + 1 };
  };
}

type Problem = Readonly<{ offset: number; message: string }>;

type Content = { value: unknown; repeated: Problem | undefined } | { problem: Problem };

function readContent(document: Document.Parsed, text: string): Content {
  const [error] = document.errors;
  const seen: Seen = { anchors: new Map(), repeated: undefined };
  try {
    const problem =
      error === undefined ? findProblem(document.contents, seen) : describeSyntaxError(error, document, text);
    if (problem?.message === TEMPLATE) return { problem: { ...problem, offset: findTemplate(text) ?? problem.offset } };
    return problem === undefined
      ? { value: document.toJS({ maxAliasCount: MAX_ALIAS_COUNT }) as unknown, repeated: seen.repeated }
      : { problem };
  } catch (thrown) {
    return { problem: { offset: startOf(document.contents) ?? 0, message: describeThrown(thrown) } };
  }
}

const TEMPLATE = 'looks like a template: check the rendered manifest, such as the output of "helm template"';

/** Where the first braces of a template stand outside quotes and comments. */
function findTemplate(text: string): number | undefined {
  const line = /^[^"'#\n]*?\{\{/m.exec(text);
  return line === null ? undefined : line.index + line[0].length - '{{'.length;
}

/** Only the first syntax error is reported, as it causes most of the others. */
function describeSyntaxError(error: YAMLError, document: Document.Parsed, text: string): Problem {
  const [offset] = error.pos;
  if (findTemplate(text) !== undefined) return { offset, message: TEMPLATE };
  if (UNCLOSED.test(error.message))
    return { offset: findOpenQuote(document) ?? offset, message: 'quote is never closed' };
  if (error.message.startsWith(NO_VALUE))
    return { offset, message: 'a key has to be followed by ": ", with the space' };
  return { offset, message: WORDS[error.code] ?? error.message.replace(SOURCE, '') };
}

/** Of `image:nginx`. */
const NO_COLON = 'a key has to be followed by ": ", with the space';

/** The parser's own words for it at the end of an object. */
const NO_VALUE = 'Implicit map keys need to be followed by map values';

const WORDS: Readonly<Partial<Record<YAMLError['code'], string>>> = {
  BLOCK_AS_IMPLICIT_KEY: 'value contains another key: check the indentation of the next line, or quote the value',
  MULTILINE_IMPLICIT_KEY: NO_COLON,
  TAB_AS_INDENT: 'tabs are not allowed as indentation: use spaces',
  MULTIPLE_DOCS: 'a second document starts here, but only one is allowed: remove the "---"',
  RESOURCE_EXHAUSTION: TOO_DEEP,
};

/** What some messages of the parser repeat of the file, which may be a secret. */
const SOURCE = /: (?:["'].*|(?<=^Not a YAML token: ).*)$/s;

/** The parser's own words for it. */
const UNCLOSED = /^Missing closing ["']quote$/;

/** Where the last quoted text begins: the parser reports a quote that is never closed at the end of the document. */
function findOpenQuote(document: Document.Parsed): number | undefined {
  let offset: number | undefined;
  visit(document, {
    Scalar: (_key, { type, range }) => {
      if (type?.startsWith('QUOTE') === true) offset = range?.[0];
    },
  });
  return offset;
}

type Seen = { anchors: Map<string, Node>; repeated: Problem | undefined };

/** What the parser lets pass and no Kubernetes object can hold. */
function findProblem(node: unknown, seen: Seen): Problem | undefined {
  if (isAlias(node)) return checkAlias(node.source, startOf(node) ?? 0, seen.anchors);
  if (isNode(node) && node.anchor !== undefined) seen.anchors.set(node.anchor, node);
  if (!isCollection(node)) return undefined;
  const keys = new Set<string>();
  for (const item of node.items) {
    const problem = isPair(item)
      ? (checkKey(item.key, keys, seen) ?? findProblem(item.value, seen))
      : findProblem(item, seen);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function checkAlias(name: string, offset: number, anchors: ReadonlyMap<string, Node>): Problem | undefined {
  const target = anchors.get(name);
  if (target === undefined) return { offset, message: `no anchor before this alias has the name ${quote(name, 60)}` };
  const [, end] = target.range ?? [0, 0];
  return offset < end ? { offset, message: `alias ${quote(`*${name}`, 60)} is inside its own anchor` } : undefined;
}

function checkKey(key: unknown, keys: Set<string>, seen: Seen): Problem | undefined {
  const offset = startOf(key) ?? 0;
  // `{{ .Values.image }}` without quotes is YAML: a map whose key is a map.
  if (isMap(key) && key.flow === true) return { offset, message: TEMPLATE };
  if (isCollection(key)) return { offset, message: 'key is a list or an object, but must be a string' };
  if (!isScalar(key) || typeof key.value === 'symbol') return undefined;
  const name = String(key.value);
  const count = keys.size;
  if (keys.add(name).size === count) seen.repeated ??= { offset, message: `duplicate key ${quote(name, 60)}` };
  return undefined;
}

function describeThrown(error: unknown): string {
  if (error instanceof RangeError) return TOO_DEEP;
  return error instanceof ReferenceError ? 'aliases expand to more than can be read' : describeError(error);
}

function locate(document: Document.Parsed, lines: LineCounter, pointer: Pointer, part?: Part): Position {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  const segments = splitPointer(pointer);
  for (const [depth, segment] of segments.entries()) {
    const isLast = depth === segments.length - 1;
    const { key, value } = findChild(document, node, segment);
    const start = part === 'key' && isLast ? startOf(key) : (startOf(value) ?? startOf(key));
    if (start === undefined) break;
    offset = part === 'end' && isLast ? (endOf(value) ?? start) : start;
    node = value;
  }
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

function findChild(document: Document.Parsed, parent: unknown, segment: string): { key?: unknown; value?: unknown } {
  const node = resolve(document, parent);
  if (!isCollection(node)) return {};
  if (!isMap(node)) return { value: node.items[Number(segment)] };
  const own = node.items.findLast(({ key }) => isScalar(key) && String(key.value) === segment);
  if (own !== undefined) return own;
  return (
    node.items
      .filter((pair) => isPair(pair) && isScalar(pair.key) && pair.key.source === '<<')
      .flatMap(({ value }) => {
        const merged = resolve(document, value);
        return isCollection(merged) && !isMap(merged) ? merged.items : [merged];
      })
      .map((merged) => findChild(document, merged, segment))
      .find(({ key }) => key !== undefined) ?? {}
  );
}

function resolve(document: Document.Parsed, node: unknown): unknown {
  return isAlias(node) ? node.resolve(document) : node;
}

function startOf(node: unknown): number | undefined {
  return (node as Node | undefined | null)?.range?.[0];
}

/** Of what is written in one piece. */
function endOf(node: unknown): number | undefined {
  return isScalar(node) || isAlias(node) ? node.range?.[1] : undefined;
}
