import { describeFailure, type FailedAnswer, nameCause, type PullableImage } from '../cause/answer.ts';
import { causeOf } from '../cause/causes.ts';
import { defineRule, type Fix, type Report, type RuleContext, type Unplaced } from '../engine/rule.ts';
import { fitsLength, formatReference, MAX_REPOSITORY_LENGTH, type ImageReference } from '../image/reference.ts';
import { findMirror, findPullSecret } from '../policy/policy.ts';
import type { Facts } from '../pull/facts.ts';
import { findForNode } from '../pull/nodes.ts';
import { listSome } from '../text/list.ts';
import { quote, shortenMiddle } from '../text/quote.ts';
import { placeOf, SKIP_ANNOTATION, type ImageUse } from '../workload/workload.ts';

type Params = Readonly<{ registry: string }>;
type Mirrored = Params & Readonly<{ address: string }>;
type Push = Readonly<{ push: string }>;
type Recreated = Mirrored & Readonly<{ source: string }>;

/** Most characters shown of a list of platforms. */
const MAX_PLATFORMS = 40;

/** Most characters shown of the replaced image; the mirror's is more important. */
const MAX_REPLACED = 40;

/** What the fix does. */
const FIX = {
  done: ({ address, written }: Replacement) =>
    `replaced ${quote(written, MAX_REPLACED)} with the mirror's ${quote(address, address.length)}`,
  coming: ({ address, written }: Replacement) =>
    `the mirror's ${quote(address, address.length)} instead of ${quote(written, MAX_REPLACED)}`,
};

type Replacement = Readonly<{ address: string; written: string }>;

const MESSAGES = {
  'not-mirrored': ({ registry, address }: Mirrored) =>
    `image comes from ${nameRegistry(registry)}, which has a mirror: use ${quote(address, address.length)}`,
  recreated: ({ registry, address, source }: Recreated) =>
    `image stays on ${nameRegistry(registry)}, as Pods are recreated whenever it is replaced: write ${quote(address, address.length)} in ${shortenMiddle(source, MAX_SOURCE)}`,
  'too-long': ({ registry }: Params) =>
    `image stays on ${nameRegistry(registry)}, as its name on the mirror would exceed ${MAX_REPOSITORY_LENGTH} characters: shorten the path of the mirror`,
  'not-asked-here': ({ address }: Mirrored) =>
    `image is pulled as the mirror's ${quote(address, address.length)} if the mirror has it, which is not checked here`,
  'mirror-not-allowed': ({ registry }: Params) =>
    `image stays on ${nameRegistry(registry)}, as pullguard may not ask the mirror: set probe for the mirror under registries in the policy`,
  'mirror-silent': ({ registry }: Params) =>
    `image stays on ${nameRegistry(registry)}, as the mirror has not answered yet; new Pods use the mirror once it has`,
  'not-on-mirror': ({ push }: Push) => `mirror does not have this image: ${push}`,
  'platform-not-on-mirror': ({ platforms, push }: Push & Readonly<{ platforms: string }>) =>
    `mirror does not have this image for ${shortenMiddle(platforms, MAX_PLATFORMS)}: ${push}`,
  'mirror-denies': ({ push }: Push) => `mirror denies this image or does not have it: ${push}`,
  'mirror-unsupported': ({ registry, why }: Params & Readonly<{ why: string }>) =>
    `image stays on ${nameRegistry(registry)}, as the one on the mirror cannot be used (${why})`,
  'mirror-fails': ({ registry, why }: Params & Readonly<{ why: string }>) =>
    `image stays on ${nameRegistry(registry)}, as the mirror fails (${why})`,
};

function nameRegistry(registry: string): string {
  return shortenMiddle(registry, MAX_REGISTRY);
}

const MAX_REGISTRY = 60;

/** Most characters shown of a kind and name. */
const MAX_SOURCE = 60;

