import { isDeepStrictEqual } from 'node:util';
import { readDocuments } from '../../src/manifest/document.ts';
import { readYamlContent } from '../../src/manifest/yaml-content.ts';
import { joinPointer, type Pointer } from '../../src/text/json.ts';

/** What the two YAML parsers read differently in a text. Undefined if they agree, or if the text is not for the fast one. */
export function findDisagreement(text: string): object | undefined {
  const read = readYamlContent(text);
  if (read === undefined) return undefined;
  const { content: fast, locate } = read;
  const [parsed, ...others] = readDocuments(text);
  if (parsed?.ok !== true || parsed.repeated !== undefined || others.length > 0) return { text, fast, parsed };
  if (!isDeepStrictEqual(fast, parsed.content)) return { text, fast, parsed: parsed.content };
  for (const pointer of listPointers(fast)) {
    for (const part of [undefined, 'key', 'end'] as const) {
      const place = locate(pointer, part);
      if (place === undefined || isDeepStrictEqual(place, parsed.locate(pointer, part))) continue;
      return { text, pointer, part, place, parsed: parsed.locate(pointer, part) };
    }
  }
  return undefined;
}

/** Of every value, and of one that is not there. */
function listPointers(value: unknown, pointer: Pointer = ''): readonly Pointer[] {
  if (typeof value !== 'object' || value === null) return [pointer];
  const inside = Object.entries(value).flatMap(([key, each]) => listPointers(each, joinPointer(pointer, key)));
  return [pointer, ...inside, joinPointer(pointer, 'absent')];
}
