/** A member of a JSON object: its name, and its value as JSON text. */
export type Member = Readonly<{ name: string; json: string }>;

/**
 * The members of a JSON object, in order. Unlike `JSON.parse`, which keeps only the last of those with the same name: Go's
 * `encoding/json` looks at each, and one that it cannot use is an error even where another follows.
 *
 * @param json is valid JSON
 * @returns undefined when it is not an object
 */
export function readMembers(json: string): readonly Member[] | undefined {
  if (!json.trimStart().startsWith('{')) return undefined;
  const members: Member[] = [];
  let name: string | undefined;
  let start = 0;
  for (const { token, index } of listOwnTokens(json)) {
    if (token === ':') start = index + 1;
    else if (token !== ',' && token !== '}') name ??= readText(token);
    else if (name !== undefined) {
      members.push({ name, json: json.slice(start, index).trim() });
      name = undefined;
    }
  }
  return members;
}

/** The text that a JSON string stands for, U+FFFD for halves of characters; undefined when it is another kind of value. */
export function readText(json: string): string | undefined {
  const value: unknown = json.startsWith('"') ? JSON.parse(json) : undefined;
  return typeof value === 'string' ? value.replaceAll(/\p{Cs}/gu, '\uFFFD') : undefined;
}

export function isNull(json: string): boolean {
  return json.trim() === 'null';
}

/** A string whole, so that no sign within it counts; a sign; or whatever else there is. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:,]|[^\s"{}[\]:,]+/g;

/** Those of an object itself, from behind its "{" on, without what is within its values. */
function* listOwnTokens(json: string): Generator<Readonly<{ token: string; index: number }>> {
  let depth = 0;
  for (const { 0: token, index } of json.matchAll(TOKEN)) {
    if (depth === 1) yield { token, index };
    if (token === '{' || token === '[') depth++;
    else if (token === '}' || token === ']') depth--;
  }
}
