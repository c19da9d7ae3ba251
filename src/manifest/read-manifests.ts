import { CST, Lexer } from 'yaml';
import { isRecord, joinPointer, type Pointer } from '../text/json.ts';
import { quote } from '../text/quote.ts';
import { scanJson, stripComments } from './json-text.ts';
import { createYamlPlaces, readYamlContent, type LocateSome } from './yaml-content.ts';
import { isTemplate, processTemplate } from './openshift-template.ts';
import { locateIn, placeOf, readDocuments, TOO_DEEP, type Locate, type Position } from './document.ts';

/** One Kubernetes object in a manifest, and how to find the line of any of its fields. */
export type ManifestObject = Readonly<{
  apiVersion: string;
  kind: string;
  object: unknown;
  locate: Locate;
  /** Whether it is of an OpenShift Template, and may have parameters that are not filled in. */
  isTemplated?: true;
}>;

/** A value that is no object of Kubernetes. */
export type OtherValue = Readonly<{ value: unknown; locate: Locate }>;

export type Manifest = Readonly<{
  objects: readonly ManifestObject[];
  /** Documents, or items of a `List`, that are something else. */
  foreign: number;
  /** The same, for those that were meant to be one: they have an `apiVersion` or a `kind`, or containers. */
  others: readonly OtherValue[];
  /** What cannot be read; the documents around it are read all the same. */
  errors: readonly (Position & Readonly<{ message: string }>)[];
}>;

/** Reads YAML or JSON, any number of documents of either. `List`s are taken apart. Never throws. */
export function readManifest(text: string): Manifest {
  return joinManifests([...splitPieces([text])].map((part) => readPart(part)));
}

/** The same for a part of a text. */
export function readPart(part: Part): Manifest {
  const [first, ...others] = splitJson(part).map((one) => readOne(one));
  return first !== undefined && others.length === 0 ? first : joinManifests([first ?? NOTHING, ...others]);
}

/** Files that were joined on Windows have a byte order mark in the middle; the parser knows no line ends of old Macs. */
export function toPlainText(text: string): string {
  return text.replaceAll(BYTE_ORDER_MARK, '').replaceAll(/\r(?!\n)/g, '\n');
}

export const BYTE_ORDER_MARK = /^\ufeff/gm;

function joinManifests(manifests: readonly Manifest[]): Manifest {
  return {
    objects: manifests.flatMap(({ objects }) => objects),
    foreign: manifests.reduce((sum, { foreign }) => sum + foreign, 0),
    others: manifests.flatMap(({ others }) => others),
    errors: manifests.flatMap(({ errors }) => errors),
  };
}

/** A part of a text, and what stands before it: `line` lines, and `column` characters of the last one. */
export type Part = Readonly<{ text: string; line: number; column: number }>;

