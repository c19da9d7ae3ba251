/** `@TAG@`, `@@TAG@@` between separators; `p@SSWORD@` is none. */
const AT_SIGNS = /(?<!\w)@@?[A-Z_][A-Z0-9_]*@@?(?!\w)/;

/**
 * What template languages and documentation put where a value belongs. None of them can be part of an address:
 * `${TAG}`, `$(TAG)`, `$TAG`, `${{ matrix.tag }}`, `{{ .Values.image }}`, `#{TAG}#`, `{TAG}`, `[[TAG]]`, `((tag))`, `[TAG]`,
 * `<image_address>`, `%TAG%`, `%s`, `%(tag)s`, `ko://…`, `@TAG@`, `@@TAG@@`.
 */
const PLACEHOLDER = new RegExp(
  [
    /\$?\{\{[^{}]*\}{0,2}/,
    /[$#]?\{[^{}]*\}#?/,
    /\$\{[^{}]*/,
    /\$\([^()]*\)?/,
    /\$\w+/,
    /\[\[[^[\]]*\]\]/,
    /\(\([^()]*\)\)/,
    /\[[A-Z_]+\]/,
    /<[^<>]*>/,
    /%[A-Za-z_]\w*%/,
    /%(?:\(\w*\))?[sdv](?!\w)/,
    /^ko:\/\/.*/s,
    AT_SIGNS,
  ]
    .map(({ source }) => source)
    .join('|'),
  's',
);

/** Go's answer to a missing value or one of another type, which Helm passes on: `<no value>`, `%!s(float64=1.25)`. */
const MISPRINT = /<(?:no value|nil)>|%!\w?\([^()]*\)?/;

/** A whole object as Go, JavaScript and JSON print it. It may hold anything, so it is recognised and never quoted. */
const OBJECT = /^\s*(?:map\[|\[object |\{")/;

/** Words that stand for a value nobody filled in. They are legal, so this alone is no reason to refuse an address. */
const STAND_IN =
  /^(?:__\w+__|null|nil|none|undefined|todo|tbd|x{3,}|x\.y\.z|(?:change|replace|fill)[-_]?(?:me|this)|(?:your|insert)[-_][\w-]+|(?:image|registry|repo|repository)[-_](?:address|host|name|tag|url))$/i;

/** Words that stand for a value only in capitals: `registry` is an image on Docker Hub. */
const CAPITALS = /^(?:IMAGE|NAME|PORT|REGISTRY|REPO|REPOSITORY|TAG|VERSION)$/;

/** The first placeholder in an address that cannot be parsed. */
export function findPlaceholder(written: string): string | undefined {
  return PLACEHOLDER.exec(written)?.[0] ?? written.split(/[/:@]/).find(isStandIn);
}

/** Whether there is a placeholder of the kind whose "@" makes it look like credentials. */
export function hasHiddenPlaceholder(written: string): boolean {
  return AT_SIGNS.test(written);
}

/** The first trace of a template that had no usable value, in an address that cannot be parsed. */
export function findMisprint(written: string): string | undefined {
  return MISPRINT.exec(written)?.[0];
}

/** Whether a template printed an object where its author meant one of its fields. */
export function isPrintedObject(written: string): boolean {
  return OBJECT.test(written);
}

export function isStandIn(word: string): boolean {
  return STAND_IN.test(word) || CAPITALS.test(word);
}
