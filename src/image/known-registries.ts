import type { ImageReference } from './reference.ts';

/** What is known of public registries: what their repositories look like, and which images have moved away. */

type Form = Readonly<{ hosts: RegExp; form: string; least: number; most: number }>;

/** How many parts the path of a repository has. A registry of one's own may have any. */
const FORMS: readonly Form[] = [
  // docs.docker.com/docker-hub/repos: a namespace and a name, and nothing below it.
  { hosts: /^docker\.io$/, form: 'namespace/name', least: 1, most: 2 },
  { hosts: /^ghcr\.io$/, form: 'owner/name', least: 2, most: Infinity },
  { hosts: /^quay\.io$/, form: 'namespace/name', least: 2, most: Infinity },
  { hosts: /^public\.ecr\.aws$/, form: 'alias/name', least: 2, most: Infinity },
  { hosts: /^registry\.gitlab\.com$/, form: 'group/project', least: 2, most: Infinity },
  { hosts: /^(?:(?:us|eu|asia)\.)?gcr\.io$/, form: 'project/name', least: 2, most: Infinity },
  { hosts: /^[a-z\d-]+-docker\.pkg\.dev$/, form: 'project/repository/name', least: 3, most: Infinity },
];

/** The form of the repositories of a registry, where it cannot have this one. */
export function findOtherForm({ registry, repository }: ImageReference): string | undefined {
  const parts = repository.split('/').length;
  return FORMS.find(({ hosts, least, most }) => hosts.test(registry) && (parts < least || parts > most))?.form;
}

/** Registries none of whose paths begins with a name that has a dot in it: their namespaces are user names, or a few known words. */
const WITHOUT_DOTS: ReadonlySet<string> = new Set([
  ...['docker.io', 'ghcr.io', 'k8s.gcr.io', 'lscr.io', 'mcr.microsoft.com', 'registry.k8s.io'],
]);

/** Public registries, but for those above. Their users choose names that may have dots, and hardly these ones. */
const OTHER_PUBLIC: ReadonlySet<string> = new Set(['gcr.io', 'public.ecr.aws', 'quay.io', 'registry.gitlab.com']);

/**
 * The registry that a path begins with, where the one before it can have no such path. A mirror of one's own may well keep images
 * under the name of the registry they are from: `harbor.example.com/docker.io/library/nginx`.
 */
export function findSecondRegistry({ registry, repository }: ImageReference): string | undefined {
  const slash = repository.indexOf('/');
  const first = slash < 0 ? '' : repository.slice(0, slash);
  if (!first.includes('.')) return undefined;
  if (first === registry || WITHOUT_DOTS.has(registry)) return first;
  const isPublic = WITHOUT_DOTS.has(first) || OTHER_PUBLIC.has(first);
  return isPublic && OTHER_PUBLIC.has(registry) ? first : undefined;
}

/** An image that has moved: what became of it, and where it is now. */
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
    // github.com/bitnami/containers/issues/83267; "latest" of some images has stayed.
    from: /^docker\.io\/bitnami\/(?=[^:@]+:(?!latest$)[^@]+$)/,
    what: 'Bitnami moved its versioned images to bitnamilegacy in September 2025, without updates',
    to: 'docker.io/bitnamilegacy/',
  },
];

/** What became of an image that its registry no longer provides, and the image to use instead. */
export function findMove(address: string): Readonly<{ what: string; to: string }> | undefined {
  const move = MOVES.find(({ from }) => from.test(address));
  return move === undefined ? undefined : { what: move.what, to: address.replace(move.from, move.to) };
}

/**
 * A Google project that belongs to a domain, `example.com:project`, as it is called everywhere but in images: there a "/" stands for
 * its ":" (cloud.google.com/artifact-registry/docs/docker/names#domain).
 */
export const GOOGLE_PROJECT =
  /^((?:(?:[a-z]+\.)?gcr\.io|[a-z\d-]+-docker\.pkg\.dev)\/[a-z\d-]+(?:\.[a-z\d-]+)*\.[a-z]{2,}):(?=[a-z][a-z\d-]*\/)/;
