import type { Decision, Lack } from '../engine/evaluate.ts';

/** Rules that did not run, and why. */
export function listSkipped(skipped: Decision['skipped']): readonly string[] {
  return skipped.map(
    ({ rule, missing }) => `not checked: ${rule}, which needs ${missing.map((lack) => LACKS[lack]).join(' and ')}`,
  );
}

const LACKS: Readonly<Record<Lack, string>> = {
  pullSecrets: 'pull secrets',
  serviceAccounts: 'ServiceAccounts',
  namespaces: 'Namespaces',
  registries: 'registries, which are not asked here',
  nodes: 'Nodes',
  pulls: 'Events of pulls',
  budget: 'more time than the limit for one object',
};
