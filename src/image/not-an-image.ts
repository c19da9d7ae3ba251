import { LONGEST_MEDIA_TYPE } from '../text/bounds.ts';
import { quote } from '../text/quote.ts';
import { HIDDEN_OBJECT, redact } from '../text/redact.ts';
import { splitReference } from './reference.ts';

/**
 * What is not an image: remains of templates, URLs and paths of web pages, files and repositories in its place, and artifacts of
 * other kinds in registries.
 */

/** `@TAG@`, `@@TAG@@` between separators; `p@SSWORD@` does not count. */
const AT_SIGNS = /(?<!\w)@@?[A-Z_][A-Z0-9_]*@@?(?!\w)/;

/**
 * Placeholders of template languages and documentation. None of them can be part of an image reference: `${TAG}`, `$(TAG)`,
 * `$TAG`, `${{ matrix.tag }}`, `{{ .Values.image }}`, `#{TAG}#`, `{TAG}`, `[[TAG]]`, `((tag))`, `[TAG]`, `<image_address>`,
 * `%TAG%`, `%s`, `%(tag)s`, `ko://…`, `@TAG@`, `@@TAG@@`.
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

/**
 * What Go prints for a missing value or one of another type, and Helm leaves in the output: `<no value>`, `%!s(float64=1.25)`.
 */
const MISPRINT = /<(?:no value|nil)>|%!\w?\([^()]*\)?/;

/**
 * Words for a value that was not filled in. They are valid in a reference, so on their own they are no reason to deny an image.
 */
const STAND_IN =
  /^(?:__\w+__|null|nil|none|undefined|todo|tbd|x{3,}|x\.y\.z|(?:change|replace|fill)[-_]?(?:me|this)|(?:your|insert)[-_][\w-]+|(?:image|registry|repo|repository)[-_](?:address|host|name|tag|url))$/i;

/** Words for a value only in capitals: `registry` is an image on Docker Hub. */
const CAPITALS = /^(?:IMAGE|NAME|PORT|REGISTRY|REPO|REPOSITORY|TAG|VERSION)$/;

/** `PROJECT_ID`, only in the name of an image: documentation uses such names for values to fill in. In a tag they are allowed. */
const FILL_IN = /(?<!\w)[A-Z][A-Z\d]*(?:_[A-Z\d]+)+(?!\w)/;

function findFillIn(written: string): string | undefined {
  const { domain = '', path } = splitReference(written);
  return FILL_IN.exec(`${domain}/${path}`)?.[0];
}

export function isStandIn(word: string): boolean {
  return STAND_IN.test(word) || CAPITALS.test(word);
}

