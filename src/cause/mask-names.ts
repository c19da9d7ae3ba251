/**
 * A message of a failed pull, reduced to the words that decide: every name from a user or a registry is blanked out. An image may
 * be called `x509:eof` or have `/toomanyrequests/` in its path, and must not choose its own cause.
 */
export type MaskedMessage = Readonly<{
  /** The message without the escapes of JSON and Go's `%q`. */
  text: string;
  /** The same in lower case, at the same positions, with `·` in place of every name. */
  words: string;
  /** The positions of URLs, in order. */
  urls: readonly Span[];
}>;

export type Span = Readonly<{ start: number; end: number }>;

const BLANK = '·';

/** @param names names that the message is known to contain: an image as written, and parts of it */
export function maskNames(text: string, names: readonly string[]): MaskedMessage {
  const lower = toLower(text);
  const spans: Span[] = [];
  const urls: Span[] = [];
  for (const name of names) findAll(lower, toLower(name), spans);
  for (const lead of LEADS) findLed(lower, lead, spans);
  for (const piece of splitAt(lower, 0, lower.length, isSpaceOrQuote)) maskPiece(lower, piece, spans, urls);
  return { text, words: blank(lower, spans), urls };
}

/**
 * `\"` → `"`, also with several backslashes, as each log that a message passed through quotes it again. The same for `\n` and
 * `\u003c`.
 */
export function unescapeMessage(text: string): string {
  let [out, at] = ['', 0];
  for (let slash = text.indexOf('\\'); slash >= 0; slash = text.indexOf('\\', at)) {
    out += text.slice(at, slash);
    let end = slash + 1;
    while (text[end] === '\\') end++;
    const { sign, length } = readEscape(text, end);
    out += sign;
    at = end + length;
  }
  return out + text.slice(at);
}

function readEscape(text: string, at: number): Readonly<{ sign: string; length: number }> {
  const next = text[at] ?? '';
  if (next === '"' || next === "'") return { sign: next, length: 1 };
  if (next === 'n' || next === 'r') return { sign: '\n', length: 1 };
  if (next === 't') return { sign: ' ', length: 1 };
  const code = /^u00([2-7][0-9a-f])/i.exec(text.slice(at, at + 5))?.[1];
  return code === undefined ? { sign: '\\', length: 0 } : { sign: String.fromCharCode(parseInt(code, 16)), length: 5 };
}

/** Only for ASCII, so that the length stays the same. */
export function toLower(text: string): string {
  return text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** Words before a name without quotes, which may be a single word, and the text that must follow it. */
const LEADS: readonly (readonly [before: string, after: string])[] = [
  ['manifest ', ' in '],
  ['digest ', ' in '],
  ['manifest for ', ' not found'],
  ['repository ', ' not found'],
  ['access denied for ', ','],
  ['[manifests ', ']'],
  ['pull failed for ', ' because'],
  ['lookup ', ' on '],
  ['lookup ', ':'],
  ['registry ', ' is blocked'],
  ['container registry ', ':'],
  ['docker registry ', ':'],
  ['host ', ' failed'],
  ['docker://', ':'],
  ['no such image: ', ''],
];

function findLed(lower: string, [before, after]: readonly [string, string], spans: Span[]): void {
  for (let at = lower.indexOf(before); at >= 0; at = lower.indexOf(before, at + before.length)) {
    const start = at + before.length;
    const end = endOfWord(lower, start);
    const word = lower.slice(start, end);
    if (word === 'name') continue;
    if (after.startsWith(' ') || after === '') {
      if (lower.startsWith(after, end)) spans.push({ start, end });
    } else if (word.endsWith(after)) spans.push({ start, end: end - after.length });
  }
}

/** Longer than any name. A longer text is not a word of a program either, and is blanked with the rest of its token. */
const LONGEST_WORD = 4096;

function endOfWord(lower: string, start: number): number {
  let end = start;
  while (end < lower.length && end - start < LONGEST_WORD && !isSpaceOrQuote(lower.charCodeAt(end))) end++;
  return end;
}

function findAll(lower: string, name: string, spans: Span[]): void {
  if (name.length < 2) return;
  for (let at = lower.indexOf(name); at >= 0; at = lower.indexOf(name, at + name.length)) {
    const end = at + name.length;
    if (!isWordSign(lower.charCodeAt(at - 1)) && !isWordSign(lower.charCodeAt(end))) spans.push({ start: at, end });
  }
}

/** Masks the text between two spaces or quotes: as a whole if it is in quotes or a URL, otherwise the names in it. */
function maskPiece(lower: string, piece: Span, spans: Span[], urls: Span[]): void {
  const { start, end } = piece;
  const scheme = lower.slice(start, end).indexOf('://');
  const quotes = lower[start - 1] === '"' && lower[end] === '"';
  if (scheme >= 0) {
    const from = beginOfScheme(lower, start, start + scheme);
    const url = { start: from, end: trimEnd(lower, from, end) };
    urls.push(url);
    spans.push(url);
  } else if (quotes && !isMediaType(lower.slice(start, end)) && lower[start] !== '<') {
    spans.push(piece);
  } else {
    for (const part of splitAt(lower, start, end, isBracket)) {
      const to = trimEnd(lower, part.start, part.end);
      if (isName(lower.slice(part.start, to))) spans.push({ start: part.start, end: to });
    }
  }
}

function beginOfScheme(lower: string, start: number, colon: number): number {
  let from = colon;
  while (from > start && isWordSign(lower.charCodeAt(from - 1))) from--;
  return from;
}

/** Without punctuation at the end of a clause. */
function trimEnd(lower: string, start: number, end: number): number {
  let to = end;
  while (to > start && ":,;.)]}'…".includes(lower[to - 1] ?? '')) to--;
  return to;
}

/** Whether a token is a name, an address, a path or a time, and not a word of a program. */
function isName(token: string): boolean {
  if (WORDS_WITH_SIGNS.has(token) || isMediaType(token)) return false;
  return /[/:@]|[a-z\d]\.[a-z\d]/.test(token);
}

const WORDS_WITH_SIGNS: ReadonlySet<string> = new Set([
  'i/o',
  'net/http',
  'archive/tar',
  'input/output',
  'username/password',
  'read/write',
  'list/index',
  'and/or',
  'client.timeout',
]);

function isMediaType(token: string): boolean {
  return /^(?:application\/(?:vnd\.|json)|text\/html|text\/plain)/.test(token);
}

function* splitAt(lower: string, start: number, end: number, isSeparator: (code: number) => boolean): Generator<Span> {
  let from = start;
  for (let at = start; at <= end; at++) {
    if (at < end && !isSeparator(lower.charCodeAt(at))) continue;
    if (at > from) yield { start: from, end: at };
    from = at + 1;
  }
}

function isSpaceOrQuote(code: number): boolean {
  return code <= 0x20 || code === 0x22 || code === 0xa0;
}

const BRACKETS: ReadonlySet<number> = new Set(Buffer.from('[](){}<>=,;|`'));

function isBracket(code: number): boolean {
  return BRACKETS.has(code);
}

/** Characters of names: next to a name, they show that it is only a part of a longer one. */
function isWordSign(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x30 && code <= 0x39) || code === 0x2d || code === 0x5f;
}

function blank(lower: string, spans: readonly Span[]): string {
  let [out, at] = ['', 0];
  for (const { start, end } of spans.toSorted((a, b) => a.start - b.start)) {
    if (end <= at) continue;
    const from = Math.max(start, at);
    out += lower.slice(at, from) + BLANK.repeat(end - from);
    at = end;
  }
  return out + lower.slice(at);
}
