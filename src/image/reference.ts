import { normalizeName } from './docker-hub.ts';
import {
  isDigest,
  isDomain,
  isImageId,
  isPath,
  isTag,
  MAX_REPOSITORY_LENGTH,
  splitReference,
  type ReferenceParts,
} from './grammar.ts';

/**
 * What an image address means, Docker Hub's short forms spelled out: `nginx` has registry `docker.io` and repository
 * `library/nginx`. A missing tag stays missing (runtimes pull `latest` when there is no digest either).
 */
export type ImageReference = Readonly<{ registry: string; repository: string; tag?: string; digest?: string }>;

/** Reads an address as kubelet and containerd do (distribution/reference `ParseNormalizedNamed`); undefined if they refuse it. */
export function readReference(written: string): ImageReference | undefined {
  if (isImageId(written)) return undefined;
  const parts = splitReference(written);
  const name = readName(parts);
  if (name === undefined || !fitsLength(name)) return undefined;
  if (parts.tag !== undefined && !isTag(parts.tag)) return undefined;
  if (parts.digest !== undefined && !isDigest(parts.digest)) return undefined;
  return {
    ...name,
    ...(parts.tag !== undefined && { tag: parts.tag }),
    ...(parts.digest !== undefined && { digest: parts.digest }),
  };
}

/** The full address, `registry/repository[:tag][@digest]`. `readReference` of it gives the same reference again. */
export function formatReference({ registry, repository, tag, digest }: ImageReference): string {
  return `${registry}/${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

/** Whether a runtime takes a repository of this length: an image may outgrow it as it moves to a mirror. */
export function fitsLength({ repository }: Pick<ImageReference, 'repository'>): boolean {
  return repository.length <= MAX_REPOSITORY_LENGTH;
}

function readName({ domain, path }: ReferenceParts): { registry: string; repository: string } | undefined {
  if (path.length > MAX_REPOSITORY_LENGTH || !isPath(path)) return undefined;
  if (domain === undefined || isDomain(domain)) return normalizeName(domain, path);
  // `my_host.local/app` is no domain, yet the whole of it is a path: distribution/reference lets it pass, and containerd
  // then asks the host `my_host.local`.
  return isPath(domain) && domain.length + 1 + path.length <= MAX_REPOSITORY_LENGTH
    ? { registry: domain, repository: path }
    : undefined;
}
