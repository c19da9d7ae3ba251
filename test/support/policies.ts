import { loadPolicy } from '../../src/rules/policy.ts';
import type { Policy } from '../../src/engine/rule.ts';

/** A policy of the lines given, below the head that every policy has. */
export function policyOf(...lines: readonly string[]): Policy {
  return loadPolicy(['apiVersion: pullguard.dev/v1alpha1', 'kind: Policy', ...lines].join('\n'));
}

/** Docker Hub's images come from a mirror on SWR, which needs the pull secret `default-secret`. */
export const MIRRORED = policyOf('mirrors: [{ from: docker.io, to: swr.eu-de.otc.t-systems.com/dockerhub }]');
