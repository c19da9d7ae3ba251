import { isDeepStrictEqual } from 'node:util';
import { readDocuments } from '../../src/manifest/document.ts';
import { readYamlContent } from '../../src/manifest/yaml-content.ts';

/** What the two YAML parsers read differently in a text. Undefined if they agree, or if the text is not for the fast one. */
export function findDisagreement(text: string): object | undefined {
  const fast = readYamlContent(text);
  if (fast === undefined) return undefined;
  const [parsed, ...others] = readDocuments(text);
  if (parsed?.ok !== true || parsed.repeated !== undefined || others.length > 0) return { text, fast, parsed };
  return isDeepStrictEqual(fast, parsed.content) ? undefined : { text, fast, parsed: parsed.content };
}
