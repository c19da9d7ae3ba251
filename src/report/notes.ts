import type { Decision, Finding, Lack } from '../engine/evaluate.ts';

/** More at once are not read; each finding has its own in `-o json`. */
const MOST_REMEDIES = 10;

/** What to do about findings, each remedy once: `remedy (reference-valid): Write the address as …`. */
export function listRemedies(findings: readonly Finding[]): readonly string[] {
  const remedies = [
    ...new Set(
      findings
        .filter(({ action, severity }) => action !== 'audit' && severity !== 'notice')
        .map(({ rule, remedy }) => `remedy (${rule}): ${remedy}`),
    ),
  ];
  const left = remedies.length - MOST_REMEDIES;
  return [...remedies.slice(0, MOST_REMEDIES), ...(left > 0 ? [`${left} more remedies: -o json has them`] : [])];
}

/** Rules that did not run, and why. */
export function listSkipped(skipped: Decision['skipped']): readonly string[] {
  return skipped.map(
    ({ rule, missing }) => `not checked: ${rule}, which needs ${missing.map((lack) => LACKS[lack]).join(' and ')}`,
  );
}

const LACKS: Readonly<Record<Lack, string>> = {
  pullSecrets: 'pull secrets',
  serviceAccounts: 'service accounts',
  namespaces: 'the labels of namespaces',
  registries: 'answers of registries, which are not asked here',
  nodes: 'nodes',
  budget: 'more time than there is for one object',
};
