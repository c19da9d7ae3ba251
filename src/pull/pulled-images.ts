import { DOCKER_HUB } from '../image/docker-hub.ts';
import type { ImageReference } from '../image/reference.ts';
import type { Workload } from '../workload/workload.ts';
import { findRegistry, type PolicySections } from '../policy/policy.ts';

/** An image that kubelet will ask a registry for. */
export type PulledImage = Readonly<{
  /** The part of the pod that names it first, `container "web"`. */
  label: string;
  /** As it stands in the object, credentials and all: show it with `quote` only. */
  written: string;
  reference: ImageReference;
}>;

/**
 * The images of a workload that are pulled at all, each address once, with the first place that names it. Not those that
 * must be on the node already, nor what no runtime can parse.
 */
export function listPulledImages({ images }: Pick<Workload, 'images'>): readonly PulledImage[] {
  const pulled = new Map<string, PulledImage>();
  for (const { label, written, parsed, pullPolicy } of images) {
    if (!parsed.ok || pullPolicy === 'Never' || pulled.has(written)) continue;
    pulled.set(written, { label, written, reference: parsed.reference });
  }
  return [...pulled.values()];
}

/** Registries that give their images to anybody. */
const PUBLIC_REGISTRIES: ReadonlySet<string> = new Set(['registry.k8s.io', 'public.ecr.aws']);

/**
 * Whether an image is surely pulled without credentials: because its registry has none but public images, or because the
 * policy says that it needs no pull secret. False says no more than that it may need one.
 */
export function isSurelyPublic(policy: PolicySections, reference: ImageReference): boolean {
  const registry = findRegistry(policy, reference);
  if (registry !== undefined) return registry.pullSecret === undefined;
  if (PUBLIC_REGISTRIES.has(reference.registry)) return true;
  return reference.registry === DOCKER_HUB && reference.repository.startsWith('library/');
}