export const mirrorUsed = defineRule({
  id: 'mirror-used',
  description: 'Finds images from a registry that has a mirror, and replaces them with those of the mirror.',
  remedy: 'Use the image on the mirror.',
  faqItems: [7, 8],
  defaultAction: 'warn',
  scope: 'images',
  fixable: true,
  options: {
    verify: {
      type: 'boolean',
      default: false,
      description: 'Ask the mirror whether it has the image, and replace the image only if it does.',
    },
    stopLoops: {
      type: 'boolean',
      default: true,
      description: 'Stop replacing the images of an operator that deletes and recreates its Pods because of that.',
    },
  },
  needs: [],
  messages: MESSAGES,
  check: (context) => {
    const reports = context.flatMap(context.workload.images, (use) => {
      // An image that is never pulled is from no registry; its name is the one that it was loaded with.
      if (!use.parsed.ok || use.pullPolicy === 'Never') return [];
      const { reference } = use.parsed;
      const mirrored = findMirror(context.policy, reference);
      return mirrored === undefined ? [] : [checkImage(use, { original: reference, mirrored }, context)];
    });
    const source = findRecreator(reports, context.facts);
    return source === undefined ? reports : reports.map((report) => keepImage(report, source));
  },
});

/** Where the images are written if Pods are recreated whenever they are replaced; with `stopLoops`, callers find that out. */
function findRecreator(reports: readonly Report<typeof MESSAGES>[], { recreations }: Facts): string | undefined {
  if (recreations === undefined) return undefined;
  const replaced = reports.flatMap(({ fix, value = '', replacement = '' }) =>
    fix === undefined ? [] : [{ value, replacement }],
  );
  return replaced.length === 0 ? undefined : recreations.findSource(replaced);
}

function keepImage(report: Report<typeof MESSAGES>, source: string): Report<typeof MESSAGES> {
  if (report.messageId !== 'not-mirrored') return report;
  const { fix, params, ...kept } = report;
  if (fix === undefined) return report;
  return {
    ...kept,
    messageId: 'recreated',
    params: { ...params, source },
    atMost: 'warn',
    remedy: adviseSource(source),
  };
}

/** What to do about Pods that are recreated whenever an image is replaced, in whole sentences. */
export function adviseSource(source: string): string {
  return `Write the images of the mirror in ${shortenMiddle(source, MAX_SOURCE)}, so that they need not be replaced. Or exempt the Pods from mirror-used: by the annotation ${SKIP_ANNOTATION}, if the policy allows it under skip, or by exempt in the policy.`;
}

type Pair = Readonly<{ original: ImageReference; mirrored: ImageReference }>;

type Context = RuleContext<Readonly<{ verify: boolean }>>;

function checkImage(use: ImageUse, pair: Pair, context: Context): Report<typeof MESSAGES> {
  const { registry } = pair.original;
  const address = formatReference(pair.mirrored);
  if (!fitsLength(pair.mirrored)) {
    return { ...placeOf(use), messageId: 'too-long', params: { registry }, atMost: 'warn' };
  }
  const found = { replacement: address, ...placeOf(use) };
  const trouble = context.options.verify ? findTrouble(pair, address, context) : undefined;
  if (trouble !== undefined) return { ...found, ...trouble, atMost: 'warn' };
  const fix: Fix = {
    edits: [{ op: 'replace', path: use.pointer, value: address }],
    gives: quote(address, address.length),
    get done() {
      return FIX.done({ address, written: use.written });
    },
    get coming() {
      return FIX.coming({ address, written: use.written });
    },
  };
  return { messageId: 'not-mirrored', params: { registry, address }, fix, ...found };
}

/**
 * Checks whether the mirror has an image, with the credentials that the Pod will have. Undefined if it has; otherwise the image
 * may not be pullable from there.
 */
function findTrouble(pair: Pair, address: string, context: Context): Unplaced<typeof MESSAGES> | undefined {
  const { original, mirrored } = pair;
  const { registry } = original;
  const secrets = listSecretsThere(mirrored, context);
  const known = context.pull.getAnswer(mirrored, secrets);
  switch (known) {
    case 'not-gathered': {
      const remedy = `In the cluster pullguard asks the mirror. To ask it from here: pullguard image --probe --config FILE ${formatReference(original)}`;
      return { messageId: 'not-asked-here', params: { registry, address }, remedy };
    }
    case 'not-allowed':
      return { messageId: 'mirror-not-allowed', params: { registry }, remedy: HAVE_IT_ASKED };
    case 'unasked':
    case 'late':
    case 'no-answer':
      return { messageId: 'mirror-silent', params: { registry } };
    default:
      return known.answer.outcome === 'ok'
        ? findMissing(known.answer, pair, context)
        : describeAnswer(known.answer, pair, secrets ?? []);
  }
}

