import {
  isAlias,
  isCollection,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  parseAllDocuments,
  visit,
  type Document,
  type Node,
  type Pair,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { MOST_VALUES_SEARCHED } from '../text/bounds.ts';
import type { Replacement } from '../text/unified-diff.ts';
import { OPTIONS, type Position } from './document.ts';
import { BYTE_ORDER_MARK, splitText, toPlainText } from './read-manifests.ts';

/**
 * A change of a manifest, at a place as `Locate` gives it. `set`: another text in the place of one. `append`: objects with a `name`
 * at the end of a list in the object that begins there; the list is made if it is not there, or holds nothing.
 */
export type TextEdit =
  | Readonly<{ op: 'set'; place: Position; from: string; to: string }>
  | Readonly<{ op: 'append'; place: Position; key: string; names: readonly string[] }>;

/**
 * Why an edit is not made. `shared`: an anchor or a merge key makes the same characters count elsewhere, where no such edit is wanted.
 * `template`: the document is one. `form`: it is written in a way that is not known here.
 */
export type Refusal = 'shared' | 'template' | 'form';

export type EditedText = Readonly<{
  /** In the order of the text, none within another; each with the edits that it makes. */
  replacements: readonly (Replacement & Readonly<{ edits: readonly TextEdit[] }>)[];
  refused: ReadonlyMap<TextEdit, Refusal>;
}>;

/**
 * Finds the characters of a manifest that have to change, and no others: comments, order, quotes, line ends and marks stay as they are.
 * Whether the result means what it should is for the caller to see, by reading it again.
 *
 * @param isValues whether an expression of a template is a text like any other, as in the values of a chart
 */
export function editText(text: string, edits: readonly TextEdit[], isValues = false): EditedText {
  const source = createSource(text);
  const refused = new Map<TextEdit, Refusal>();
  const groups = new Map<Node, { target: Target; edits: TextEdit[] }>();
  for (const edit of edits) {
    const target = findTarget(source, edit, isValues);
    if (typeof target === 'string') {
      refused.set(edit, target);
      continue;
    }
    const group = groups.get(target.node);
    if (group === undefined) groups.set(target.node, { target, edits: [edit] });
    else group.edits.push(edit);
  }
  const replacements: EditedText['replacements'][number][] = [];
  for (const { target, edits: wanted } of groups.values()) {
    const made = isSame(wanted) && target.document.countUses(target.node) === wanted.length ? target.make() : 'shared';
    if (typeof made === 'string') for (const edit of wanted) refused.set(edit, made);
    else replacements.push({ ...source.toRaw(made), edits: wanted });
  }
  return { replacements: replacements.sort((a, b) => a.start - b.start), refused };
}

/** The node whose characters change, and how. */
type Target = Readonly<{ node: Node; document: SourceDocument; make: () => Replacement | Refusal }>;

/** A text as the reader sees it, and the line break of the line in which an offset of it stands. */
type Plain = Readonly<{ plain: string; lineBreakAt: (offset: number) => string }>;

type Source = Readonly<{
  toOffset: (place: Position) => number;
  documentAt: (offset: number) => SourceDocument | undefined;
  /** The same in the text as it came, byte order marks and all. */
  toRaw: (replacement: Replacement) => Replacement;
}>;

/** Where nodes begin, all offsets counted from the start of the text. */
type SourceDocument = Plain &
  Readonly<{
    isTemplate: boolean;
    values: ReadonlyMap<number, Node>;
    maps: ReadonlyMap<number, YAMLMap>;
    resolve: (node: unknown) => unknown;
    /** In how many places of the content a node counts. */
    countUses: (node: Node) => number;
    base: number;
  }>;

function createSource(text: string): Source {
  const plain = toPlainText(text);
  const marks = [...text.matchAll(BYTE_ORDER_MARK)].map(({ index }, before) => index - before);
  const toRawOffset = (offset: number): number => offset + marks.filter((mark) => mark <= offset).length;
  const lines = [0, ...[...plain.matchAll(/\n/g)].map(({ index }) => index + 1)];
  let base = 0;
  const lineBreakAt = (offset: number): string => {
    const at = [plain.indexOf('\n', offset), plain.lastIndexOf('\n', offset)].find((each) => each >= 0);
    if (at === undefined) return '\n';
    return plain[at - 1] === '\r' ? '\r\n' : (text[toRawOffset(at)] ?? '\n');
  };
  const parts = splitText(plain).map(({ text: part }) => {
    const start = base;
    base += part.length;
    let documents: readonly SourceDocument[] | undefined;
    const read = (): readonly SourceDocument[] =>
      (documents ??= readSourceDocuments(part, start, { plain, lineBreakAt }));
    return { start, end: base, read };
  });
  return {
    toOffset: ({ line, column }) => (lines[line - 1] ?? plain.length) + column - 1,
    documentAt: (offset) =>
      parts
        .find(({ start, end }) => start <= offset && offset < end)
        ?.read()
        .find(({ values, maps }) => values.has(offset) || maps.has(offset)),
    toRaw: ({ start, end, text: inserted }) => ({
      start: toRawOffset(start),
      end: end === start ? toRawOffset(start) : toRawOffset(end - 1) + 1,
      text: inserted,
    }),
  };
}

function readSourceDocuments(part: string, base: number, plain: Plain): readonly SourceDocument[] {
  const parsed = parseAllDocuments(part, OPTIONS);
  return Array.isArray(parsed)
    ? parsed.map((document) => ({ ...readSourceDocument(document, part, base), ...plain }))
    : [];
}

function readSourceDocument(document: Document.Parsed, part: string, base: number): Omit<SourceDocument, keyof Plain> {
  const values = new Map<number, Node>();
  const maps = new Map<number, YAMLMap>();
  let hasAlias = false;
  let isTemplate = TEMPLATE_COMMENT.test(part);
  visit(document, {
    Node: (_key, node) => {
      const start = base + (node.range?.[0] ?? 0);
      if (isMap(node)) maps.set(start, node);
      if (isScalar(node) || isAlias(node)) values.set(start, node);
      hasAlias ||= isAlias(node);
      isTemplate ||= isScalar(node) && !isBlock(node) && node.source?.includes('{{') === true;
    },
  });
  const resolve = (node: unknown): unknown => (isAlias(node) ? node.resolve(document) : node);
  let uses: ReadonlyMap<unknown, number> | undefined;
  const countUses = (node: Node): number =>
    hasAlias ? ((uses ??= countAllUses(document.contents, resolve)).get(node) ?? Infinity) : 1;
  return { isTemplate, values, maps, resolve, countUses, base };
}

/** An expression in what is text to a template: in a block it is for another program, such as Vault's agent. */
const TEMPLATE_COMMENT = /^\s*#.*\{\{/m;

function isBlock({ type }: Scalar): boolean {
  return type === 'BLOCK_FOLDED' || type === 'BLOCK_LITERAL';
}

/** How often each node is reached from the root, through aliases and merge keys; of more than is searched nothing is known. */
function countAllUses(root: unknown, resolve: (node: unknown) => unknown): ReadonlyMap<unknown, number> {
  const uses = new Map<unknown, number>();
  let left = MOST_VALUES_SEARCHED;
  const open = [root];
  while (open.length > 0) {
    const node = resolve(open.pop());
    if (left-- === 0) return new Map();
    uses.set(node, (uses.get(node) ?? 0) + 1);
    if (isMap(node)) for (const { value } of listPairs(node, resolve)) open.push(value);
    else if (isSeq(node)) open.push(...node.items);
  }
  return uses;
}

/** What an object holds, merged objects among it. */
function listPairs(map: YAMLMap, resolve: (node: unknown) => unknown): readonly Pair[] {
  const pairs = new Map<string, Pair>();
  const merged: unknown[] = [];
  for (const pair of map.items) {
    if (isMerge(pair)) merged.push(...listMerged(resolve(pair.value)));
    else pairs.set(keyOf(pair), pair);
  }
  for (const other of merged.map((each) => resolve(each))) {
    if (!isMap(other)) continue;
    for (const pair of listPairs(other, resolve)) if (!pairs.has(keyOf(pair))) pairs.set(keyOf(pair), pair);
  }
  return [...pairs.values()];
}

function listMerged(value: unknown): readonly unknown[] {
  return isSeq(value) ? value.items : [value];
}

function isMerge({ key }: Pair): boolean {
  return isScalar(key) && key.source === '<<';
}

function keyOf({ key }: Pair): string {
  return isScalar(key) ? String(key.value) : '';
}

function isSame(edits: readonly TextEdit[]): boolean {
  const [first, ...others] = edits.map((edit) => JSON.stringify({ ...edit, place: undefined }));
  return others.every((other) => other === first);
}

function findTarget(source: Source, edit: TextEdit, isValues: boolean): Target | Refusal {
  const offset = source.toOffset(edit.place);
  const document = source.documentAt(offset);
  if (document === undefined) return 'form';
  if (document.isTemplate && !isValues) return 'template';
  if (edit.op === 'append') return findList(document, offset, edit);
  const node = document.resolve(document.values.get(offset));
  if (!isScalar(node) || node.value !== edit.from) return 'form';
  return { node, document, make: () => setText(document, rangeOf(node, document), node, edit.to) };
}

type Range = Readonly<{ start: number; end: number }>;

function rangeOf({ range }: Node, { base }: SourceDocument): Range {
  const [start, end] = range ?? [0, 0];
  return { start: base + start, end: base + end };
}

function setText({ plain }: Plain, { start, end }: Range, scalar: Scalar, to: string): Replacement | Refusal {
  if (isBlock(scalar)) return setBlock(plain.slice(start, end), start, to);
  if (scalar.type === 'QUOTE_DOUBLE') return { start, end, text: JSON.stringify(to) };
  if (scalar.type === 'QUOTE_SINGLE') return { start, end, text: `'${to.replaceAll("'", "''")}'` };
  return { start, end, text: formatText(to) };
}

/** `image: |` with one line below it: without the line break at its end, which the text would have otherwise. */
function setBlock(written: string, start: number, to: string): Replacement | Refusal {
  const [, style = '', indent = '', rest = '', content = ''] =
    /^([|>])[+-]?(\d?)[+-]?((?:[ \t][^\n]*)?\r?\n(?:[ \t]*\r?\n)*[ ]+)(\S[^\n]*?)[ \t]*\r?(?:\n\s*)?$/.exec(written) ??
    [];
  if (content === '') return 'form';
  const end = start + written.lastIndexOf(content) + content.length;
  return { start, end, text: `${style}${indent}-${rest}${to}` };
}

/** As plain YAML where no parser, of YAML 1.1 neither, takes that for anything but a text; else in quotes. */
function formatText(text: string): string {
  return PLAIN.test(text) && !OTHER_TYPE.test(text) ? text : JSON.stringify(text);
}

const PLAIN = /^[A-Za-z\d][\w./:@-]*[\w./@-]$|^[A-Za-z]$/;

/** Numbers in any base, times and dates, and the words for true, false and nothing. */
const OTHER_TYPE =
  /^(?:[\d.:_+-]+(?:[eE][+-]?\d+)?|0[xXoObB][\da-fA-F_]+|\d[\d-]*[Tt][\d:.Zz+-]*|true|false|yes|no|on|off|y|n|null|nan|inf)$/i;

type Append = Extract<TextEdit, { op: 'append' }>;

function findList(document: SourceDocument, offset: number, edit: Append): Target | Refusal {
  const map = document.maps.get(offset) ?? document.resolve(document.values.get(offset));
  if (!isMap(map)) return 'form';
  const own = map.items.findLast((pair) => keyOf(pair) === edit.key);
  if (own === undefined) {
    if (listPairs(map, document.resolve).some((pair) => keyOf(pair) === edit.key)) return 'shared';
    return { node: map, document, make: () => insertList(document, map, edit) };
  }
  const list = document.resolve(own.value);
  if (isSeq(list) && list.items.length > 0) {
    return { node: list, document, make: () => extendList(document, list, edit) };
  }
  const { value } = own;
  const isNothing = isSeq(value) || (isScalar(value) && value.value === null);
  if (!isNothing) return isAlias(value) ? 'shared' : 'form';
  return { node: map, document, make: () => fillList(document, rangeOf(value, document), own, edit) };
}

/** `imagePullSecrets:`, `[]`, `null`: the list takes the place of nothing. */
function fillList({ plain }: Plain, { start, end }: Range, pair: Pair, { names }: Append): Replacement {
  const isJson = isJsonKey(pair);
  const before = plain[start - 1] === ':' && !(isJson && start < end) ? ' ' : '';
  const after = plain[end] === '#' ? ' ' : '';
  return { start, end, text: `${before}${formatFlowList(names, isJson)}${after}` };
}

function isJsonKey({ key }: Pair): boolean {
  return isScalar(key) && key.type === 'QUOTE_DOUBLE';
}

function formatFlowList(names: readonly string[], isJson: boolean): string {
  return `[${names.map((name) => formatEntry(name, isJson)).join(', ')}]`;
}

function formatEntry(name: string, isJson: boolean): string {
  return isJson ? `{ "name": ${JSON.stringify(name)} }` : `{ name: ${formatText(name)} }`;
}

/** Puts a key with its list before another key of the same object, on lines of its own where that has one. */
function insertList(document: SourceDocument, map: YAMLMap, edit: Append): Replacement | Refusal {
  const places = map.items.flatMap((pair) => {
    const key: unknown = pair.key;
    if (!isScalar(key) || isMerge(pair)) return [];
    const { start } = rangeOf(key, document);
    const indent = start - startOfLine(document.plain, start);
    return [{ pair, start, indent, isFirst: isBlank(document.plain.slice(start - indent, start)) }];
  });
  const first = places.filter(({ isFirst }) => isFirst);
  const [place] = [...first.filter(({ pair }) => keyOf(pair) === 'containers'), ...first, ...places];
  if (place === undefined) return 'form';
  return map.flow === true ? insertFlow(document, place, edit) : insertBlock(document, map, place, edit);
}

/** A key before which there is room, and how far it is indented. */
type Place = Readonly<{ pair: Pair; start: number; indent: number; isFirst: boolean }>;

function insertBlock(
  document: SourceDocument,
  map: YAMLMap,
  { start, indent, isFirst }: Place,
  { key, names }: Append,
): Replacement {
  const { plain } = document;
  const pad = ' '.repeat(indent);
  const lineBreak = document.lineBreakAt(start);
  const dash = ' '.repeat(indent + findDashIndent(document, map, indent));
  const entries = names.map((name) => `${dash}- name: ${formatText(name)}${lineBreak}`).join('');
  const list = `${key}:${lineBreak}${entries}`;
  if (!isFirst) return { start, end: start, text: `${list}${pad}` };
  // A comment directly above a key is about that key, and stays with it.
  let at = start - indent;
  for (let line = startOfLine(plain, at - 1); at > 0 && plain.startsWith(`${pad}#`, line);) {
    at = line;
    line = startOfLine(plain, at - 1);
  }
  return { start: at, end: at, text: `${pad}${list}` };
}

/** How much further than their key the dashes of other lists in the object are indented. */
function findDashIndent(document: SourceDocument, map: YAMLMap, indent: number): number {
  const { plain } = document;
  for (const { value } of map.items) {
    if (!isSeq(value) || value.flow === true) continue;
    const { start } = rangeOf(value, document);
    const dash = start - startOfLine(plain, start) - indent;
    if (dash >= 0 && isBlank(plain.slice(startOfLine(plain, start), start))) return dash;
  }
  return 2;
}

function insertFlow(
  document: SourceDocument,
  { pair, start, indent, isFirst }: Place,
  { key, names }: Append,
): Replacement {
  const isJson = isJsonKey(pair);
  const name = isJson ? JSON.stringify(key) : key;
  if (!isFirst) {
    const isDense = isJson && !/^"(?:[^"\\]|\\.)*":\s/.test(document.plain.slice(start));
    const list = formatFlowList(names, isJson);
    return {
      start,
      end: start,
      text: isDense ? `${name}:${list.replaceAll(/(?<=[[{:,]) | (?=[}\]])/g, '')},` : `${name}: ${list}, `,
    };
  }
  const lineBreak = document.lineBreakAt(start);
  const pad = document.plain.slice(start - indent, start);
  const step = isJson ? findStep(document, pair, pad) : undefined;
  if (step === undefined)
    return { start, end: start, text: `${name}: ${formatFlowList(names, isJson)},${lineBreak}${pad}` };
  const inner = `${lineBreak}${pad}${step}`;
  const entries = names.map((each) => `${inner}{${inner}${step}"name": ${JSON.stringify(each)}${inner}}`);
  return { start, end: start, text: `${name}: [${entries.join(',')}${lineBreak}${pad}],${lineBreak}${pad}` };
}

