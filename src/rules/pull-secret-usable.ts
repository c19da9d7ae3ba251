import type { PullSecret } from '../pull/facts.ts';
import { findPullSecret } from '../policy/policy.ts';
import type { PulledImage } from '../pull/pulled-images.ts';
import { findPulls, type Pulls } from '../pull/pulls.ts';
import { quoteFirst } from '../text/list.ts';
import { defineRule, type Problem, type RuleContext } from '../engine/rule.ts';
import {
  hasEntry,
  hasPullSecretType,
  isCopyFor,
  isRenewed,
  servesUntil,
  type UsedSecret,
} from '../pull/used-secrets.ts';
import { CCE_SECRET } from '../image/swr.ts';
import { quote } from '../text/quote.ts';
import { joinPointer } from '../text/json.ts';
import type { Workload } from '../workload/workload.ts';

export const pullSecretUsable = defineRule({
  id: 'pull-secret-usable',
  description:
    'Finds pull secrets that are missing, that kubelet cannot use, that have no key for an image, or whose key ends.',
  remedy: "Make the pull secret in the pod's namespace, with a user and password for the registry of the image.",
  faqItems: [1, 3],
  defaultAction: 'warn',
  judges: 'pull-secrets',
  fixable: false,
  options: {
    expiresWithinHours: {
      type: 'integer',
      minimum: 0,
      default: 24,
      description: 'Warn this many hours before the credentials of a secret end.',
    },
    denyMissing: {
      type: 'boolean',
      default: false,
      description: 'Let a missing secret be denied as well, though it may be created a moment later.',
    },
  },
  needs: ['pullSecrets', 'serviceAccounts'],
  check: (context) => {
    const { workload, policy, facts, options } = context;
    const pulls = findPulls(workload, policy, facts, options.expiresWithinHours * MS_PER_HOUR);
    if (pulls === undefined) return [];
    return pulls.secrets.flatMap((secret) =>
      findTroubles(secret, pulls, context).map((trouble) => placeTrouble(trouble, secret, workload)),
    );
  },
});

const MS_PER_HOUR = 3_600_000;

type Context = RuleContext<Readonly<{ denyMissing: boolean }>, 'pullSecrets'>;

/** What is wrong with a secret: its message is a sentence without the subject. */
type Trouble = Pick<Problem, 'message' | 'atMost'>;

function placeTrouble({ message, ...limit }: Trouble, secret: UsedSecret, workload: Workload): Problem {
  const { podSpec, serviceAccount } = workload;
  if (secret.index !== undefined) {
    const at = joinPointer(podSpec, 'imagePullSecrets', secret.index, 'name');
    return { ...limit, at, value: secret.name, message: `pull secret ${message}` };
  }
  return {
    ...limit,
    at: joinPointer(podSpec, 'serviceAccountName'),
    value: serviceAccount,
    message: `pull secret ${quote(secret.name)} of this service account ${message}`,
  };
}

function findTroubles(secret: UsedSecret, pulls: Pulls, context: Context): readonly Trouble[] {
  const { found } = secret;
  // Who names a secret means it; a service account has its secrets for all its pods, and not each of them needs each.
  const matters = secret.index !== undefined || pulls.left.length > 0;
  if (found === undefined) return [];
  if (found === 'absent') return matters ? [describeMissing(secret, pulls, context)] : [];
  if (!hasPullSecretType(found)) return matters ? [describeType(found, pulls)] : [];
  if (found.malformed !== undefined) {
    return [{ message: `cannot be read, so none of the pod's images can be pulled: ${found.malformed}` }];
  }
  const troubles = [
    findExpired(secret, found, pulls, context),
    findKeyless(secret, pulls, context),
    // The way out of a copy is better than a new one.
    findCopy(secret, found, pulls, context) ?? findEnding(secret, pulls),
    findNoEntry(secret, found, pulls, context),
  ];
  return troubles.filter((trouble) => trouble !== undefined);
}

function describeMissing({ name }: UsedSecret, { left }: Pulls, { workload, facts, options }: Context): Trouble {
  const where = workload.namespace === '' ? '' : ` in namespace ${quote(workload.namespace)}`;
  const other = facts.pullSecrets.seesEveryType ? '' : ", or is of another type than a pull secret's";
  const advice = name === CCE_SECRET ? 'CCE makes it in every namespace' : 'create it';
  const message = `is missing${where}${other}${sayLeft(left)}: ${advice}`;
  return options.denyMissing ? { message } : { message, atMost: 'warn' };
}

function describeType({ type }: PullSecret, { left }: Pulls): Trouble {
  return { message: `has type ${quote(type, 50)}, which kubelet passes over${sayLeft(left)}; ${MAKE_IT}` };
}