/** Objects of JSON, also with comments. */
const JSON_START = /^\s*(?:\/[/*]|\{\s*(?:["}]|\/[/*]))/;

/** A line with `---` ends a document wherever it stands, even inside a text whose quote was never closed. */
const YAML_BOUNDARY = /^(?=---(?:\s|$))/m;

/** Cuts a plain text before it is parsed, so that no mistake in one document reaches the next. */
export function splitText(text: string): readonly Part[] {
  return [...splitPieces([text])].flatMap((part) => splitJson(part));
}

/** The documents of a text, which comes in pieces that end with a line. No more is held than is in one document and one piece. */
export function* splitPieces(pieces: Iterable<string>): Generator<Part> {
  let held: string[] = [];
  let before = { line: 0, column: 0 };
  const release = (): Part => {
    const part = { text: held.join(''), ...before };
    before = moveBehind(part);
    held = [];
    return part;
  };
  for (const piece of pieces) {
    const [first = '', ...others] = toPlainText(piece).split(YAML_BOUNDARY);
    // Of a piece that begins a document the first part is none of the last one.
    if (held.length > 0 && BOUNDARY_AT_START.test(first)) yield release();
    held.push(first);
    for (const other of others) {
      yield release();
      held.push(other);
    }
  }
  if (held.length > 0) yield release();
}

const BOUNDARY_AT_START = /^---(?:\s|$)/;

/** One object after another, with white space between or without, as kubectl reads them. */
function splitJson(part: Part): readonly Part[] {
  const { text } = part;
  if (!JSON_START.test(text)) return [part];
  const { boundaries } = scanJson(text);
  let before: Omit<Part, 'text'> = part;
  return [0, ...boundaries].map((start, at) => {
    const one = { text: text.slice(start, boundaries[at]), line: before.line, column: before.column };
    before = moveBehind(one);
    return one;
  });
}

function moveBehind({ text, line, column }: Part): Omit<Part, 'text'> {
  const lineBreak = text.lastIndexOf('\n');
  return { line: line + countLines(text), column: lineBreak < 0 ? column + text.length : text.length - lineBreak - 1 };
}

function countLines(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++;
  return count;
}

const NOTHING: Manifest = { objects: [], foreign: 0, others: [], errors: [] };

function readOne(part: Part): Manifest {
  const json = parseJson(part.text);
  try {
    if (json === undefined) return readCommented(part) ?? readWithoutPlaces(part) ?? readYaml(part);
    const read = readContent(json, locateLate(part));
    return { ...read, errors: [...read.errors, ...findRepeated(part)] };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { ...NOTHING, errors: [moveDown({ line: 1, column: 1, message: TOO_DEEP }, part)] };
  }
}

/** A key that is there twice, of which kubectl takes the last. */
function findRepeated(part: Part): Manifest['errors'] {
  const { repeated } = scanJson(part.text);
  if (repeated === undefined) return [];
  const message = `duplicate key ${quote(repeated.key, 60)}`;
  return [moveDown({ ...placeOf(repeated.offset, part.text), message }, part)];
}

const COMMENTS = 'JSON has no comments, and kubectl does not accept them: remove them, or use "#" instead of "//"';

/** JSON that is right but for its comments. Read as YAML, they are a part of the next key. Settings of other tools may have them. */
function readCommented(part: Part): Manifest | undefined {
  if (!JSON_START.test(part.text)) return undefined;
  const { comment } = scanJson(part.text);
  const content = comment === undefined ? undefined : parseJson(stripComments(part.text));
  if (comment === undefined || content === undefined) return undefined;
  const read = readContent(content, () => ({ line: 1, column: 1 }));
  if (read.objects.length === 0) return read;
  const error = moveDown({ ...placeOf(comment, part.text), message: COMMENTS }, part);
  return { ...NOTHING, errors: [error] };
}

/** Several times as fast as the YAML parser, which is only asked for the lines of what was found. */
function parseJson(text: string): unknown {
  if (!/^\s*[{[]/.test(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    // YAML in braces, or a mistake that the YAML parser will locate.
    return undefined;
  }
}

/** Where things stand is worked out for the few documents that have findings. */
function readWithoutPlaces(part: Part): Manifest | undefined {
  const read = readYamlContent(part.text);
  return read && readContent(read.content, locateLate(part, read.locate));
}

function locateLate(part: Part, some: LocateSome = createYamlPlaces(part.text)): Locate {
  let all: Locate | undefined;
  return (pointer, of) => moveDown(some(pointer, of) ?? (all ??= locateIn(part.text))(pointer, of), part);
}

function readYaml(part: Part): Manifest {
  return joinManifests(
    readDocuments(part.text).map((document) => {
      if (!document.ok) return { ...NOTHING, errors: [moveDown(document.problem, part)] };
      const { content, locate, repeated } = document;
      const errors = repeated === undefined ? [] : [moveDown(repeated, part)];
      return { ...readContent(content, (pointer, of) => moveDown(locate(pointer, of), part)), errors };
    }),
  );
}

function moveDown<Place extends Position>(place: Place, { line, column }: Part): Place {
  return { ...place, line: place.line + line, column: place.column + (place.line === 1 ? column : 0) };
}

function readContent(content: unknown, locate: Locate): Manifest {
  const found = unfold(content, { base: '', locate });
  const objects = found.filter((each) => 'object' in each);
  const others = found.filter((each) => 'value' in each);
  return { objects, foreign: others.length, others: others.filter(({ value }) => isMeantAsObject(value)), errors: [] };
}

function isMeantAsObject(value: unknown): boolean {
  return isRecord(value) && (typeof value['apiVersion'] === 'string' || typeof value['kind'] === 'string');
}

/** Where a value stands, and in what. */
type Place = Readonly<{ base: Pointer; locate: Locate; isTemplated?: true }>;

/** The object itself, or the items of a `List` (`DeploymentList`, …) or an OpenShift Template, however deep. */
function unfold(value: unknown, place: Place): readonly (ManifestObject | OtherValue)[] {
  const { base, locate, ...rest } = place;
  if (value === null) return [];
  const locateIn: Locate = (pointer, part) => locate(base + pointer, part);
  if (!isObject(value)) return [{ value, locate: locateIn }];
  const { apiVersion, kind } = value;
  if (isTemplate(value))
    return processTemplate(value).flatMap((item, at) =>
      unfold(item, { base: joinPointer(base, 'objects', at), locate, isTemplated: true }),
    );
  if (!isList(value)) return [{ apiVersion, kind, object: value, locate: locateIn, ...rest }];
  return value.items.flatMap((item, at) =>
    unfold(nameKind(item, value), { ...place, base: joinPointer(base, 'items', at) }),
  );
}

/** The items of a `PodList`, as the API itself answers, leave it to the list to say that they are pods. */
function nameKind(item: unknown, { apiVersion, kind }: { apiVersion: string; kind: string }): unknown {
  const named = kind.slice(0, -'List'.length);
  return isRecord(item) && item['kind'] === undefined && named !== '' ? { apiVersion, kind: named, ...item } : item;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> & { apiVersion: string; kind: string } {
  return (
    isRecord(value) &&
    typeof value['apiVersion'] === 'string' &&
    typeof value['kind'] === 'string' &&
    value['kind'] !== ''
  );
}

function isList(value: unknown): value is { apiVersion: string; kind: string; items: readonly unknown[] } {
  return isObject(value) && value.kind.endsWith('List') && Array.isArray(value['items']);
}

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
