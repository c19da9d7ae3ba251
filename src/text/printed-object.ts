import { holdsSecret } from './secret-words.ts';

/**
 * Harmless text in brackets: placeholders of templates, IP addresses, single words. Each is bounded, so that all brackets of a
 * text together are checked in linear time.
 */
const HARMLESS = new RegExp(
  [
    // `{{ .Values.tag }}`, `{{TAG}`, `{{`, `{% tag %}`, `{TAG}`, `{0}`, and `${TAG:-latest}` after its "$".
    /\{\{[-\s]*[\w.-]{0,64}[-\s]*(?:\}{1,2}|$)/,
    /\{\{(?=[^{}]{0,200}(?<=[\s({|-])[.$](?:[A-Za-z_]|\s))[^{}]{0,200}\}\}/,
    /\{%[^{}"'`=:]{0,64}%\}/,
    /(?<!&)\{\s*[\w.-]{0,64}\s*(?:\}|$)/,
    /(?<=\$)\{[^\s{}"',]{0,200}(?:\}|$)/,
    // `[::1]`, `[[ tag ]]`, `[YOUR NAME]`, `["nginx:1.25"]`, `[a-z]`, and terminal colors.
    /(?<!\w)\[[\dA-Fa-f:.]{0,64}(?:%\w{0,16})?(?:\]|(?=\/|$))/,
    /\[\[\s*[\w.-]{0,64}\s*\]\]/,
    /\[YOUR(?:[ _-][A-Z]{1,24}){1,3}\]/,
    /(?<!\w)\[["'\s]{0,4}[\w.:/@-]{0,200}["'\s]{0,4}(?:\]|$)/,
    /(?<!map)\[[!^]?[\w.-]{0,64}(?:\]|$)/,
    /(?<=\u001b)\[[\d;]{0,16}m/,
    // `((tag))`, `%(tag)s`, `(nginx:1.25)`, `$(git rev-parse HEAD)`, and what Go prints for a number in place of a string.
    /\(\([\w\s.-]{0,64}\)\)/,
    /(?<!\w)\(\s{0,4}[\w.:/@-]{0,200}\s{0,4}(?:\)|$)/,
    /(?<=\$)\((?!\s*(?:echo|printf|base64)\b)[^()"'`|<>,]{0,64}(?:\)|$)/,
    /(?<=%!\w?)\((?:(?:u?int\d*|float\d+|string)=v?[\d.e+-]{1,24}|bool=\w{4,5}|[A-Z]{0,16}|<nil>)(?:\)|$)/,
    // `<no value>`, `<%= tag %>`, `<registry address>`, `<<TAG>>`, and `<1.25`; an element with an end tag is not a placeholder.
    /<{1,2}(?!.*<\/)[%=\s]{0,4}[\w.:/-]{0,64}(?:[\s_-]\w{1,24}){0,3}\s{0,4}%?(?:>{1,2}|$)/s,
  ]
    .map(({ source }) => `(?:${source})`)
    .join('|'),
  'ys',
);

/** Every bracket. */
const BRACKET = /[[{(<\]})]/g;

/** The part of a placeholder before its bracket: `${`, `%(`, `%!s(`. */
const VARIABLE_SIGN = /(?:[$#]|%!?\w?)$/;

/** The type before the bracket, as in `map[`, `&main.Auth{` and `Secret(`. */
const TYPE_NAME = /[\w.*&%!@$#]*$/;

/** Signs of several values before a closing bracket, if a text starts in the middle of an object: `user:a password:b}`. */
const SEVERAL_THINGS = /[\s"',=]/;

/** The text before a printed object, or the whole text if there is none; `bare` is the same without placeholders. */
type Printed = Readonly<{ before: string; isObject: boolean; bare: string }>;

/**
 * Finds an object as Go, JSON, YAML, Python, Ruby, PHP or JavaScript print it, anywhere in a text. It may contain secrets under
 * any name, and its end is unknown, so nothing after its start may be shown.
 */
export function findPrintedObject(text: string): Printed {
  let bare = '';
  let from = 0;
  BRACKET.lastIndex = 0;
  for (let found = BRACKET.exec(text); found !== null; found = BRACKET.exec(text)) {
    const { index } = found;
    HARMLESS.lastIndex = index;
    const isHarmless = HARMLESS.test(text) && !holdsSecret(text.slice(index, HARMLESS.lastIndex));
    if (!isHarmless && isPartOfObject(text, index)) {
      const before = '[{(<'.includes(found[0]) ? text.slice(0, index).replace(TYPE_NAME, '') : '';
      return { before, isObject: true, bare: before };
    }
    if (!isHarmless) continue;
    bare += text.slice(from, index).replace(VARIABLE_SIGN, '');
    from = HARMLESS.lastIndex;
    BRACKET.lastIndex = from;
  }
  return { before: text, isObject: false, bare: bare + text.slice(from) };
}

function isPartOfObject(text: string, index: number): boolean {
  return '[{(<'.includes(text.charAt(index)) || SEVERAL_THINGS.test(text.slice(0, index).trim());
}
