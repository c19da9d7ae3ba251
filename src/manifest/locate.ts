import { isAlias, isCollection, isMap, isPair, isScalar, type Document, type LineCounter, type Node } from 'yaml';
import { splitPointer, type Pointer } from '../text/json.ts';

/** Where something stands in a text; both count from 1. */
export type Position = Readonly<{ line: number; column: number }>;

/**
 * Where a pointer leads in a YAML document, aliases and merge keys followed. What is not there is located at the nearest
 * thing above it that is. With `key`, the key of the last member and not its value.
 */
export function locate(document: Document.Parsed, lines: LineCounter, pointer: Pointer, part?: 'key'): Position {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  const segments = splitPointer(pointer);
  for (const [depth, segment] of segments.entries()) {
    const { key, value } = findChild(document, node, segment);
    const start = part === 'key' && depth === segments.length - 1 ? startOf(key) : (startOf(value) ?? startOf(key));
    if (start === undefined) break;
    offset = start;
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
