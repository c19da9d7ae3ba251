import { memoize } from './memoize.ts';

/** A JSON Pointer (RFC 6901): `/spec/containers/0/image`. */
export type Pointer = string;

/** The unescaped segments of a pointer; none for the empty pointer, which is the whole document. */
export const splitPointer: (pointer: Pointer) => readonly string[] = memoize((pointer) =>
  pointer
    .split('/')
    .slice(1)
    .map((segment) => (segment.includes('~') ? segment.replaceAll('~1', '/').replaceAll('~0', '~') : segment)),
);

export function joinPointer(base: Pointer, ...segments: readonly (string | number)[]): Pointer {
  let pointer = base;
  for (const segment of segments) pointer += `/${typeof segment === 'number' ? segment : escapeSegment(segment)}`;
  return pointer;
}

/** The value at a pointer, or undefined. */
export function readPointer(document: unknown, pointer: Pointer): unknown {
  return readPath(document, ...splitPointer(pointer));
}

/** The value under a chain of members, or undefined. Own properties only, so that a document cannot access prototypes. */
export function readPath(document: unknown, ...segments: readonly string[]): unknown {
  let value = document;
  for (const segment of segments) {
    if (!isRecordOrList(value) || !Object.hasOwn(value, segment)) return undefined;
    value = value[segment];
  }
  return value;
}

/** The string under a chain of members; empty if there is none. */
export function readString(document: unknown, ...segments: readonly string[]): string {
  const value = readPath(document, ...segments);
  return typeof value === 'string' ? value : '';
}

/** The pointers in a document that match a pattern with `*` segments: one for each element or member. */
export function expandPointer(document: unknown, pattern: Pointer): readonly Pointer[] {
  if (!pattern.includes('*')) return [pattern];
  return splitPointer(pattern).reduce<readonly Pointer[]>(
    (bases, segment) =>
      segment === '*'
        ? bases.flatMap((base) => childPointers(document, base))
        : bases.map((base) => joinPointer(base, segment)),
    [''],
  );
}

/** A pointer as in the messages of API servers: `/spec/containers/0/image` → `spec.containers[0].image`. */
export const formatFieldPath: (pointer: Pointer) => string = memoize((pointer) =>
  splitPointer(pointer).reduce((path, segment) => {
    if (/^[0-9]+$/.test(segment)) return `${path}[${segment}]`;
    if (!/^[\w-]+$/.test(segment)) return `${path}[${JSON.stringify(segment)}]`;
    return path === '' ? segment : `${path}.${segment}`;
  }, ''),
);

/** The value of a JSON text; undefined for invalid JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function escapeSegment(segment: string): string {
  return /[~/]/.test(segment) ? segment.replaceAll('~', '~0').replaceAll('/', '~1') : segment;
}

function isRecordOrList(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function childPointers(document: unknown, base: Pointer): readonly Pointer[] {
  const parent = readPointer(document, base);
  return isRecordOrList(parent) ? Object.keys(parent).map((key) => joinPointer(base, key)) : [];
}
