import { defineRule, type Found, type RuleContext, type Unplaced } from '../engine/rule.ts';
import type { ImageReference } from '../image/reference.ts';
import { CCE_SECRET } from '../image/swr.ts';
import { findPullSecret } from '../policy/policy.ts';
import type { PullSecret } from '../pull/facts.ts';
import { isSurelyPublic, type PulledImage } from '../pull/pod-pull.ts';
import {
  findEntry,
  hasPullSecretType,
  isCopyFor,
  isReadable,
  isRenewed,
  servesForGood,
  servesUntil,
  type UsedSecret,
} from '../pull/used-secrets.ts';
import { joinPointer } from '../text/json.ts';
import { quoteFirst } from '../text/list.ts';
import { quote } from '../text/quote.ts';
import { formatMinute } from '../text/time.ts';
import type { Workload } from '../workload/workload.ts';

/** `secret`: how it is called where it is not what stands in the field, `"a" of this service account`; else empty. */
type Named = Readonly<{ secret: string }>;
type Images = Readonly<{ images: readonly PulledImage[] }>;

const MAKE_IT = 'use kubectl create secret docker-registry';

const MESSAGES = {
  missing: (params: Named & Images & Readonly<{ namespace: string; seesEveryType: boolean; isCce: boolean }>) => {
    const where = params.namespace === '' ? '' : ` in namespace ${quote(params.namespace)}`;
    const other = params.seesEveryType ? '' : ", or is of another type than a pull secret's";
    const advice = params.isCce ? 'CCE makes it in every namespace' : 'create it';
    return `${name(params)} is missing${where}${other}${sayLeft(params)}: ${advice}`;
  },
  'wrong-type': (params: Named & Images & Readonly<{ type: string }>) =>
    `${name(params)} has type ${quote(params.type, 50)}, which kubelet passes over${sayLeft(params)}; ${MAKE_IT}`,
  malformed: (params: Named & Readonly<{ problem: string }>) =>
    `${name(params)} cannot be read, so none of the pod's images can be pulled: ${params.problem}`,
  expired: (params: Named & Images & Readonly<{ endedAt: number; advice: string }>) =>
    `${name(params)} expired at ${formatMinute(params.endedAt)}${sayLeft(params)}; ${params.advice}`,
  'no-credentials': (params: Named & Images) =>
    `${name(params)} has no user and password in its entry for ${nameImages(params)}; ${MAKE_IT}`,
  copy: (params: Named & Images & Readonly<{ what: string }>) =>
    `${name(params)} ${params.what}; name ${CCE_SECRET} for ${nameImages(params)}`,
  ending: (params: Named & Images & Readonly<{ endsAt: number }>) =>
    `${name(params)} expires at ${formatMinute(params.endsAt)}, and no key for ${nameImages(params)} lasts longer; make it again`,
  'no-entry': (params: Named & Images & Readonly<{ entriesFor: readonly string[] }>) => {
    const { entriesFor } = params;
    const instead = entriesFor.length === 0 ? 'it is empty' : `it has entries for ${quoteFirst(entriesFor, 3, 40)}`;
    return `${name(params)} has no entry for ${nameImages(params)}, left without a key; ${instead}`;
  },
};

export const pullSecretUsable = defineRule({
  id: 'pull-secret-usable',
  description:
    'Finds pull secrets that are missing, that kubelet cannot use, that have no key for an image, or whose key ends.',
  remedy: "Make the pull secret in the pod's namespace, with a user and password for the registry of the image.",
  faqItems: [1, 3],
  defaultAction: 'warn',
  scope: 'pull-secrets',
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
  messages: MESSAGES,
  check: (context) => {
    const coverage = findCoverage(context);
    if (coverage === undefined) return [];
    return context.flatMap(coverage.secrets, (secret) => {
      const place = placeSecret(secret, context.workload);
      return findTroubles(secret, coverage, context).map((trouble) => ({ ...trouble, ...place }));
    });
  },
});

const MS_PER_HOUR = 3_600_000;

type Context = RuleContext<Readonly<{ denyMissing: boolean; expiresWithinHours: number }>, 'pullSecrets'>;

/** A report without its place. */
type Trouble = Unplaced<typeof MESSAGES>;

