import { defineRule, type Fix, type RuleContext } from '../engine/rule.ts';
import { findPullSecret } from '../policy/policy.ts';
import type { PulledImage } from '../pull/pod-pull.ts';
import { findDoubt, isReadable, servesForGood, servesUntil, type UsedSecret } from '../pull/used-secrets.ts';
import { joinPointer } from '../text/json.ts';
import { quote } from '../text/quote.ts';
import type { Edit, Workload } from '../workload/workload.ts';

type Params = Readonly<{ image: string; secret: string; account: string }>;

/** What the fix does. */
const FIX = {
  done: (params: Params) => `added ${FIX.coming(params)}`,
  coming: ({ image, secret }: Params) => `imagePullSecret ${nameSecret(secret)} (needed by ${quote(image, MAX_IMAGE)})`,
};

/** Most characters shown of an image, and of a name; longer ones are shortened in the middle. */
const MAX_IMAGE = 60;
const MAX_NAME = 30;

export const pullSecretPresent = defineRule({
  id: 'pull-secret-present',
  description: 'Finds Pods without the pull secret that the policy has for the registry of an image, and adds it.',
  remedy: 'Add the pull secret of the registry to imagePullSecrets.',
  faqItems: [1],
  defaultAction: 'warn',
  scope: 'pull-secrets',
  fixable: true,
  options: {},
  needs: [],
  messages: {
    missing: ({ image, secret }: Params) =>
      `imagePullSecret ${nameSecret(secret)} is missing, needed by ${quote(image, MAX_IMAGE)}: add it to imagePullSecrets`,
    // The API server would reject the Pod, which is worse than a Pod that may find its image on the node.
    'not-mountable': ({ image, secret, account }: Params) =>
      `${quote(image, MAX_IMAGE)} needs imagePullSecret ${nameSecret(secret)}, but ServiceAccount ${quote(account, MAX_NAME)} allows only its own (enforce-mountable-secrets): add it to its imagePullSecrets`,
  },
  check: (context) => {
    const { workload, pull } = context;
    const missing = listMissing(context);
    if (missing.size === 0) return [];
    const account = pull.account();
    const added = [...missing.keys()].filter((secret) => pull.mayName(secret));
    const edits = addPullSecrets(workload, added, workload.isPod ? [] : account?.pullSecrets);
    return [...missing].map(([secret, image]) => {
      const { written, uses } = image;
      const params = { image: written, secret, account: workload.serviceAccount };
      const found = {
        at: joinPointer(workload.podSpec, 'imagePullSecrets'),
        label: uses[0].label,
        secret,
        params,
        // For example with a copy of the Secret that has not expired yet.
        ...(isServedNow(image, context) && { harmless: true as const }),
      };
      const edit = edits[added.indexOf(secret)];
      return edit === undefined
        ? { ...found, messageId: 'not-mountable' }
        : {
            messageId: 'missing',
            fix: toFix(edit, params),
            ...found,
          };
    });
  },
});

function toFix(edit: Edit, params: Params): Fix {
  return {
    edits: [edit],
    gives: quote(params.secret),
    get done() {
      return FIX.done(params);
    },
    get coming() {
      return FIX.coming(params);
    },
  };
}

function nameSecret(secret: string): string {
  return quote(secret, MAX_NAME);
}

/** The missing pull secrets of a Pod, each with the first image that needs it. An image that is never pulled needs none. */
function listMissing(context: RuleContext<unknown>): ReadonlyMap<string, PulledImage> {
  const { pull, policy } = context;
  const missing = new Map<string, PulledImage>();
  const given = listGiven(context);
  const names = new Set([...given.map(({ name }) => name), ...context.workload.pullSecrets]);
  const readable = given.filter((secret) => isReadable(secret));
  for (const image of pull.images()) {
    const secret = findPullSecret(policy, image.reference);
    if (secret === undefined || missing.has(secret) || names.has(secret)) continue;
    if (!readable.some((each) => servesForGood(each, image.reference, policy))) missing.set(secret, image);
  }
  return missing;
}

function isServedNow({ reference }: PulledImage, context: RuleContext<unknown>): boolean {
  return listGiven(context).some(
    (secret) => servesUntil(secret, reference) > context.now && findDoubt(secret, reference, context.now) === undefined,
  );
}

/** A Pod has only what its own list has by now; the Pods of a template without a list also get those of their ServiceAccount. */
function listGiven({ workload, pull }: RuleContext<unknown>): readonly UsedSecret[] {
  if (workload.isPod && !workload.hasPullSecretList) return [];
  return pull.secrets() ?? [];
}

/**
 * The edits that append pull secrets to a Pod's list, after those of the user or the ServiceAccount. An empty list is set as a
 * whole, as appending to a missing list would fail the request. `inherited` are the pull secrets to put first: those that the
 * Pods of a template would have from their ServiceAccount.
 */
function addPullSecrets(
  { podSpec, hasPullSecretList }: Workload,
  names: readonly string[],
  inherited: readonly string[] = [],
): readonly Edit[] {
  const list = joinPointer(podSpec, 'imagePullSecrets');
  return names.map((name, at) =>
    at === 0 && !hasPullSecretList
      ? { op: 'add', path: list, value: [...inherited, name].map((each) => ({ name: each })) }
      : { op: 'add', path: joinPointer(list, '-'), value: { name } },
  );
}
