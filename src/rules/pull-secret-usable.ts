import { defineRule, type Found, type RuleContext, type Unplaced } from '../engine/rule.ts';
import type { ImageReference } from '../image/reference.ts';
import { CCE_SECRET } from '../image/swr.ts';
import { findPullSecret } from '../policy/policy.ts';
import { FLAW_WORDS, type CredentialFlaw } from '../pull/credential-flaws.ts';
import type { PullSecret, UnusedContent } from '../pull/facts.ts';
import { isLikelyPublic, isSurelyPublic, isSurelyServed, type PulledImage } from '../pull/pod-pull.ts';
import {
  findDoubt,
  findEntry,
  findLack,
  hasEntryFor,
  hasPullSecretType,
  isCopyFor,
  isReadable,
  isRenewed,
  servesForGood,
  servesUntil,
  type UsedSecret,
} from '../pull/used-secrets.ts';
import { joinPointer } from '../text/json.ts';
import { isSubdomain } from '../text/kubernetes-name.ts';
import { quoteFirst } from '../text/list.ts';
import { quote } from '../text/quote.ts';
import { formatMinute } from '../text/time.ts';
import type { Workload } from '../workload/workload.ts';

/** `secret`: how it is called where it is not what stands in the field, `"a" of this service account`; else empty. */
type Named = Readonly<{ secret: string }>;
type Images = Readonly<{ images: readonly PulledImage[] }>;

const MAKE_IT = 'use kubectl create secret docker-registry';

const MESSAGES = {
  missing: (params: Named & Images & Readonly<{ namespace: string; seesEveryType: boolean; advice: string }>) => {
    const where = params.namespace === '' ? '' : ` in namespace ${quote(params.namespace)}`;
    const other = params.seesEveryType ? '' : ", or is of another type than a pull secret's";
    return `${name(params)} is missing${where}${other}${sayLeft(params)}: ${params.advice}`;
  },
  'wrong-type': (params: Named & Images & Readonly<{ type: string }>) =>
    `${name(params)} has type ${quote(params.type, 50)}, which kubelet passes over${sayLeft(params)}; ${MAKE_IT}`,
  malformed: (params: Named & Readonly<{ problem: string }>) =>
    `${name(params)} cannot be read, so none of the pod's images can be pulled: ${params.problem}`,
  expired: (params: Named & Images & Readonly<{ endedAt: number; advice: string }>) =>
    `${name(params)} expired at ${formatMinute(params.endedAt)}${sayLeft(params)}; ${params.advice}`,
  'no-credentials': (params: Named & Images & Readonly<{ lack: CredentialFlaw | 'helper' }>) =>
    `${name(params)} ${LACK_WORDS[params.lack] ?? ''} ${nameImages(params)}; ${MAKE_IT}`,
  flawed: (params: Named & Images & Readonly<{ flaw: CredentialFlaw }>) =>
    `${name(params)} cannot log in for ${nameImages(params)}: ${FLAW_WORDS[params.flaw]}`,
  'token-ended': (params: Named & Images & Readonly<{ endedAt: number }>) =>
    `${name(params)} has a token for ${nameImages(params)} that expired at ${formatMinute(params.endedAt)}; make it again`,
  copy: (params: Named & Images & Readonly<{ what: string }>) =>
    `${name(params)} ${params.what}; name ${CCE_SECRET} for ${nameImages(params)}`,
  ending: (params: Named & Images & Readonly<{ endsAt: number }>) =>
    `${name(params)} expires at ${formatMinute(params.endsAt)}, and no key for ${nameImages(params)} lasts longer; make it again`,
  'no-entry': (
    params: Named & Images & Readonly<{ entriesFor: readonly string[]; unused: UnusedContent | undefined }>,
  ) => {
    const { entriesFor, unused } = params;
    const has = entriesFor.length === 0 ? 'it is empty' : `it has entries for ${quoteFirst(entriesFor, 3, 40)}`;
    const instead = unused === undefined ? has : UNUSED_WORDS[unused.what](quote(unused.name, 40));
    return `${name(params)} has no entry for ${nameImages(params)}, left without a key; ${instead}`;
  },
};

