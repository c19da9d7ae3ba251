import { isAlias, isCollection, isMap, isNode, isPair, isScalar, visit } from 'yaml';
import type { Document, Node, YAMLError } from 'yaml';
import { quote } from '../text/quote.ts';
import type { Position } from './locate.ts';

/** What a YAML document holds, or the first thing that keeps it from being read. */
export type DocumentContent =
  Readonly<{ ok: true; content: unknown }> | Readonly<{ ok: false; problem: Position & Readonly<{ message: string }> }>;

/**
 * How a text is parsed that `readDocument` reads. Errors are worded there, the parser's warnings are not for our users, and
 * its own search for keys that are there twice takes a minute for a map of a hundred thousand.
 */
export const PARSE_OPTIONS = { merge: true, uniqueKeys: false, prettyErrors: false, logLevel: 'error' } as const;

/** How often anchors may be repeated, nested repetitions multiplied: many times what people write, and unfolded in a moment. */
const MAX_ALIAS_COUNT = 10_000;

/** What a document holds that was parsed from `text`. Never throws, and nothing in the content contains itself. */
export function readDocument(document: Document.Parsed, text: string): DocumentContent {
  const content = readContent(document, text);
  if (!('problem' in content)) return { ok: true, content: content.value };
  const { offset, message } = content.problem;
  return { ok: false, problem: { ...placeOf(offset, text), message } };
}

/** Not by the parser's count of lines, which misses a line break within something that it did not expect. */
function placeOf(offset: number, text: string): Position {
  const before = text.slice(0, offset);
  return { line: before.split('\n').length, column: before.length - before.lastIndexOf('\n') };
}

type Problem = Readonly<{ offset: number; message: string }>;

function readContent(document: Document.Parsed, text: string): { value: unknown } | { problem: Problem } {
  const [error] = document.errors;
  try {
    const problem =
      error === undefined ? findProblem(document.contents, new Map()) : describeError(error, document, text);
    if (problem?.message === TEMPLATE) return { problem: { ...problem, offset: findTemplate(text) ?? problem.offset } };
    return problem === undefined
      ? { value: document.toJS({ maxAliasCount: MAX_ALIAS_COUNT }) as unknown }
      : { problem };
  } catch (thrown) {
    return { problem: { offset: startOf(document.contents), message: describeThrown(thrown) } };
  }
}

const TEMPLATE = 'this looks like a template; check what it renders to, such as what "helm template" prints';

/** Where the first braces of a template stand outside quotes and comments. */
function findTemplate(text: string): number | undefined {
  const line = /^[^"'#\n]*?\{\{/m.exec(text);
  return line === null ? undefined : line.index + line[0].length - '{{'.length;
}

export const TOO_DEEP = 'this is nested too deeply to be read';

/** Only the first syntax error is told: most of those after it come of it. */
function describeError(error: YAMLError, document: Document.Parsed, text: string): Problem {
  const [offset] = error.pos;
  if (findTemplate(text) !== undefined) return { offset, message: TEMPLATE };
  if (UNCLOSED.test(error.message))
    return { offset: findOpenQuote(document) ?? offset, message: 'this quote is never closed' };
  return { offset, message: WORDS[error.code] ?? error.message };
}

const WORDS: Readonly<Partial<Record<YAMLError['code'], string>>> = {
  BLOCK_AS_IMPLICIT_KEY:
    'this value goes on to a key of its own: check the indentation of the next line, or put the value in quotes',
  MULTIPLE_DOCS: 'a second document begins here, and there can be only one: leave out the "---"',
  RESOURCE_EXHAUSTION: TOO_DEEP,
};

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

/** What the parser lets pass and no Kubernetes object can hold. */
function findProblem(node: unknown, anchors: Map<string, Node>): Problem | undefined {
  if (isAlias(node)) return checkAlias(node.source, startOf(node), anchors);
  if (isNode(node) && node.anchor !== undefined) anchors.set(node.anchor, node);
  if (!isCollection(node)) return undefined;
  const keys = new Set<string>();
  for (const item of node.items) {
    const problem = isPair(item)
      ? (checkKey(item.key, keys) ?? findProblem(item.value, anchors))
      : findProblem(item, anchors);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function checkAlias(name: string, offset: number, anchors: ReadonlyMap<string, Node>): Problem | undefined {
  const target = anchors.get(name);
  if (target === undefined) return { offset, message: `no anchor before this alias is called ${quote(name, 60)}` };
  const [, end] = target.range ?? [0, 0];
  return offset < end ? { offset, message: `${quote(`*${name}`, 60)} stands inside what it refers to` } : undefined;
}

function checkKey(key: unknown, keys: Set<string>): Problem | undefined {
  // `{{ .Values.image }}` without quotes is YAML: a map whose key is a map.
  if (isMap(key) && key.flow === true) return { offset: startOf(key), message: TEMPLATE };
  if (isCollection(key))
    return { offset: startOf(key), message: 'this key is a list or an object, and only a text can be one' };
  if (!isScalar(key) || typeof key.value === 'symbol') return undefined;
  const name = String(key.value);
  const count = keys.size;
  return keys.add(name).size > count
    ? undefined
    : { offset: startOf(key), message: `the key ${quote(name, 60)} is there twice` };
}

function describeThrown(error: unknown): string {
  if (error instanceof RangeError) return TOO_DEEP;
  if (error instanceof ReferenceError) return 'its aliases unfold to more than can be read';
  return error instanceof Error ? error.message : String(error);
}

function startOf(node: unknown): number {
  return (node as Node | null)?.range?.[0] ?? 0;
}
