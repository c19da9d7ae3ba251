import type { Policy } from '../engine/rule.ts';
import { MOST_EXPORTED_HOSTS, MOST_EXPORTED_MIRRORS } from '../text/bounds.ts';

/** A policy that cannot be written as CEL, as an API server would not evaluate it. */
export class ExportError extends Error {
  override readonly name = 'ExportError';
}

/** @throws ExportError for a policy with more than can be compared with the images of a large Pod. */
export function checkSize({ mirrors, registries, exempt }: Policy): void {
  const hosts = registries.reduce((sum, each) => sum + each.hosts.length, exempt.images.length);
  checkCount(mirrors.length, MOST_EXPORTED_MIRRORS, 'mirrors');
  checkCount(hosts, MOST_EXPORTED_HOSTS, 'hosts in registries and exempt.images');
}

function checkCount(count: number, most: number, what: string): void {
  if (count <= most) return;
  throw new ExportError(
    `the policy has ${count} ${what}, above the limit of ${most} that an API server can compare with every image of a large Pod: use the webhook without export, or merge them`,
  );
}