function findExpired(
  secret: UsedSecret,
  found: PullSecret,
  { unserved, now, secrets }: Pulls,
  { policy }: Context,
): Trouble | undefined {
  if (secret.endsAt > now) return undefined;
  const images = unserved.filter(({ reference }) => hasEntry(secret, reference, 'with-credentials'));
  if (images.length === 0) return undefined;
  const isCopy = images.some(({ reference }) => isCopyFor(secret, reference, policy)) && !namesOriginal(secrets);
  const otherwise = isCopy ? `name ${CCE_SECRET} instead` : 'make it again';
  const advice = isRenewed(secret.name, found) ? 'CCE renews it' : otherwise;
  return { message: `expired at ${formatTime(secret.endsAt)}${sayLeft(images)}; ${advice}` };
}

function findKeyless(secret: UsedSecret, { left }: Pulls, context: Context): Trouble | undefined {
  const images = left.filter(
    ({ reference }) => hasEntry(secret, reference, 'any') && !hasEntry(secret, reference, 'with-credentials'),
  );
  if (images.length === 0) return undefined;
  const message = `has no user and password in its entry for ${nameImages(images)}; ${MAKE_IT}`;
  return { message, ...limitGuess(images, context) };
}

function findCopy(
  secret: UsedSecret,
  { generatedBy, expiresAt }: PullSecret,
  { images, secrets, now }: Pulls,
  { policy }: Context,
): Trouble | undefined {
  const copied = images.filter(
    ({ reference }) => servesUntil(secret, reference) > now && isCopyFor(secret, reference, policy),
  );
  if (copied.length === 0 || namesOriginal(secrets)) return undefined;
  const what =
    expiresAt !== undefined
      ? `is a copy of ${CCE_SECRET} that ends at ${formatTime(expiresAt)}`
      : generatedBy === 'cce'
        ? `is a copy of ${CCE_SECRET}, which ends as nobody renews it`
        : `holds SWR credentials under another name than ${CCE_SECRET}, and a copy of it expires`;
  return { message: `${what}; name ${CCE_SECRET} for ${nameImages(copied)}`, atMost: 'warn' };
}

function findEnding(secret: UsedSecret, { endingSoon }: Pulls): Trouble | undefined {
  const ending = [...endingSoon].filter(([{ reference }, end]) => servesUntil(secret, reference) === end);
  if (ending.length === 0) return undefined;
  const images = nameImages(ending.map(([image]) => image));
  const message = `expires at ${formatTime(secret.endsAt)}, and no key for ${images} lasts longer; make it again`;
  return { message, atMost: 'warn' };
}

function findNoEntry(
  secret: UsedSecret,
  { entries }: PullSecret,
  { images, withoutEntry }: Pulls,
  context: Context,
): Trouble | undefined {
  // Where another secret has an entry for an image, that one is at fault, and is said to be.
  if (withoutEntry.length === 0 || images.some(({ reference }) => hasEntry(secret, reference, 'any'))) return undefined;
  const hosts = entries.map(({ key }) => key.text);
  const instead = hosts.length === 0 ? 'it is empty' : `it has entries for ${quoteFirst(hosts, 3, 40)}`;
  const message = `has no entry for ${nameImages(withoutEntry)}, left without a key; ${instead}`;
  return { message, ...limitGuess(withoutEntry, context) };
}

/** An image that may be public after all is no reason to refuse a pod. */
function limitGuess(images: readonly PulledImage[], { policy }: Context): Pick<Trouble, 'atMost'> {
  return images.some(({ reference }) => findPullSecret(policy, reference) !== undefined) ? {} : { atMost: 'warn' };
}

function namesOriginal(secrets: readonly UsedSecret[]): boolean {
  return secrets.some(({ name }) => name === CCE_SECRET);
}

const MAKE_IT = 'use kubectl create secret docker-registry';

/** `, so "registry.example.com/app:v1" has no key`; nothing when there is no image. */
function sayLeft(images: readonly PulledImage[]): string {
  return images.length === 0 ? '' : `, so ${nameImages(images)} ${images.length === 1 ? 'has' : 'have'} no key`;
}

/** `"registry.example.com/app:v1" and 2 more`: a warning has room for one, and a long one is known by its ends. */
function nameImages(images: readonly PulledImage[]): string {
  const more = images.length - 1;
  return `${quote(images[0]?.written ?? '', 50)}${more > 0 ? ` and ${more} more` : ''}`;
}

/** To the minute: `2026-08-01T10:00Z`. */
function formatTime(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 16)}Z`;
}
