import { defineRule } from '../engine/rule.ts';
import { isSurelyServed } from '../pull/pod-pull.ts';
import { joinPointer } from '../text/json.ts';
import { quoteFirst } from '../text/list.ts';
import { quote } from '../text/quote.ts';

/** Most characters shown of a name. */
const MAX_NAME = 40;

export const serviceAccountSecretsKept = defineRule({
  id: 'service-account-secrets-kept',
  description: 'Finds Pods whose imagePullSecrets replace those of their ServiceAccount.',
  remedy: 'Add the pull secrets of the ServiceAccount to imagePullSecrets, or remove imagePullSecrets.',
  faqItems: [1],
  defaultAction: 'warn',
  scope: 'pull-secrets',
  fixable: false,
  options: {},
  needs: ['serviceAccounts'],
  messages: {
    lost: ({ secrets, account }: Readonly<{ secrets: readonly string[]; account: string }>) => {
      const isOne = secrets.length === 1;
      const names = quoteFirst(secrets, 2, MAX_NAME);
      return `imagePullSecrets replaces the list of ServiceAccount ${quote(account, MAX_NAME)}, so ${names} ${isOne ? 'is' : 'are'} not used: add ${isOne ? 'it' : 'them'} here, or remove the list`;
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
