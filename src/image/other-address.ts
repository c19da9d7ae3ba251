/** Web sites that are taken for the registry of the images they show, and that registry. */
const REGISTRIES: Readonly<Record<string, string>> = {
  'docker.com': 'docker.io',
  'www.docker.com': 'docker.io',
  'hub.docker.com': 'docker.io',
  'github.com': 'ghcr.io',
  'gitlab.com': 'registry.gitlab.com',
};

/** Pages and API calls whose address people copy, without the scheme, and the image they are about. */
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
 * is about no single one, undefined when the address is neither.
 */
export function readWebPage(address: string): string | undefined {
  const row = PAGES.find(([page]) => page.test(address));
  return row === undefined ? undefined : address.replace(row[0], row[1]);
}

/** The registry whose web site a host is: `github.com` → `ghcr.io`. */
export function registryOfSite(host: string): string | undefined {
  return Object.hasOwn(REGISTRIES, host) ? REGISTRIES[host] : undefined;
}

export function isFileName(name: string): boolean {
  return FILE_NAME.test(name);
}

/** Whether an address that cannot be parsed is the path of a file. */
export function isFilePath(written: string): boolean {
  return FILE_PATH.test(written) || (written.startsWith('/') && isFileName(written));
}

/** Whether an address that cannot be parsed is the one of a git repository. */
export function isGitRepository(written: string): boolean {
  return GIT_REPOSITORY.test(written);
}
