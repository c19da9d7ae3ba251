import { listPulledImages } from '../pull/pulled-images.ts';
import { quoteFirst } from '../text/list.ts';
import { defineRule } from '../engine/rule.ts';
import { quote } from '../text/quote.ts';
import { joinPointer } from '../text/json.ts';

export const serviceAccountSecretsKept = defineRule({
  id: 'service-account-secrets-kept',
  description: 'Finds pods that lose the pull secrets of their service account, because they name others.',
  remedy: "Name the service account's pull secrets as well, or leave imagePullSecrets out.",
  faqItems: [1],
  defaultAction: 'warn',
  judges: 'pull-secrets',
  fixable: false,
  options: {},
  needs: ['serviceAccounts'],
  check: ({ workload, facts }) => {
    const { namespace, serviceAccount, podSpec, pullSecrets, hasPullSecretList } = workload;
    const given = facts.serviceAccounts.find(namespace, serviceAccount)?.pullSecrets ?? [];
    if (!hasPullSecretList || given.length === 0) return [];
    const named = new Set(pullSecrets);
    const lost = new Set(given.filter((name) => name !== '' && !named.has(name)));
    if (lost.size === 0 || listPulledImages(workload).length === 0) return [];
    const which = `${quoteFirst([...lost], 3)} of service account ${quote(serviceAccount)}`;
    const cause = `${lost.size === 1 ? 'is' : 'are'} lost, as this list names others`;
    return [
      {
        message: `${which} ${cause}: name ${lost.size === 1 ? 'it' : 'them'} too, or leave the list out and let pullguard add what is missing`,
        at: joinPointer(podSpec, 'imagePullSecrets'),
        atMost: 'warn',
      },
    ];
  },
});