/** Describes what a template left in an invalid reference; undefined if there is nothing of that kind. */
export function describePlaceholder(written: string): string | undefined {
  // Possible passwords are not searched, as the message quotes what it finds.
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

/** Websites that are mistaken for the registry of the images that they show, and that registry. */
const REGISTRIES: ReadonlyMap<string, string> = new Map([
  ['docker.com', 'docker.io'],
  ['www.docker.com', 'docker.io'],
  ['hub.docker.com', 'docker.io'],
  ['github.com', 'ghcr.io'],
  ['gitlab.com', 'registry.gitlab.com'],
]);

/** An image in ECR, by its region, account and name. */
const ECR = '$2.dkr.ecr.$1.amazonaws.com/$3';

/** Pages and API calls whose URL people copy, without the scheme, and their image. */
const PAGES: readonly (readonly [page: RegExp, image: string])[] = [
  [/^hub\.docker\.com\/layers\/(?:library\/)?([^/]+(?:\/[^/]+)?)\/([^/]+)\/images\/.*$/, '$1:$2'],
  [/^hub\.docker\.com\/(?:_|r\/library|r)\/([^?#]+?)(?:\/(?:tags|general|builds))?\/?(?:[?#].*)?$/, '$1'],
  [/^quay\.io\/repository\/([^/?#]+\/[^/?#]+).*$/, 'quay.io/$1'],
  [/^github\.com\/([^/]+)\/[^/]+\/pkgs\/container\/([^/?#]+).*$/, 'ghcr.io/$1/$2'],
  [/^gallery\.ecr\.aws\/([^?#]+).*$/, 'public.ecr.aws/$1'],
  [/^([a-z\d-]+)\.console\.aws\.amazon\.com\/ecr\/repositories\/private\/(\d{12})\/([^?#]+).*$/, ECR],
  [
    /^console\.cloud\.google\.com\/artifacts\/docker\/([^/]+)\/([^/]+)\/([^/]+)\/([^/?#;]+).*$/,
    '$2-docker.pkg.dev/$1/$3/$4',
  ],
  [/^([^/]+)\/api\/v2\.0\/projects\/([^/]+)\/repositories\/([^/?#]+)\/?(?:[?#].*)?$/, '$1/$2/$3'],
  [/^([^/]+)\/v2\/(.+)\/manifests\/(sha256:[0-9a-f]{64})$/, '$1/$2@$3'],
  [/^([^/]+)\/v2\/(.+)\/manifests\/([^/:@]+)$/, '$1/$2:$3'],
  [/^[^/]+\/v[12]$/, ''],
  // Pages of Harbor, Artifactory and clouds that do not name the image, or not in a way that is certain.
  [/^[^/]+\/(?:harbor\/projects\/\d+|api\/v2\.0\/projects|ui\/repos\/tree)\/.*$/, ''],
  [/^(?:(?:[\w-]+\.)?console\.aws\.amazon\.com|console\.cloud\.google\.com|artifacthub\.io)\/.*$/, ''],
];

/** Names under which clouds list a repository, and its image. */
const RESOURCES: readonly (readonly [name: RegExp, image: string])[] = [
  [/^arn:aws(?:-us-gov)?:ecr:([a-z\d-]+):(\d{12}):repository\/(.+)$/, ECR],
  [
    /^(?:\/\/artifactregistry\.googleapis\.com\/)?projects\/([^/]+)\/locations\/([^/]+)\/repositories\/([^/]+)\/dockerImages\/(.+)$/,
    '$2-docker.pkg.dev/$1/$3/$4',
  ],
];

const FILE_NAME = /\.(?:tar|tgz|gz|zip|ya?ml|json)$/;

/** `./app.tar`, `C:\images\app`, `\\server\app`, `file:///app`, `dir:/tmp/app`, `/tmp/app.tar`: none of them can be an image. */
const FILE_PATH =
  /^(?:[a-z]:[\\/]|\\\\|(?:~|\.|\.\.)[\\/]|file:|(?:dir|oci|oci-archive|docker-archive):\.{0,2}\/(?!\/))/i;

const GIT_REPOSITORY = /^(?:git@|(?:git|ssh|git\+\w+):\/\/)|\.git$/;

/**
 * The image of a web page or of a registry's API call: `hub.docker.com/_/nginx` → `nginx`. Empty if it is for no single image;
 * undefined if the URL is neither.
 */
export function readWebPage(address: string): string | undefined {
  return readRow(PAGES, address);
}

/** The image of a resource in a cloud: `arn:aws:ecr:…` → `….dkr.ecr.….amazonaws.com/…`; undefined for other texts. */
export function readResourceName(written: string): string | undefined {
  return readRow(RESOURCES, written);
}

function readRow(rows: readonly (readonly [pattern: RegExp, image: string])[], text: string): string | undefined {
  const row = rows.find(([pattern]) => pattern.test(text));
  return row === undefined ? undefined : text.replace(row[0], row[1]);
}

/** The registry that belongs to a website: `github.com` → `ghcr.io`. */
export function registryOfSite(host: string): string | undefined {
  return REGISTRIES.get(host);
}

export function isFileName(name: string): boolean {
  return FILE_NAME.test(name);
}

/** Whether an invalid reference is a file path. */
export function isFilePath(written: string): boolean {
  return FILE_PATH.test(written) || (written.startsWith('/') && isFileName(written));
}

/** Whether an invalid reference is the URL of a Git repository. */
export function isGitRepository(written: string): boolean {
  return GIT_REPOSITORY.test(written);
}

/**
 * Numbers that a template printed with an exponent. YAML and JSON read `tag: 45980468` as a number, and Go prints a large number
 * as `4.5980468e+07`. No valid image contains that "+".
 */
export const PRINTED_NUMBER = /(?<![\d.])\d(?:\.\d+)?e\+\d{2,3}(?!\d)/gi;

/** A float has no more exact digits. */
const MOST_DIGITS = 15;

/** With more zeros it may as well be a commit such as `12e10`, which YAML also reads as a number. */
const MOST_ZEROS = 6;

/** The original digits of a printed number; undefined if they are not certain. */
export function writeNumberOut(number: string): string | undefined {
  const [, first = '', rest = '', exponent = ''] = /^(\d)(?:\.(\d+))?e\+(\d+)$/i.exec(number) ?? [];
  const zeros = Number(exponent) - rest.length;
  if (first === '0' || first === '' || zeros < 0 || zeros > MOST_ZEROS) return undefined;
  return rest.length + zeros < MOST_DIGITS ? first + rest + '0'.repeat(zeros) : undefined;
}

/**
 * A date without quotes, `tag: 2024-05-01`, which YAML may read as a time, and a template prints with hours. No valid image contains
 * them.
 */
export const PRINTED_DATE =
  /(?<=:)(\d{4}-\d\d-\d\d)(?:T00:00:00(?:\.0+)?(?:Z|[+-]00:00)| 00:00:00(?:\.0+)? \+0000 UTC)$/;

/** The same in a tag, where the "+" was replaced or lost: `4.5980468e-07`, `4.5980468e_07`. */
export function looksPrinted(tag: string): boolean {
  return /^\d(?:\.\d+e[-_]?|e[-_])\d{2}$/i.test(tag);
}

/** Kinds of artifacts in registries besides images, as messages name them. */
export type Artifact = (typeof ARTIFACTS)[number][1] | typeof OTHER;

const ARTIFACTS = [
  [/^application\/vnd\.cncf\.helm\./, 'a Helm chart'],
  [/\b(?:cosign|sigstore|notary)\b/, 'a signature'],
  [/\b(?:in-toto|spdx|cyclonedx|syft)\b/, 'an SBOM or attestation'],
  [/^application\/vnd\.docker\.plugin\./, 'a Docker plugin'],
  [/^application\/vnd\.cncf\.flux\./, 'a Flux artifact'],
  [/^application\/vnd\.cncf\.model\./, 'a model'],
] as const;

const OTHER = 'an OCI artifact';

/**
 * Names an artifact that is not an image, such as a Helm chart or a signature, by the media type of its configuration. Undefined
 * for images, for WebAssembly, which some runtimes can start, and for unknown types.
 *
 * @param artifactType the manifest's own type, used if the configuration is empty
 */
export function nameArtifact(configType: unknown, artifactType?: unknown): Artifact | undefined {
  if (typeof configType !== 'string' || !/^application\/vnd\./i.test(configType) || IMAGE.test(configType)) {
    return undefined;
  }
  return nameType(configType) ?? nameType(artifactType) ?? OTHER;
}

/** The same by the media type of a manifest. Undefined unless it is known not to be an image. */
export function nameArtifactManifest(mediaType: string): Artifact | undefined {
  return nameType(mediaType) ?? (/^application\/vnd\.oci\.artifact\.manifest\./i.test(mediaType) ? OTHER : undefined);
}

const IMAGE = /^application\/vnd\.(?:oci\.image\.config|docker\.container\.image|wasm)\./i;

function nameType(type: unknown): Artifact | undefined {
  if (typeof type !== 'string' || type.length > LONGEST_MEDIA_TYPE) return undefined;
  return ARTIFACTS.find(([pattern]) => pattern.test(type.toLowerCase()))?.[1];
}
