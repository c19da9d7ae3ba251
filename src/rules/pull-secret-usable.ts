import { defineRule, type Found, type RuleContext, type Unplaced } from '../engine/rule.ts';
import type { ImageReference } from '../image/reference.ts';
import { CCE_SECRET, looksLikeSwr } from '../image/known-registries.ts';
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
import { quote, shortenMiddle } from '../text/quote.ts';
import { formatNear } from '../text/time.ts';
import type { Workload } from '../workload/workload.ts';

/** The pull secret, and the ServiceAccount if the Pod has it from there, because its own list is empty. */
type Named = Readonly<{ secret: string; account: string | undefined }>;
type Images = Readonly<{ images: readonly PulledImage[] }>;
type Now = Readonly<{ now: number }>;

const RECREATE = 'recreate it (kubectl create secret docker-registry)';

const MESSAGES = {
  missing: (params: Named & Images & Readonly<{ namespace: string; seesEveryType: boolean; advice: string }>) => {
    const where = params.namespace === '' ? '' : ` in namespace ${quote(params.namespace, MAX_NAME)}`;
    const other = params.seesEveryType ? '' : ' or has another type';
    return `${name(params)} not found${where}${other}${sayAnonymous(params)}: ${params.advice}`;
  },
  'wrong-type': (params: Named & Images & Readonly<{ type: string }>) =>
    `${name(params)} has type ${quote(params.type, MAX_NAME)}, which kubelet ignores${sayAnonymous(params)}: ${RECREATE}`,
  malformed: (params: Named & Readonly<{ problem: string }>) =>
    `${name(params)} cannot be parsed, so no image of this Pod can be pulled: ${shortenMiddle(params.problem, MAX_PROBLEM)}`,
  expired: (params: Named & Images & Now & Readonly<{ endedAt: number; advice: string }>) =>
    `${name(params)} expired at ${formatNear(params.endedAt, params.now)}, so ${nameImages(params)} cannot be pulled (unauthorized): ${params.advice}`,
  'no-credentials': (params: Named & Images & Readonly<{ lack: CredentialFlaw | 'helper' }>) =>
    `${name(params)} has no credentials for ${registryOf(params)} (${LACK_WORDS[params.lack] ?? 'none'})${sayAnonymous(params)}: recreate it`,
  flawed: (params: Named & Images & Readonly<{ flaw: CredentialFlaw }>) =>
    `${name(params)} may be refused for ${nameImages(params)} (unauthorized), as ${FLAW_WORDS[params.flaw]}: recreate it`,
  'token-ended': (params: Named & Images & Now & Readonly<{ endedAt: number }>) =>
    `token in ${name(params)} expired at ${formatNear(params.endedAt, params.now)}, so ${nameImages(params)} cannot be pulled (unauthorized): recreate it`,
  copy: (params: Named & Images & Now & Readonly<{ kind: 'ends' | 'not-renewed' | 'own'; expiresAt?: number }>) => {
    const what = {
      ends: `is a copy of ${CCE_SECRET} and expires at ${formatNear(params.expiresAt ?? 0, params.now)}`,
      'not-renewed': `is a copy of ${CCE_SECRET} that CCE does not renew`,
      own: `has SWR credentials that may expire, as CCE renews only ${CCE_SECRET}`,
    };
    return `${name(params)} ${what[params.kind]}: use ${CCE_SECRET} for ${nameImages(params)}`;
  },
  ending: (params: Named & Images & Now & Readonly<{ endsAt: number }>) =>
    `${name(params)} expires at ${formatNear(params.endsAt, params.now)}, and no other credentials for ${nameImages(params)} last longer: recreate it`,
  'no-entry': (
    params: Named & Images & Readonly<{ entriesFor: readonly string[]; unused: UnusedContent | undefined }>,
  ) => {
    const { entriesFor, unused } = params;
    const has = entriesFor.length === 0 ? 'it is empty' : `only for ${quoteFirst(entriesFor, 2, 24)}`;
    const instead = unused === undefined ? has : UNUSED_WORDS[unused.what](quote(unused.name, 24));
    const write = (what: string): string =>
      `${name(params)} has no credentials for ${registryOf(params)} (${what})${sayAnonymous(params)}: recreate it`;
    // With long names, the advice is more important than the list of registries.
    return write(instead).length <= MAX_MESSAGE ? write(instead) : write('only for others');
  },
};

