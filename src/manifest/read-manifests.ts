import { isRecord, joinPointer, type Pointer } from '../text/json.ts';
import { locateIn, readDocuments, TOO_DEEP, type Locate, type Position } from './document.ts';

/** One Kubernetes object in a manifest, and how to find the line of any of its fields. */
export type ManifestObject = Readonly<{
  apiVersion: string;
  kind: string;
  object: unknown;
  locate: Locate;
}>;

export type Manifest = Readonly<{
  objects: readonly ManifestObject[];
  /** Documents, or items of a `List`, that are something else. */
  foreign: number;
  /** What cannot be read; the documents around it are read all the same. */
  errors: readonly (Position & Readonly<{ message: string }>)[];
}>;

/** Reads YAML or JSON, any number of documents of either. `List`s are taken apart. Never throws. */
export function readManifest(text: string): Manifest {
  // Files that were joined on Windows have a byte order mark in the middle; the parser knows no line ends of old Macs.
  const plain = text.replaceAll(/^\ufeff/gm, '').replaceAll(/\r(?!\n)/g, '\n');
  return joinManifests(splitText(plain).map((part) => readPart(part)));
}

function joinManifests(manifests: readonly Manifest[]): Manifest {
  return {
    objects: manifests.flatMap(({ objects }) => objects),
    foreign: manifests.reduce((sum, { foreign }) => sum + foreign, 0),
    errors: manifests.flatMap(({ errors }) => errors),
  };
}

/** A part of a text; `line` counts the lines before it. */
type Part = Readonly<{ text: string; line: number }>;

/** JSON objects one after another, as jq prints them: in JSON a line break between these two is nowhere else. */
const JSON_BOUNDARY = /(?<=\}[ \t]*\r?\n)(?=\s*\{)/;

/** A line with `---` ends a document wherever it stands, even inside a text whose quote was never closed. */
const YAML_BOUNDARY = /^(?=---(?:\s|$))/m;

/** Cuts a text before it is parsed, so that no mistake in one document reaches the next. */
function splitText(text: string): readonly Part[] {
  let line = 0;
  return text.split(/^\s*\{\s*["}]/.test(text) ? JSON_BOUNDARY : YAML_BOUNDARY).map((part) => {
    const before = line;
    line += countLines(part);
    return { text: part, line: before };
  });
}

function countLines(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++;
  return count;
}

function readPart(part: Part): Manifest {
  const json = parseJson(part.text);
  try {
    return json === undefined ? readYaml(part) : readContent(json, locateInJson(part));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { objects: [], foreign: 0, errors: [{ line: part.line + 1, column: 1, message: TOO_DEEP }] };
  }
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

function locateInJson({ text, line }: Part): Locate {
  let locate: Locate | undefined;
  return (pointer) => moveDown((locate ??= locateIn(text))(pointer), line);
}

function readYaml({ text, line }: Part): Manifest {
  return joinManifests(
    readDocuments(text).map((document) =>
      document.ok
        ? readContent(document.content, (pointer) => moveDown(document.locate(pointer), line))
        : { objects: [], foreign: 0, errors: [moveDown(document.problem, line)] },
    ),
  );
}

function moveDown<Place extends Position>(place: Place, lines: number): Place {
  return { ...place, line: place.line + lines };
}

function readContent(content: unknown, locate: Locate): Manifest {
  const found = unfold(content, '', locate);
  const objects = found.filter((object) => object !== undefined);
  return { objects, foreign: found.length - objects.length, errors: [] };
}

/** The object itself, or the items of a `List` (`DeploymentList`, …), however deep; undefined for what is no object of Kubernetes. */
function unfold(value: unknown, base: Pointer, locate: Locate): readonly (ManifestObject | undefined)[] {
  if (value === null) return [];
  if (!isObject(value)) return [undefined];
  const { apiVersion, kind } = value;
  if (!isList(value)) return [{ apiVersion, kind, object: value, locate: (pointer) => locate(base + pointer) }];
  return value.items.flatMap((item, at) => unfold(nameKind(item, value), joinPointer(base, 'items', at), locate));
}

/** The items of a `PodList`, as the API itself answers, leave it to the list to say that they are pods. */
function nameKind(item: unknown, { apiVersion, kind }: { apiVersion: string; kind: string }): unknown {
  const named = kind.slice(0, -'List'.length);
  return isRecord(item) && item['kind'] === undefined && named !== '' ? { apiVersion, kind: named, ...item } : item;
}

function isObject(value: unknown): value is { apiVersion: string; kind: string } {
  return (
    isRecord(value) &&
    typeof value['apiVersion'] === 'string' &&
    typeof value['kind'] === 'string' &&
    value['kind'] !== ''
  );
}

function isList(value: unknown): value is { apiVersion: string; kind: string; items: readonly unknown[] } {
  return isObject(value) && value.kind.endsWith('List') && 'items' in value && Array.isArray(value.items);
}
