import { memoize } from './memoize.ts';

/** A JSON Pointer (RFC 6901): `/spec/containers/0/image`. */
export type Pointer = string;

/** The segments a pointer names, unescaped; the empty pointer, which names the whole document, has none. */
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

/** What stands at a pointer, or undefined. */
export function readPointer(document: unknown, pointer: Pointer): unknown {
  return readPath(document, ...splitPointer(pointer));
}

/** What stands under a chain of members, or undefined. Own properties only: a document cannot lead us to a prototype. */
export function readPath(document: unknown, ...segments: readonly string[]): unknown {
  let value = document;
  for (const segment of segments) {
    if (!isRecordOrList(value) || !Object.hasOwn(value, segment)) return undefined;
    value = value[segment];
  }
  return value;
}

/** The text under a chain of members; empty when there is none. */
export function readString(document: unknown, ...segments: readonly string[]): string {
  const value = readPath(document, ...segments);
  return typeof value === 'string' ? value : '';
}

/** The pointers that a pattern with `*` segments stands for in a document: each element or member where there is one. */
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

/** A pointer as the API server's own messages write it: `/spec/containers/0/image` → `spec.containers[0].image`. */
export const formatFieldPath: (pointer: Pointer) => string = memoize((pointer) =>
  splitPointer(pointer).reduce((path, segment) => {
    if (/^[0-9]+$/.test(segment)) return `${path}[${segment}]`;
    if (!/^[\w-]+$/.test(segment)) return `${path}[${JSON.stringify(segment)}]`;
    return path === '' ? segment : `${path}.${segment}`;
  }, ''),
);

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