/** How far the pull secrets of a pod go. */
type Coverage = Readonly<{
  images: readonly PulledImage[];
  secrets: readonly UsedSecret[];
  /** Images for which no secret has credentials, as far as that is sure. */
  unserved: readonly PulledImage[];
  /** Those of them that may not be public. */
  left: readonly PulledImage[];
  /** Those of them, again, for which no secret has as much as an entry. */
  withoutEntry: readonly PulledImage[];
  /** Images for which a secret has credentials, though none for longer than the time asked about, and when the last ones end. */
  endingSoon: ReadonlyMap<PulledImage, number>;
}>;

/** Undefined when nothing can be wrong with it, and when nobody knows which pull secrets the pod has. */
function findCoverage({ pull, policy, now, options }: Context): Coverage | undefined {
  const secrets = pull.secrets();
  const images = pull.images();
  if (secrets === undefined || images.length === 0) return undefined;
  // Thousands of names of secrets that are not there must not be gone through for every image.
  const readable = secrets.filter((secret) => isReadable(secret));
  const serves = ({ reference }: PulledImage): boolean =>
    readable.some((secret) => servesForGood(secret, reference, policy));
  // As with nearly every pod that comes: worth to be seen at once.
  if (readable.length === secrets.length && images.every((image) => serves(image))) return undefined;
  // A secret that nobody may look at can have credentials for any image, and such that last.
  const isSure = secrets.every(({ found }) => found !== undefined);
  const ends = (isSure ? images : []).map((image) => [image, findLastEnd(readable, image.reference)] as const);
  const unserved = ends.filter(([, end]) => end <= now).map(([image]) => image);
  const left = unserved.filter(({ reference }) => !isSurelyPublic(policy, reference));
  const soon = now + options.expiresWithinHours * MS_PER_HOUR;
  return {
    images,
    secrets,
    unserved,
    left,
    withoutEntry: left.filter(({ reference }) => readable.every((secret) => findEntry(secret, reference) === 'none')),
    endingSoon: new Map(ends.filter(([, end]) => now < end && end <= soon)),
  };
}

function findLastEnd(secrets: readonly UsedSecret[], reference: ImageReference): number {
  return secrets.reduce((last, secret) => Math.max(last, servesUntil(secret, reference)), -Infinity);
}

function placeSecret({ index, name: secret }: UsedSecret, { podSpec, serviceAccount }: Workload): Found {
  return index === undefined
    ? { at: joinPointer(podSpec, 'serviceAccountName'), value: serviceAccount, secret }
    : { at: joinPointer(podSpec, 'imagePullSecrets', index, 'name'), value: secret, secret };
}

/** What stands in the field is shown before the message. */
function callSecret({ index, name: secret }: UsedSecret): string {
  return index === undefined ? `${quote(secret)} of this service account` : '';
}

function findTroubles(used: UsedSecret, coverage: Coverage, context: Context): readonly Trouble[] {
  const { found } = used;
  const { left } = coverage;
  const secret = callSecret(used);
  // Who names a secret means it; a service account has its secrets for all its pods, and not each of them needs each.
  const matters = used.index !== undefined || left.length > 0;
  if (found === undefined) return [];
  if (found === 'absent') return matters ? [describeMissing(used, coverage, context)] : [];
  if (!hasPullSecretType(found)) {
    return matters ? [{ messageId: 'wrong-type', params: { secret, images: left, type: found.type } }] : [];
  }
  if (found.malformed !== undefined) return [{ messageId: 'malformed', params: { secret, problem: found.malformed } }];
  const troubles = [
    findExpired(used, found, coverage, context),
    findNoCredentials(used, coverage, context),
    // The way out of a copy is better than a new one.
    findCopy(used, found, coverage, context) ?? findEnding(used, coverage),
    findNoEntry(used, found, coverage, context),
  ];
  return troubles.filter((trouble) => trouble !== undefined);
}

function describeMissing(used: UsedSecret, { left }: Coverage, { workload, facts, options }: Context): Trouble {
  const params = {
    secret: callSecret(used),
    images: left,
    namespace: workload.namespace,
    seesEveryType: facts.pullSecrets.seesEveryType,
    isCce: used.name === CCE_SECRET,
  };
  return { messageId: 'missing', params, ...(!options.denyMissing && { atMost: 'warn' }) };
}

