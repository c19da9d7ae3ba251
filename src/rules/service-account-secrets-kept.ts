import { defineRule } from '../engine/rule.ts';
import { isSurelyServed } from '../pull/pod-pull.ts';
import { joinPointer } from '../text/json.ts';
import { quoteFirst } from '../text/list.ts';
import { quote } from '../text/quote.ts';

export const serviceAccountSecretsKept = defineRule({
  id: 'service-account-secrets-kept',
  description: 'Finds pods that lose the pull secrets of their service account, because they name others.',
  remedy: "Name the service account's pull secrets as well, or leave imagePullSecrets out.",
  faqItems: [1],
  defaultAction: 'warn',
  scope: 'pull-secrets',
  fixable: false,
  options: {},
  needs: ['serviceAccounts'],
  messages: {
    lost: ({ secrets, account }: Readonly<{ secrets: readonly string[]; account: string }>) => {
      const isOne = secrets.length === 1;
      return `${quoteFirst(secrets, 3)} of service account ${quote(account)} ${isOne ? 'is' : 'are'} lost, as this list names others: name ${isOne ? 'it' : 'them'} too, or leave the list out and let pullguard add what is missing`;
    },
  },
  check: ({ workload, pull, policy, now }) => {
    const { serviceAccount: account, podSpec, pullSecrets, hasPullSecretList } = workload;
    const given = pull.account()?.pullSecrets ?? [];
    if (!hasPullSecretList || given.length === 0) return [];
    const named = new Set(pullSecrets);
    const secrets = [...new Set(given.filter((name) => name !== '' && !named.has(name)))];
    if (secrets.length === 0 || pull.images().length === 0) return [];
    const at = joinPointer(podSpec, 'imagePullSecrets');
    const isServed = isSurelyServed(pull, policy, now);
    return [
      { messageId: 'lost', params: { secrets, account }, at, atMost: 'warn', ...(isServed && { harmless: true }) },
    ];
  },
});
