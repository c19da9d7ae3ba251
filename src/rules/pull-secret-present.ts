import type { Facts, ServiceAccount } from '../pull/facts.ts';
import { findPullSecret } from '../policy/policy.ts';
import { listPulledImages, type PulledImage } from '../pull/pulled-images.ts';
import { defineRule, type Problem, type RuleContext } from '../engine/rule.ts';
import { isReadable, listUsedSecrets, servesForGood, type UsedSecret } from '../pull/used-secrets.ts';
import { quote } from '../text/quote.ts';
import { joinPointer } from '../text/json.ts';
import { addPullSecrets } from './add-pull-secrets.ts';
import type { Workload } from '../workload/workload.ts';

export const pullSecretPresent = defineRule({
  id: 'pull-secret-present',
  description:
    'Finds pods that do not name the pull secret which the registry of one of their images needs, and adds it.',
  remedy: 'Name the pull secret of the registry in imagePullSecrets.',
  faqItems: [1],
  defaultAction: 'warn',
  judges: 'pull-secrets',
  fixable: true,
  options: {},
  needs: [],
  check: (context) => {
    const { workload, facts } = context;
    const missing = [...listMissing(context)];
    const account = facts.serviceAccounts?.find(workload.namespace, workload.serviceAccount);
    const added = missing.map(([secret]) => secret).filter((secret) => allows(account, secret));
    const edits = addPullSecrets(workload, added, workload.isPod ? [] : account?.pullSecrets);
    return missing.map(([secret, { written, label }]): Problem => {
      const needs = `${quote(written)} needs its registry's pull secret`;
      const place = { at: joinPointer(workload.podSpec, 'imagePullSecrets'), label };
      const edit = edits[added.indexOf(secret)];
      if (edit !== undefined) return { ...place, message: needs, fix: { edits: [edit], gives: quote(secret) } };
      // The API server would refuse the pod: worse than one that may yet find its image on the node.
      const why = `service account ${quote(workload.serviceAccount)} enforces mountable secrets and does not list it`;
      return { ...place, message: `${needs} ${quote(secret)}, and ${why}: add it to the account's imagePullSecrets` };
    });
  },
});

/** The pull secrets a pod lacks, each with the first image that needs it. An image that is never pulled needs none. */
function listMissing({ workload, policy, facts }: RuleContext<unknown>): ReadonlyMap<string, PulledImage> {
  const given = listGiven(workload, facts);
  const names = new Set(given.map(({ name }) => name));
  const readable = given.filter((secret) => isReadable(secret));
  const missing = new Map<string, PulledImage>();
  for (const image of listPulledImages(workload)) {
    const secret = findPullSecret(policy, image.reference);
    if (secret === undefined || missing.has(secret) || names.has(secret)) continue;
    if (!readable.some((each) => servesForGood(each, image.reference, policy))) missing.set(secret, image);
  }
  return missing;
}

/** What a pod has in its list by now is all it gets; a template's pods get their service account's if they name none. */
function listGiven(workload: Workload, facts: Facts): readonly UsedSecret[] {
  if (workload.isPod && !workload.hasPullSecretList) return [];
  return listUsedSecrets(workload, facts) ?? [];
}

function allows(account: ServiceAccount | undefined, secret: string): boolean {
  return account?.enforcesMountableSecrets !== true || account.pullSecrets.includes(secret);
}