function findExpired(
  used: UsedSecret,
  found: PullSecret,
  { unserved, secrets }: Coverage,
  { policy, now }: Context,
): Trouble | undefined {
  if (used.endsAt > now) return undefined;
  const images = unserved.filter(({ reference }) => findEntry(used, reference) === 'with-credentials');
  if (images.length === 0) return undefined;
  const isCopy = images.some(({ reference }) => isCopyFor(used, reference, policy)) && !namesOriginal(secrets);
  const otherwise = isCopy ? `name ${CCE_SECRET} instead` : 'make it again';
  const advice = isRenewed(used.name, found) ? 'CCE renews it' : otherwise;
  return { messageId: 'expired', params: { secret: callSecret(used), images, endedAt: used.endsAt, advice } };
}

function findNoCredentials(used: UsedSecret, { left }: Coverage, context: Context): Trouble | undefined {
  const images = left.filter(({ reference }) => findEntry(used, reference) === 'without');
  if (images.length === 0) return undefined;
  return { messageId: 'no-credentials', params: { secret: callSecret(used), images }, ...limitGuess(images, context) };
}

function findCopy(
  used: UsedSecret,
  { generatedBy, expiresAt }: PullSecret,
  { images, secrets }: Coverage,
  { policy, now }: Context,
): Trouble | undefined {
  const copied = images.filter(
    ({ reference }) => servesUntil(used, reference) > now && isCopyFor(used, reference, policy),
  );
  if (copied.length === 0 || namesOriginal(secrets)) return undefined;
  const what =
    expiresAt !== undefined
      ? `is a copy of ${CCE_SECRET} that ends at ${formatMinute(expiresAt)}`
      : generatedBy === 'cce'
        ? `is a copy of ${CCE_SECRET}, which ends as nobody renews it`
        : `holds SWR credentials under another name than ${CCE_SECRET}, and a copy of it expires`;
  return { messageId: 'copy', params: { secret: callSecret(used), images: copied, what }, atMost: 'warn' };
}

function findEnding(used: UsedSecret, { endingSoon }: Coverage): Trouble | undefined {
  const images = [...endingSoon]
    .filter(([{ reference }, end]) => servesUntil(used, reference) === end)
    .map(([image]) => image);
  if (images.length === 0) return undefined;
  return { messageId: 'ending', params: { secret: callSecret(used), images, endsAt: used.endsAt }, atMost: 'warn' };
}

function findNoEntry(
  used: UsedSecret,
  { entries }: PullSecret,
  { images, withoutEntry }: Coverage,
  context: Context,
): Trouble | undefined {
  // Where another secret has an entry for an image, that one is at fault, and is said to be.
  const isOfUse = images.some(({ reference }) => findEntry(used, reference) !== 'none');
  if (withoutEntry.length === 0 || isOfUse) return undefined;
  const params = {
    secret: callSecret(used),
    images: withoutEntry,
    entriesFor: entries.map(({ key }) => key.text),
  };
  return { messageId: 'no-entry', params, ...limitGuess(withoutEntry, context) };
}

/** An image that may be public after all is no reason to refuse a pod. */
function limitGuess(images: readonly PulledImage[], { policy }: Context): Pick<Found, 'atMost'> {
  return images.some(({ reference }) => findPullSecret(policy, reference) !== undefined) ? {} : { atMost: 'warn' };
}

function namesOriginal(secrets: readonly UsedSecret[]): boolean {
  return secrets.some((secret) => secret.name === CCE_SECRET);
}

function name({ secret }: Named): string {
  return secret === '' ? 'pull secret' : `pull secret ${secret}`;
}

/** `, so "registry.example.com/app:v1" has no key`; nothing when there is no image. */
function sayLeft(params: Images): string {
  const { length } = params.images;
  return length === 0 ? '' : `, so ${nameImages(params)} ${length === 1 ? 'has' : 'have'} no key`;
}

/** `"registry.example.com/app:v1" and 2 more`: a warning has room for one, and a long one is known by its ends. */
function nameImages({ images }: Images): string {
  const more = images.length - 1;
  return `${quote(images[0]?.written ?? '', 50)}${more > 0 ? ` and ${more} more` : ''}`;
}