/** What the first entry of a list on lines of its own is indented by, beyond its key. */
function findStep(document: SourceDocument, { value }: Pair, pad: string): string | undefined {
  const { plain } = document;
  const first: unknown = isCollection(value) ? value.items[0] : undefined;
  const node: unknown = isPair(first) ? first.key : first;
  if (!isNode(node)) return undefined;
  const { start } = rangeOf(node, document);
  const before = plain.slice(startOfLine(plain, start), start);
  return isBlank(before) && before.startsWith(pad) && before !== pad ? before.slice(pad.length) : undefined;
}

function extendList(document: SourceDocument, list: YAMLSeq, edit: Append): Replacement | Refusal {
  return list.flow === true ? extendFlow(document, list, edit) : extendBlock(document, list, edit);
}

function extendBlock(document: SourceDocument, list: YAMLSeq, { names }: Append): Replacement | Refusal {
  const { plain } = document;
  const { start } = rangeOf(list, document);
  const pad = ' '.repeat(start - startOfLine(plain, start));
  const last = findLast(list);
  if (last === undefined) return 'form';
  const { end } = rangeOf(last, document);
  const lineBreak = document.lineBreakAt(end);
  const entries = names.map((name) => `${pad}- name: ${formatText(name)}`);
  if (plain[end - 1] === '\n') return { start: end, end, text: entries.map((entry) => entry + lineBreak).join('') };
  const [rest = ''] = /^[^\r\n]*/.exec(plain.slice(end)) ?? [];
  if (!/^[ \t]*(?:#.*)?$/.test(rest)) return 'form';
  const at = end + rest.length;
  return { start: at, end: at, text: entries.map((entry) => lineBreak + entry).join('') };
}

/** The last thing that is written of a collection. */
function findLast(node: unknown): Node | undefined {
  if (!isCollection(node) || node.flow === true) return isNode(node) ? node : undefined;
  const last: unknown = node.items.at(-1);
  return isPair(last) ? findLast(last.value ?? last.key) : findLast(last);
}

/** Each new entry looks as the last one does. */
function extendFlow(document: SourceDocument, list: YAMLSeq, { names }: Append): Replacement | Refusal {
  const { plain } = document;
  const items = list.items.filter((item) => isNode(item)).map((item) => ({ item, ...rangeOf(item, document) }));
  const [first] = items;
  const last = items.at(-1);
  if (first === undefined || last === undefined) return 'form';
  const entry = findPattern(document, last.item);
  const opening = plain.slice(rangeOf(list, document).start + 1, first.start);
  const space = /^\s*\n\s*$/.test(opening) ? opening : /^\s|[:,]\s/.test(entry('x').slice(1)) ? ' ' : '';
  const lineBroken = space.replaceAll(/\r?\n/g, document.lineBreakAt(last.end));
  return { start: last.end, end: last.end, text: names.map((name) => `,${lineBroken}${entry(name)}`).join('') };
}

/** How an entry with another name is written: as this one, where it has a name and nothing else. */
function findPattern(document: SourceDocument, item: Node): (name: string) => string {
  const { plain } = document;
  const { start, end } = rangeOf(item, document);
  const written = plain.slice(start, end);
  const isJson = /^\{\s*"/.test(written);
  const value: unknown = isMap(item) && item.items.length === 1 ? item.items[0]?.value : undefined;
  if (!isMap(item) || item.items.some((pair) => keyOf(pair) !== 'name') || !isScalar(value) || /[#&*]/.test(written)) {
    return (name) => formatEntry(name, isJson);
  }
  const range = rangeOf(value, document);
  const isQuoted = value.type !== 'PLAIN';
  const [before, after] = [plain.slice(start, range.start), plain.slice(range.end, end)];
  return (name) => `${before}${isQuoted ? JSON.stringify(name) : formatText(name)}${after}`;
}

function startOfLine(text: string, offset: number): number {
  return offset <= 0 ? 0 : text.lastIndexOf('\n', offset - 1) + 1;
}

function isBlank(text: string): boolean {
  return text.trim() === '';
}