// Most characters shown of a name; longer ones are shortened in the middle.
const MAX_NAME = 25;
const MAX_IMAGE = 40;
const MAX_REGISTRY = 30;
const MAX_MESSAGE = 256;
const MAX_PROBLEM = 90;

/** What an entry has instead of a username and password. */
const LACK_WORDS: Readonly<Partial<Record<CredentialFlaw | 'helper', string>>> = {
  empty: 'no username and password',
  'no-user': 'a password, but no username',
  'no-password': 'a username, but no password',
  'identity-token': 'an identitytoken, which kubelet ignores',
  'registry-token': 'a registrytoken, which kubelet ignores',
  helper: 'a credential helper, which kubelet ignores',
};

const UNUSED_WORDS: Readonly<Record<UnusedContent['what'], (name: string) => string>> = {
  'invalid-key': (key) => `kubelet ignores invalid key ${key}`,
  helper: (member) => `kubelet ignores ${member}`,
  'newer-form': () => 'a config.json in type dockercfg',
  'older-form': () => 'a .dockercfg in type dockerconfigjson',
  'other-data': (key) => `data is under ${key}`,
};

export const pullSecretUsable = defineRule({
  id: 'pull-secret-usable',
  description: 'Finds pull secrets that are missing, cannot be used, have no credentials for an image, or expire soon.',
  remedy: 'Create the pull secret in the namespace of the Pod, with credentials for the registry of the image.',
  faqItems: [1, 3],
  defaultAction: 'warn',
  scope: 'pull-secrets',
  fixable: false,
  options: {
    expiresWithinHours: {
      type: 'integer',
      minimum: 0,
      default: 24,
      description: 'Warn this many hours before credentials expire.',
    },
    denyMissing: {
      type: 'boolean',
      default: false,
      description: 'Also deny Pods whose pull secret is missing, although it may be created a moment later.',
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

/** Which images the pull secrets of a Pod have credentials for. */
type Coverage = Readonly<{
  images: readonly PulledImage[];
  secrets: readonly UsedSecret[];
  /** Images for which certainly no Secret has credentials. */
  unserved: readonly PulledImage[];
  /** Those of `unserved` that may not be public. */
  left: readonly PulledImage[];
  /** Those of `left` for which no Secret even has an entry. */
  withoutEntry: readonly PulledImage[];
  /** Images for which all credentials have a visible flaw or an expired token. */
  doubtful: readonly PulledImage[];
  /** Images whose credentials all expire within the configured time, and when the last ones do. */
  endingSoon: ReadonlyMap<PulledImage, number>;
}>;

/** Undefined if nothing can be wrong, or if the pull secrets of the Pod are unknown. */
function findCoverage({ pull, policy, now, options }: Context): Coverage | undefined {
  const secrets = pull.secrets();
  const images = pull.images();
  if (secrets === undefined || images.length === 0) return undefined;
  // Filtered once, as there may be thousands of missing Secrets, and many images to compare with.
  const readable = secrets.filter((secret) => isReadable(secret));
  const serves = ({ reference }: PulledImage): boolean =>
    readable.some(
      (secret) => servesForGood(secret, reference, policy) && findDoubt(secret, reference, now) === undefined,
    );
  // The usual case, checked first.
  if (readable.length === secrets.length && images.every((image) => serves(image))) return undefined;
  // A Secret that cannot be read may have lasting credentials for any image.
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
    ? { at: joinPointer(podSpec, 'serviceAccountName'), value: serviceAccount, namesValue: true, secret }
    : { at: joinPointer(podSpec, 'imagePullSecrets', index, 'name'), value: secret, namesValue: true, secret };
}

function toNamed({ index, name: secret }: UsedSecret, { serviceAccount }: Workload): Named {
  return { secret, account: index === undefined ? serviceAccount : undefined };
}

function findTroubles(used: UsedSecret, coverage: Coverage, context: Context): readonly Trouble[] {
  const { found } = used;
  const { left } = coverage;
  const named = toNamed(used, context.workload);
  // A Pod that lists a Secret needs it; a ServiceAccount lists Secrets for all its Pods, which do not all need each of them.
  const matters = used.index !== undefined || left.length > 0;
  if (found === undefined) return [];
  // An invalid name is reported by `pull-secrets-valid`, at its entry in the Pod's list.
  if (found === 'absent' && used.index !== undefined && !isSubdomain(used.name)) return [];
  if (found === 'absent') return matters ? [describeMissing(used, coverage, context)] : [];
  if (!hasPullSecretType(found)) {
    const params = { ...named, images: left, type: found.type };
    return matters ? [{ messageId: 'wrong-type', params, ...limitUseless(coverage, context) }] : [];
  }
  if (found.malformed !== undefined)
    return [{ messageId: 'malformed', params: { ...named, problem: found.malformed } }];
  const troubles = [
    findExpired(used, found, coverage, context),
    findNoCredentials(used, found, coverage, context),
    ...findDoubtful(used, coverage, context),
    // Replacing a copy is better advice than recreating it.
    findCopy(used, found, coverage, context) ?? findEnding(used, coverage, context),
    findNoEntry(used, found, coverage, context),
  ];
  return troubles.filter((trouble) => trouble !== undefined);
}

/**
 * kubelet ignores a Secret that it cannot use, and pulls with the others. One that pullguard may not read may serve every image.
 */
function limitUseless({ left }: Coverage, { pull, policy, now }: Context): Pick<Found, 'atMost' | 'harmless'> {
  if (isSurelyServed(pull, policy, now)) return { harmless: true };
  return left.length === 0 ? { atMost: 'warn' } : {};
}

function describeMissing(used: UsedSecret, coverage: Coverage, context: Context): Trouble {
  const { workload, facts, options } = context;
  const params = {
    ...toNamed(used, workload),
    images: coverage.left,
    namespace: workload.namespace,
    seesEveryType: facts.pullSecrets.seesEveryType,
    advice: adviseOnMissing(used.name, coverage.left),
  };
  const limit = limitUseless(coverage, context);
  return { messageId: 'missing', params, ...limit, ...(!options.denyMissing && { atMost: 'warn' }) };
}

function adviseOnMissing(secret: string, images: readonly PulledImage[]): string {
  if (!isSubdomain(secret)) return 'fix the name, which is not a valid Secret name';
  if (images.length === 0) return 'create it, or remove it from imagePullSecrets';
  const isOfCce = secret === CCE_SECRET && images.some(({ reference }) => looksLikeSwr(reference.registry));
  return isOfCce ? 'CCE creates it in every namespace, check that it was not deleted' : 'create it';
}

function findExpired(
  used: UsedSecret,
  found: PullSecret,
  { unserved, secrets }: Coverage,
  { policy, now, workload }: Context,
): Trouble | undefined {
  if (used.endsAt > now) return undefined;
  const images = unserved.filter(({ reference }) => findEntry(used, reference) === 'with-credentials');
  if (images.length === 0) return undefined;
  const isCopy = images.some(({ reference }) => isCopyFor(used, reference, policy)) && !namesOriginal(secrets);
  const otherwise = isCopy ? `use ${CCE_SECRET} instead` : 'recreate it';
  const advice = isRenewed(used.name, found) ? 'wait until CCE renews it' : otherwise;
  const params = { ...toNamed(used, workload), images, now, endedAt: used.endsAt, advice };
  return { messageId: 'expired', params };
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
  const params = { ...toNamed(used, context.workload), images, lack };
  // Other engines than containerd may send a user name without a password.
  const limit = lack === 'empty' || lack === 'helper' ? limitGuess(images, context) : { atMost: 'warn' as const };
  return { messageId: 'no-credentials', params, ...limit };
}

/** Never more than a warning: a password may be anything, even "changeme". */
function findDoubtful(used: UsedSecret, { doubtful }: Coverage, { now, workload }: Context): readonly Trouble[] {
  if (used.endsAt <= now) return [];
  const named = toNamed(used, workload);
  const groups = new Map<string, Trouble & Readonly<{ params: Readonly<{ images: PulledImage[] }> }>>();
  for (const image of doubtful) {
    const doubt = findDoubt(used, image.reference, now);
    if (doubt === undefined) continue;
    const same = groups.get(JSON.stringify(doubt));
    if (same !== undefined) {
      same.params.images.push(image);
      continue;
    }
    const params = { ...named, images: [image] };
    const found =
      'flaw' in doubt
        ? ({ messageId: 'flawed', params: { ...params, flaw: doubt.flaw }, atMost: 'warn' } as const)
        : ({ messageId: 'token-ended', params: { ...params, now, endedAt: doubt.endedAt }, atMost: 'warn' } as const);
    groups.set(JSON.stringify(doubt), found);
  }
  return [...groups.values()];
}

function findCopy(
  used: UsedSecret,
  { generatedBy, expiresAt }: PullSecret,
  { images, secrets }: Coverage,
  { policy, now, workload }: Context,
): Trouble | undefined {
  const copied = images.filter(
    ({ reference }) => servesUntil(used, reference) > now && isCopyFor(used, reference, policy),
  );
  if (copied.length === 0 || namesOriginal(secrets)) return undefined;
  const kind = expiresAt !== undefined ? 'ends' : generatedBy === 'cce' ? 'not-renewed' : 'own';
  const params = {
    ...toNamed(used, workload),
    images: copied,
    now,
    kind,
    ...(expiresAt !== undefined && { expiresAt }),
  } as const;
  // Permanent credentials, which SWR also offers, are not a copy and do not expire.
  return { messageId: 'copy', params, atMost: 'warn', ...(kind === 'own' && { harmless: true }) };
}

function findEnding(used: UsedSecret, { endingSoon }: Coverage, { workload, now }: Context): Trouble | undefined {
  const images = [...endingSoon]
    .filter(([{ reference }, end]) => servesUntil(used, reference) === end)
    .map(([image]) => image);
  if (images.length === 0) return undefined;
  const params = { ...toNamed(used, workload), images, now, endsAt: used.endsAt };
  return { messageId: 'ending', params, atMost: 'warn' };
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
    ...toNamed(used, context.workload),
    images,
    entriesFor: entries.map(({ key }) => key.text),
    unused: unused[0],
  };
  return { messageId: 'no-entry', params, ...limitGuess(images, context) };
}

/**
 * The images without credentials that are reported for a Secret. For a Secret that serves no image of the Pod, these are all. If
 * each Secret serves an image, each image is reported once: for the Secret that the policy requires, otherwise one for its
 * registry, otherwise the first one. An image that is most likely public is then not reported.
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
  // A missing or unreadable Secret is reported with the images that it leaves without credentials.
  if (!secrets.every((secret) => isReadable(secret) && isOfUse(secret))) return [];
  return withoutEntry.filter(({ reference }) => {
    const needed = findPullSecret(policy, reference);
    const forRegistry = secrets.find((secret) => hasEntryFor(secret, reference.registry));
    if (needed === undefined && forRegistry === undefined && isLikelyPublic(reference)) return false;
    return (secrets.find((secret) => secret.name === needed) ?? forRegistry ?? secrets[0]) === used;
  });
}

/** An image that may be public is no reason to deny a Pod. */
function limitGuess(images: readonly PulledImage[], { policy }: Context): Pick<Found, 'atMost'> {
  return images.some(({ reference }) => findPullSecret(policy, reference) !== undefined) ? {} : { atMost: 'warn' };
}

function namesOriginal(secrets: readonly UsedSecret[]): boolean {
  return secrets.some((secret) => secret.name === CCE_SECRET);
}

function name({ secret, account }: Named): string {
  const of = account === undefined ? '' : ` of ServiceAccount ${quote(account, MAX_NAME)}`;
  return `pull secret ${quote(secret, MAX_NAME)}${of}`;
}

/** `, so "registry.example.com/app:v1" is pulled anonymously`; empty without images. */
function sayAnonymous(params: Images): string {
  const { length } = params.images;
  return length === 0 ? '' : `, so ${nameImages(params)} ${length === 1 ? 'is' : 'are'} pulled anonymously`;
}

/** The registry of the first image. */
function registryOf({ images }: Images): string {
  return shortenMiddle(images[0]?.reference.registry ?? '', MAX_REGISTRY);
}

/** `"registry.example.com/app:v1" and 2 more`: there is room for one image, shortened in the middle if it is long. */
function nameImages({ images }: Images): string {
  const more = images.length - 1;
  return `${quote(images[0]?.written ?? '', MAX_IMAGE)}${more > 0 ? ` and ${more} more` : ''}`;
}
