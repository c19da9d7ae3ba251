import { MAX_REPOSITORY_LENGTH } from './grammar.ts';

/** Docker Hub's registry name in a normalised reference, as distribution/reference and containerd write it. */
export const DOCKER_HUB = 'docker.io';

/** The names that distribution/reference itself takes for Docker Hub. */
const NAMES: ReadonlySet<string> = new Set([DOCKER_HUB, 'index.docker.io']);

/** The other hosts that lead to Docker Hub: people copy them from error messages and old documentation. */
const ALIASES: ReadonlySet<string> = new Set(['registry-1.docker.io', 'registry.hub.docker.com']);

/** Where Docker Hub keeps the images that are written as one word: `nginx` is `docker.io/library/nginx`. */
const OFFICIAL = 'library/';

/** The registry and repository that a written domain (if any) and path mean, Docker Hub's short forms spelled out. */
export function normalizeName(domain: string | undefined, path: string): { registry: string; repository: string } {
  const repository = path.includes('/') ? path : OFFICIAL + path;
  // Runtimes take an alias as any other host, so one is left alone where `library/` would make the name too long.
  const fits = repository.length <= MAX_REPOSITORY_LENGTH;
  const isDockerHub = domain === undefined || NAMES.has(domain) || (ALIASES.has(domain) && fits);
  return isDockerHub ? { registry: DOCKER_HUB, repository } : { registry: domain, repository: path };
}
