import type { ImageReference } from './reference.ts';

/** Facts about public registries and SWR: their names, the form of their repositories, and images that have moved. */

type Form = Readonly<{ hosts: RegExp; form: string; least: number; most: number }>;

/** How many parts a repository has. A private registry may have any number. */
const FORMS: readonly Form[] = [
  // docs.docker.com/docker-hub/repos: a namespace and a name only.
  { hosts: /^docker\.io$/, form: 'namespace/name', least: 1, most: 2 },
  { hosts: /^ghcr\.io$/, form: 'owner/name', least: 2, most: Infinity },
  { hosts: /^quay\.io$/, form: 'namespace/name', least: 2, most: Infinity },
  { hosts: /^public\.ecr\.aws$/, form: 'alias/name', least: 2, most: Infinity },
  { hosts: /^registry\.gitlab\.com$/, form: 'group/project', least: 2, most: Infinity },
  { hosts: /^(?:(?:us|eu|asia)\.)?gcr\.io$/, form: 'project/name', least: 2, most: Infinity },
  {
    hosts: /^swr(?:\.[a-z\d-]+){1,2}\.(?:myhuaweicloud\.(?:com|eu)|otc\.t-systems\.com)$/,
    form: 'organization/name',
    least: 2,
    most: Infinity,
  },
  { hosts: /^[a-z\d-]+-docker\.pkg\.dev$/, form: 'project/repository/name', least: 3, most: Infinity },
];

/** The form of a registry's repositories, if this repository does not have it. */
export function findOtherForm({ registry, repository }: ImageReference): string | undefined {
  const parts = repository.split('/').length;
  return FORMS.find(({ hosts, least, most }) => hosts.test(registry) && (parts < least || parts > most))?.form;
}

/** Registries whose paths never start with a name that contains a dot: their namespaces are user names or a few known words. */
const WITHOUT_DOTS: ReadonlySet<string> = new Set([
  ...['docker.io', 'ghcr.io', 'k8s.gcr.io', 'lscr.io', 'mcr.microsoft.com', 'registry.k8s.io'],
]);

/** Other public registries. User names there may contain dots, but hardly equal the name of a registry. */
const OTHER_PUBLIC: ReadonlySet<string> = new Set(['gcr.io', 'public.ecr.aws', 'quay.io', 'registry.gitlab.com']);

/**
 * The name of another registry at the start of a path, if the registry cannot have such a path. A private mirror may keep images
 * under the name of their registry: `harbor.example.com/docker.io/library/nginx`.
 */
export function findSecondRegistry({ registry, repository }: ImageReference): string | undefined {
  const slash = repository.indexOf('/');
  const first = slash < 0 ? '' : repository.slice(0, slash);
  if (!first.includes('.')) return undefined;
  if (first === registry || WITHOUT_DOTS.has(registry)) return first;
  const isPublic = WITHOUT_DOTS.has(first) || OTHER_PUBLIC.has(first);
  return isPublic && OTHER_PUBLIC.has(registry) ? first : undefined;
}

/** An image that has moved: what happened to it, and where it is now. */
type Move = Readonly<{ from: RegExp; what: string; to: string }>;

const MOVES: readonly Move[] = [
  {
    // kubernetes.io/blog/2023/02/06/k8s-gcr-io-freeze-announcement
    from: /^k8s\.gcr\.io\//,
    what: 'k8s.gcr.io is frozen since April 2023 and may be shut down',
    to: 'registry.k8s.io/',
  },
  {
    // github.com/kubernetes-sigs/kubebuilder/discussions/3907
    from: /^gcr\.io\/kubebuilder\/kube-rbac-proxy(?=[:@]|$)/,
    what: 'gcr.io/kubebuilder is unavailable since March 2025',
    to: 'quay.io/brancz/kube-rbac-proxy',
  },
  {
    // github.com/bitnami/containers/issues/83267; some images still have "latest".
    from: /^docker\.io\/bitnami\/(?=[^:@]+:(?!latest$)[^@]+$)/,
    what: 'Bitnami moved its versioned images to bitnamilegacy in September 2025, without updates',
    to: 'docker.io/bitnamilegacy/',
  },
];

/** What happened to an image that its registry no longer provides, and its replacement. */
export function findMove(address: string): Readonly<{ what: string; to: string }> | undefined {
  const move = MOVES.find(({ from }) => from.test(address));
  return move === undefined ? undefined : { what: move.what, to: address.replace(move.from, move.to) };
}

/**
 * A Google project that belongs to a domain, `example.com:project`. In an image reference its ":" is written as "/"
 * (cloud.google.com/artifact-registry/docs/docker/names#domain).
 */
export const GOOGLE_PROJECT =
  /^((?:(?:[a-z]+\.)?gcr\.io|[a-z\d-]+-docker\.pkg\.dev)\/[a-z\d-]+(?:\.[a-z\d-]+)*\.[a-z]{2,}):(?=[a-z][a-z\d-]*\/)/;

/**
 * Hosts of shared SWR, where CCE keeps `default-secret` valid in every namespace. A region is one label (`eu-de`) or two
 * (`eu-ch2.sc`). The first label is exactly `swr`, as `swr-api` and `swr-pro` are other services.
 */
export const SWR_HOSTS = [
  'swr.*.myhuaweicloud.com',
  'swr.*.*.myhuaweicloud.com',
  'swr.*.myhuaweicloud.eu',
  'swr.*.otc.t-systems.com',
  'swr.*.*.otc.t-systems.com',
] as const;

/** Whether a registry is probably SWR, in any region. */
export function looksLikeSwr(registry: string): boolean {
  return registry.startsWith('swr.');
}

/** The pull secret for SWR that CCE creates in every namespace and renews. Its credentials in another Secret are a copy. */
export const CCE_SECRET = 'default-secret';

/** Registries that are written so often that two letters get swapped; an attacker may own the host of each typo. */
export const WELL_KNOWN: ReadonlySet<string> = new Set([
  'docker.io',
  'gcr.io',
  'ghcr.io',
  'lscr.io',
  'mcr.microsoft.com',
  'public.ecr.aws',
  'quay.io',
  'registry.k8s.io',
]);

/** All texts that result from swapping two neighboring letters. */
export function swapLetters(host: string): readonly string[] {
  if (host.length > 20) return [];
  return Array.from(host, (letter, at) => host.slice(0, at) + host.slice(at + 1, at + 2) + letter + host.slice(at + 2));
}
