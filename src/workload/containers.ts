import { redact } from '../text/redact.ts';

/** In the order in which kubelet starts them. */
export const CONTAINER_LISTS = ['initContainers', 'containers', 'ephemeralContainers'] as const;

/** The kind of a container in one of these lists. */
export function nameContainer(
  list: (typeof CONTAINER_LISTS)[number],
  container: Readonly<Record<string, unknown>>,
): string {
  if (list === 'containers') return 'container';
  if (list === 'ephemeralContainers') return 'ephemeral container';
  return container['restartPolicy'] === 'Always' ? 'sidecar' : 'init container';
}

/** A part of a Pod as messages name it: `container "web"`. */
export function labelOf(word: string, name: unknown): string {
  return `${word} "${redact(typeof name === 'string' ? name : '')}"`;
}
