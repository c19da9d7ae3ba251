/**
 * A pattern as in Go's `path/filepath.Match`, which kubelet uses for credential keys: `*` matches any characters, `?` one,
 * `[a-z]` and `[^a-z]` one of a class, and `\` makes the next character literal.
 */
export type Glob = string | Readonly<{ text: string; tokens: readonly Token[] }>;

type Token = 'any-run' | CharacterTest;
type CharacterTest = (char: string) => boolean;

/** Parses a pattern; undefined if it is malformed (an open class or a trailing backslash), so that it matches nothing. */
export function parseGlob(pattern: string): Glob | undefined {
  if (!/[*?[\\]/.test(pattern)) return pattern;
  const tokens: Token[] = [];
  const chars = Array.from(pattern);
  for (let at = 0; at < chars.length; at++) {
    const char = chars[at];
    if (char === '*') tokens.push('any-run');
    else if (char === '?') tokens.push(() => true);
    else if (char === '[') {
      const read = readClass(chars, at + 1);
      if (read === undefined) return undefined;
      tokens.push(read.test);
      at = read.end;
    } else {
      const literal = char === '\\' ? chars[++at] : char;
      if (literal === undefined) return undefined;
      tokens.push((other) => other === literal);
    }
  }
  return { text: pattern, tokens };
}

/** Whether the whole text matches. Takes at most pattern × text: on a mismatch only the last `*` is extended. */
export function matchGlob(glob: Glob, text: string): boolean {
  if (typeof glob === 'string') return glob === text;
  const { tokens } = glob;
  const chars = Array.from(text);
  let token = 0;
  let run: { token: number; at: number } | undefined;
  for (let at = 0; at < chars.length;) {
    const test = tokens[token];
    if (test === 'any-run') {
      run = { token: ++token, at };
    } else if (test?.(chars[at] ?? '') === true) {
      token++;
      at++;
    } else {
      if (run === undefined) return false;
      token = run.token;
      at = ++run.at;
    }
  }
  return tokens.slice(token).every((rest) => rest === 'any-run');
}

/** Parses a class from after its "[" to its "]": at least one character or range; "-" and "]" must be escaped with "\\". */
function readClass(chars: readonly string[], start: number): { test: CharacterTest; end: number } | undefined {
  const negated = chars[start] === '^';
  const ranges: [low: string, high: string][] = [];
  let at = negated ? start + 1 : start;
  const readMember = (): string | undefined => {
    if (chars[at] === '-' || chars[at] === ']') return undefined;
    if (chars[at] === '\\') at++;
    return chars[at++];
  };
  while (chars[at] !== ']' || ranges.length === 0) {
    const low = readMember();
    const isRange = chars[at] === '-';
    if (isRange) at++;
    const high = isRange ? readMember() : low;
    if (low === undefined || high === undefined) return undefined;
    ranges.push([low, high]);
  }
  return { test: (char) => ranges.some(([low, high]) => low <= char && char <= high) !== negated, end: at };
}