/** What an entry has in the place of a user and password, to be followed by the image that it is for. */
const LACK_WORDS: Readonly<Partial<Record<CredentialFlaw | 'helper', string>>> = {
  empty: 'has no user and password in its entry for',
  'no-user': 'has a password and no user in its entry for',
  'no-password': 'has a user and no password in its entry for',
  'identity-token': 'has no password but an identitytoken, which kubelet does not read, for',
  'registry-token': 'has no password but a registrytoken, which kubelet does not read, for',
  helper: 'leaves its login to a credential helper, which kubelet does not run, for',
};

const UNUSED_WORDS: Readonly<Record<UnusedContent['what'], (name: string) => string>> = {
  'invalid-key': (key) => `kubelet drops its entry ${key}, as that is no address`,
  helper: (member) => `it leaves logins to a credential helper (${member}), which kubelet does not run`,
  'newer-form': () => 'it has a config.json under the older type: make its type kubernetes.io/dockerconfigjson',
  'older-form': () => 'it has a .dockercfg under the newer type: put what it holds under "auths"',
  'other-data': (key) => `its data is under ${key}, which its type does not read`,
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
  /** Images for which secrets have credentials that show themselves why a login fails, and no others. */
  doubtful: readonly PulledImage[];
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
    readable.some(
      (secret) => servesForGood(secret, reference, policy) && findDoubt(secret, reference, now) === undefined,
    );
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
    doubtful: (isSure ? images : []).filter(({ reference }) => {
      const serving = readable.filter((secret) => servesUntil(secret, reference) > now);
      return serving.length > 0 && serving.every((secret) => findDoubt(secret, reference, now) !== undefined);
    }),
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
  // A name that no Secret can have is told of by `pull-secrets-valid`, where it stands in the list of the pod.
  if (found === 'absent' && used.index !== undefined && !isSubdomain(used.name)) return [];
  if (found === 'absent') return matters ? [describeMissing(used, coverage, context)] : [];
  if (!hasPullSecretType(found)) {
    const params = { secret, images: left, type: found.type };
    return matters ? [{ messageId: 'wrong-type', params, ...limitUseless(coverage, context) }] : [];
  }
  if (found.malformed !== undefined) return [{ messageId: 'malformed', params: { secret, problem: found.malformed } }];
  const troubles = [
    findExpired(used, found, coverage, context),
    findNoCredentials(used, found, coverage, context),
    ...findDoubtful(used, coverage, context),
    // The way out of a copy is better than a new one.
    findCopy(used, found, coverage, context) ?? findEnding(used, coverage),
    findNoEntry(used, found, coverage, context),
  ];
  return troubles.filter((trouble) => trouble !== undefined);
}

/** Kubelet ignores a secret that it cannot use, and pulls with the others. One that pullguard may not read may serve every image. */
function limitUseless({ left }: Coverage, { pull, policy, now }: Context): Pick<Found, 'atMost' | 'harmless'> {
  if (isSurelyServed(pull, policy, now)) return { harmless: true };
  return left.length === 0 ? { atMost: 'warn' } : {};
}

function describeMissing(used: UsedSecret, coverage: Coverage, context: Context): Trouble {
  const { workload, facts, options } = context;
  const params = {
    secret: callSecret(used),
    images: coverage.left,
    namespace: workload.namespace,
    seesEveryType: facts.pullSecrets.seesEveryType,
    advice: adviseOnMissing(used.name),
  };
  const limit = limitUseless(coverage, context);
  return { messageId: 'missing', params, ...limit, ...(!options.denyMissing && { atMost: 'warn' }) };
}

