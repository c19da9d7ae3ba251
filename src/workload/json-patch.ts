import { splitPointer, type Pointer } from './pointer.ts';

/**
 * One operation of a JSON Patch (RFC 6902), as the API server applies it. `add` sets a member, whether it is there or not,
 * or with the last segment `-` appends to a list; `replace` sets one that is there.
 */
export type Edit = Readonly<{ op: 'add' | 'replace'; path: Pointer; value: unknown }>;

/** The document after the edits. Copies only the way to each change; the document given stays as it was. */
export function applyEdits(document: unknown, edits: readonly Edit[]): unknown {
  return edits.reduce((result, edit) => setAt(result, splitPointer(edit.path), edit.value), document);
}

function setAt(parent: unknown, [segment, ...rest]: readonly string[], value: unknown): unknown {
  if (segment === undefined) return value;
  if (Array.isArray(parent)) {
    const index = segment === '-' ? parent.length : Number(segment);
    return index === parent.length
      ? [...(parent as unknown[]), setAt(undefined, rest, value)]
      : (parent as unknown[]).with(index, setAt(parent[index], rest, value));
  }
  const record = (parent ?? {}) as Record<string, unknown>;
  return { ...record, [segment]: setAt(record[segment], rest, value) };
}
