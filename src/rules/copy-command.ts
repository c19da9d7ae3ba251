import { formatReference, type ImageReference } from '../image/reference.ts';

/**
 * The command that copies an image from one registry to another, for all its platforms. An image with a digest is copied by
 * it and stays the same, or the digest would not lead to it; skopeo takes no address that has a tag as well.
 */
export function formatCopyCommand(from: ImageReference, to: ImageReference): string {
  const { digest } = from;
  if (digest === undefined) return `skopeo copy --all ${nameInDocker(from)} ${nameInDocker(to)}`;
  const source = nameInDocker({ ...nameOf(from), digest });
  // Without a tag at all it would be copied to "latest".
  const version = to.tag === undefined ? { digest } : { tag: to.tag };
  return `skopeo copy --all --preserve-digests ${source} ${nameInDocker({ ...nameOf(to), ...version })}`;
}

function nameOf({ registry, repository }: ImageReference): ImageReference {
  return { registry, repository };
}

function nameInDocker(reference: ImageReference): string {
  return `docker://${formatReference(reference)}`;
}
