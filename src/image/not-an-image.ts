import { quote } from '../text/quote.ts';
import { HIDDEN_OBJECT, redact } from '../text/redact.ts';
import { splitReference } from './reference.ts';

/**
 * What stands where an image belongs and is none: what templates leave behind, and URLs and paths of web pages, files and Git
 * repositories.
 */

/** `@TAG@`, `@@TAG@@` between separators; `p@SSWORD@` is none. */
const AT_SIGNS = /(?<!\w)@@?[A-Z_][A-Z0-9_]*@@?(?!\w)/;

/**
 * What template languages and documentation put where a value belongs. None of them can be part of an image reference:
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
    /\[[A-Z_ -]+\]/,
    /<<?[^<>]*>>?/,
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

/** Words that stand for a value that was not filled in. They are valid, so this alone is no reason to deny an image. */
const STAND_IN =
  /^(?:__\w+__|null|nil|none|undefined|todo|tbd|x{3,}|x\.y\.z|(?:change|replace|fill)[-_]?(?:me|this)|(?:your|insert)[-_][\w-]+|(?:image|registry|repo|repository)[-_](?:address|host|name|tag|url))$/i;

/** Words that stand for a value only in capitals: `registry` is an image on Docker Hub. */
const CAPITALS = /^(?:IMAGE|NAME|PORT|REGISTRY|REPO|REPOSITORY|TAG|VERSION)$/;

/** `PROJECT_ID`, in the name of an image: of names in capitals, those that documentation has filled in have a "_". A tag may be called so. */
const FILL_IN = /(?<!\w)[A-Z][A-Z\d]*(?:_[A-Z\d]+)+(?!\w)/;

function findFillIn(written: string): string | undefined {
  const { domain = '', path } = splitReference(written);
  return FILL_IN.exec(`${domain}/${path}`)?.[0];
}

export function isStandIn(word: string): boolean {
  return STAND_IN.test(word) || CAPITALS.test(word);
}

/** What a template left in a reference that cannot be parsed; undefined when there is nothing of the kind. */
export function describePlaceholder(written: string): string | undefined {
  // What may be a password is not searched, for the finding is quoted.
  const searched = redact(written);
  if (searched.includes(HIDDEN_OBJECT)) return 'a template printed a whole object instead of an image';
  const misprint = MISPRINT.exec(searched)?.[0];
  if (misprint !== undefined) return `a template had no value here, it printed ${quote(misprint, 40)}: set the value`;
  const placeholder =
    PLACEHOLDER.exec(searched)?.[0] ?? searched.split(/[/:@]/).find(isStandIn) ?? findFillIn(searched);
  if (placeholder !== undefined)
    return `placeholder ${quote(placeholder, 40)} was not replaced: replace it before applying the manifest`;
  return AT_SIGNS.test(written)
    ? 'placeholder between "@" signs was not replaced: replace it before applying the manifest'
    : undefined;
}

/** Web sites that are taken for the registry of the images they show, and that registry. */
const REGISTRIES: ReadonlyMap<string, string> = new Map([
  ['docker.com', 'docker.io'],
  ['www.docker.com', 'docker.io'],
  ['hub.docker.com', 'docker.io'],
  ['github.com', 'ghcr.io'],
  ['gitlab.com', 'registry.gitlab.com'],
]);

/** Pages and API calls whose URL people copy, without the scheme, and the image they are about. */
const PAGES: readonly (readonly [page: RegExp, image: string])[] = [
  [/^hub\.docker\.com\/layers\/(?:library\/)?([^/]+(?:\/[^/]+)?)\/([^/]+)\/images\/.*$/, '$1:$2'],
  [/^hub\.docker\.com\/(?:_|r\/library|r)\/([^?#]+?)(?:\/(?:tags|general|builds))?\/?(?:[?#].*)?$/, '$1'],
  [/^quay\.io\/repository\/([^/?#]+\/[^/?#]+).*$/, 'quay.io/$1'],
  [/^github\.com\/([^/]+)\/[^/]+\/pkgs\/container\/([^/?#]+).*$/, 'ghcr.io/$1/$2'],
  [/^([^/]+)\/v2\/(.+)\/manifests\/(sha256:[0-9a-f]{64})$/, '$1/$2@$3'],
  [/^([^/]+)\/v2\/(.+)\/manifests\/([^/:@]+)$/, '$1/$2:$3'],
  [/^[^/]+\/v[12]$/, ''],
];

const FILE_NAME = /\.(?:tar|tgz|gz|zip|ya?ml|json)$/;

/** `./app.tar`, `C:\images\app`, `\\server\app`, `file:///app`, `dir:/tmp/app`, `/tmp/app.tar`: none of them can be an image. */
const FILE_PATH =
  /^(?:[a-z]:[\\/]|\\\\|(?:~|\.|\.\.)[\\/]|file:|(?:dir|oci|oci-archive|docker-archive):\.{0,2}\/(?!\/))/i;

const GIT_REPOSITORY = /^(?:git@|(?:git|ssh|git\+\w+):\/\/)|\.git$/;

/**
 * The image that a web page or a registry's API call is about: `hub.docker.com/_/nginx` → `nginx`. The empty text when it
 * is about no single one, undefined when the URL is neither.
 */
export function readWebPage(address: string): string | undefined {
  const row = PAGES.find(([page]) => page.test(address));
  return row === undefined ? undefined : address.replace(row[0], row[1]);
}

/** The registry whose web site a host is: `github.com` → `ghcr.io`. */
export function registryOfSite(host: string): string | undefined {
  return REGISTRIES.get(host);
}

export function isFileName(name: string): boolean {
  return FILE_NAME.test(name);
}

/** Whether a reference that cannot be parsed is the path of a file. */
export function isFilePath(written: string): boolean {
  return FILE_PATH.test(written) || (written.startsWith('/') && isFileName(written));
}

/** Whether a reference that cannot be parsed is the URL of a Git repository. */
export function isGitRepository(written: string): boolean {
  return GIT_REPOSITORY.test(written);
}
