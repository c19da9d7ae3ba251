import { splitPointer, type Pointer } from '../text/json.ts';

/**
 * One operation of a JSON Patch (RFC 6902), as the API server applies it. `add` sets a member, whether it is there or not,
 * or with the last segment `-` appends to a list; `replace` sets one that is there.
 */
export type Edit = Readonly<{ op: 'add' | 'replace'; path: Pointer; value: unknown }>;

/**
 * The document after the edits. Copies only the way to each change, and that once however many edits share it; the document
 * given stays as it was.
 */
export function applyEdits(document: unknown, edits: readonly Edit[]): unknown {
  const copies = new Set<unknown>();
  const copyOnce = (node: unknown): Container => {
    if (copies.has(node)) return node as Container;
    const copy = (Array.isArray(node) ? [...(node as unknown[])] : { ...(node as object) }) as Container;
    copies.add(copy);
    return copy;
  };
  const root: Container = { document };
  for (const { path, value } of edits) {
    let node = root;
    let key = 'document';
    for (const segment of splitPointer(path)) {
      node = node[key] = copyOnce(node[key]);
      key = segment === '-' && Array.isArray(node) ? String(node.length) : segment;
    }
    node[key] = value;
  }
  return root['document'];
}

/** A list or an object; the indices of a list are texts in a pointer, and JavaScript takes them so. */
type Container = Record<string, unknown>;