function adviseOnMissing(secret: string): string {
  if (secret === CCE_SECRET) return 'CCE makes it in every namespace';
  return isSubdomain(secret) ? 'create it' : 'no Secret can have this name, correct it';
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

function findNoCredentials(
  used: UsedSecret,
  { unused = [] }: PullSecret,
  { left }: Coverage,
  context: Context,
): Trouble | undefined {
  const images = left.filter(({ reference }) => findEntry(used, reference) === 'without');
  const [first] = images;
  if (first === undefined) return undefined;
  const flaw = findLack(used, first.reference) ?? 'empty';
  const lack: CredentialFlaw | 'helper' =
    flaw === 'empty' && unused.some(({ what }) => what === 'helper') ? 'helper' : flaw;
  const params = { secret: callSecret(used), images, lack };
  // Other engines than containerd may send a user name without a password.
  const limit = lack === 'empty' || lack === 'helper' ? limitGuess(images, context) : { atMost: 'warn' as const };
  return { messageId: 'no-credentials', params, ...limit };
}

/** Never more than a warning: a password may be anything, even "changeme". */
function findDoubtful(used: UsedSecret, { doubtful }: Coverage, { now }: Context): readonly Trouble[] {
  if (used.endsAt <= now) return [];
  const secret = callSecret(used);
  const groups = new Map<string, Trouble & Readonly<{ params: Readonly<{ images: PulledImage[] }> }>>();
  for (const image of doubtful) {
    const doubt = findDoubt(used, image.reference, now);
    if (doubt === undefined) continue;
    const same = groups.get(JSON.stringify(doubt));
    if (same !== undefined) {
      same.params.images.push(image);
      continue;
    }
    const params = { secret, images: [image] };
    const found =
      'flaw' in doubt
        ? ({ messageId: 'flawed', params: { ...params, flaw: doubt.flaw }, atMost: 'warn' } as const)
        : ({ messageId: 'token-ended', params: { ...params, endedAt: doubt.endedAt }, atMost: 'warn' } as const);
    groups.set(JSON.stringify(doubt), found);
  }
  return [...groups.values()];
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
  return {
    messageId: 'copy',
    params: { secret: callSecret(used), images: copied, what },
    atMost: 'warn',
    // A login of one's own, which SWR gives as well, is no copy and lasts.
    ...(expiresAt === undefined && generatedBy !== 'cce' && { harmless: true }),
  };
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
  { entries, unused = [] }: PullSecret,
  coverage: Coverage,
  context: Context,
): Trouble | undefined {
  const images = listBlamed(used, coverage, context);
  if (images.length === 0) return undefined;
  const params = {
    secret: callSecret(used),
    images,
    entriesFor: entries.map(({ key }) => key.text),
    unused: unused[0],
  };
  return { messageId: 'no-entry', params, ...limitGuess(images, context) };
}

/**
 * The images without an entry that a secret is told of. A secret that is for no image of the pod is told of all of them. Where each is
 * of use, one alone is told of an image: the one that the policy has for it, or one for its registry, or else the first. That one does
 * what it is there for, so that an image which is most likely public is no news.
 */
function listBlamed(
  used: UsedSecret,
  { images, secrets, withoutEntry }: Coverage,
  { policy }: Context,
): readonly PulledImage[] {
  if (withoutEntry.length === 0) return [];
  const isOfUse = (secret: UsedSecret): boolean =>
    images.some(({ reference }) => findEntry(secret, reference) !== 'none');
  if (!isOfUse(used)) return withoutEntry;
  // What is missing, or cannot be read, is told with the images that it leaves without a key.
  if (!secrets.every((secret) => isReadable(secret) && isOfUse(secret))) return [];
  return withoutEntry.filter(({ reference }) => {
    const needed = findPullSecret(policy, reference);
    const forRegistry = secrets.find((secret) => hasEntryFor(secret, reference.registry));
    if (needed === undefined && forRegistry === undefined && isLikelyPublic(reference)) return false;
    return (secrets.find((secret) => secret.name === needed) ?? forRegistry ?? secrets[0]) === used;
  });
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