/** A mirror without the platform of a node cannot be used: on that node the Pod would not start. */
function findMissing(
  image: PullableImage,
  { original, mirrored }: Pair,
  { pull }: Context,
): Unplaced<typeof MESSAGES> | undefined {
  const platforms = [...(pull.nodes()?.platforms ?? [])];
  const lost = platforms.filter((platform) => findForNode(platform, image) === 'missing');
  if (lost.length === 0) return undefined;
  const { push, copy } = adviseCopy(original, mirrored);
  const params = { platforms: listSome(lost, 'and'), push };
  return {
    messageId: 'platform-not-on-mirror',
    params,
    cause: 'platform-missing',
    remedy: `Copy the image to the mirror: ${copy}`,
  };
}

/** The pull secrets that the Pod will have when it pulls from the mirror, as far as they are known. */
function listSecretsThere(
  mirrored: ImageReference,
  { pull, policy, givesPullSecrets }: Context,
): readonly string[] | undefined {
  const names = pull.secretNames();
  const added = givesPullSecrets ? findPullSecret(policy, mirrored) : undefined;
  const isAdded = added !== undefined && names?.includes(added) !== true && pull.mayName(added);
  return isAdded ? [...(names ?? []), added] : names;
}

const HAVE_IT_ASKED =
  'Let pullguard ask the mirror: add an entry with its host and "probe: true" to registries in the policy.';

function describeAnswer(
  answer: FailedAnswer,
  { original, mirrored }: Pair,
  secrets: readonly string[],
): Unplaced<typeof MESSAGES> {
  const { cause } = answer;
  const { remedy } = describeFailure(answer, mirrored, { secrets, now: undefined });
  const { push, copy } = adviseCopy(original, mirrored);
  const failing = { params: { registry: original.registry, why: nameCause(answer) }, cause, remedy };
  if (causeOf(cause).outcome === 'unsupported') return { messageId: 'mirror-unsupported', ...failing };
  switch (causeOf(cause).about) {
    case 'image':
      return { messageId: 'not-on-mirror', params: { push }, cause, remedy: `Copy the image to the mirror: ${copy}` };
    case 'credentials': {
      const either = `If the mirror does not have the image: ${copy}. If it does: ${remedy}`;
      return { messageId: 'mirror-denies', params: { push }, cause, remedy: either };
    }
    case 'way':
    case 'registry':
    case 'node':
      return { messageId: 'mirror-fails', ...failing };
  }
}

function adviseCopy(original: ImageReference, mirrored: ImageReference): Push & Readonly<{ copy: string }> {
  const command = formatCopyCommand(original, mirrored);
  // A command that is cut off is worse than none.
  const push = command.length <= MAX_COMMAND ? `run ${command}` : `push it as ${quote(formatReference(mirrored))}`;
  return { push, copy: `${command} (log in first: skopeo login ${mirrored.registry})` };
}

/** With it, a warning for a container and workload with names of usual length has at most 256 characters. */
const MAX_COMMAND = 170;

/**
 * The command that copies an image with all platforms to another registry. An image with a digest is copied by its digest and
 * unchanged, as the digest would not match otherwise; skopeo does not accept a reference with both tag and digest.
 */
function formatCopyCommand(from: ImageReference, to: ImageReference): string {
  const { digest } = from;
  if (digest === undefined) return `skopeo copy --all ${nameInDocker(from)} ${nameInDocker(to)}`;
  const source = nameInDocker({ ...nameOf(from), digest });
  // Without a tag, skopeo would copy it to "latest".
  const version = to.tag === undefined ? { digest } : { tag: to.tag };
  return `skopeo copy --all --preserve-digests ${source} ${nameInDocker({ ...nameOf(to), ...version })}`;
}

function nameOf({ registry, repository }: ImageReference): ImageReference {
  return { registry, repository };
}

function nameInDocker(reference: ImageReference): string {
  return `docker://${formatReference(reference)}`;
}
