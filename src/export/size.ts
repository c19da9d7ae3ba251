import type { Policy } from '../engine/rule.ts';
import { MOST_COMPARED } from '../text/bounds.ts';
import { costOfHosts } from './cel.ts';

/** A policy that cannot be written as CEL, as an API server would not evaluate it. */
export class ExportError extends Error {
  override readonly name = 'ExportError';
}

/** What an API server counts for the comparison of an image with one mirror. */
const COST_OF_MIRROR = 12;

/** @throws ExportError for a policy with more than can be compared with each image of a Pod with 100 containers. */
export function checkSize({ mirrors, registries, exempt }: Policy): void {
  const hosts = [...registries.flatMap((each) => each.hosts), ...exempt.images];
  const cost = mirrors.length * COST_OF_MIRROR + costOfHosts(hosts);
  if (cost <= MOST_COMPARED) return;
  const globs = hosts.filter(({ labels }) => labels.some((label) => typeof label !== 'string')).length;
  throw new ExportError(
    `the policy has ${mirrors.length} mirrors and ${hosts.length} hosts, ${globs} of them with globs, which is more than an API server can compare with each image of a Pod with 100 containers (${Math.ceil((cost / MOST_COMPARED) * 100)} % of the limit): write hosts without globs, or use the webhook alone`,
  );
}
