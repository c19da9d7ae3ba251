import { describeFailure, type FailedAnswer, nameCause, type PullableImage } from '../cause/answer.ts';
import { causeOf } from '../cause/causes.ts';
import { defineRule, type Fix, type Report, type RuleContext, type Unplaced } from '../engine/rule.ts';
import { fitsLength, formatReference, type ImageReference } from '../image/reference.ts';
import { findMirror, findPullSecret } from '../policy/policy.ts';
import { findForNode } from '../pull/nodes.ts';
import { listSome } from '../text/list.ts';
import { quote, shortenMiddle } from '../text/quote.ts';
import { placeOf, type ImageUse } from '../workload/workload.ts';

type Params = Readonly<{ registry: string }>;
type Push = Readonly<{ push: string }>;

/** Characters of a few platforms. */
const MAX_PLATFORMS = 40;

const MESSAGES = {
  'not-mirrored': ({ registry }: Params) => `comes from ${registry}`,
  'too-long': ({ registry }: Params) => `comes from ${registry}; its address on the mirror would be too long`,
  'not-asked-here': ({ registry, address }: Params & Readonly<{ address: string }>) =>
    `comes from ${registry}; taken from ${quote(address, address.length)} if it is there, which is not asked here`,
  'mirror-not-allowed': ({ registry }: Params) =>
    `comes from ${registry}; whether its mirror has it is not known, as nobody asks it`,
  'mirror-silent': ({ registry }: Params) => `comes from ${registry}; its mirror has not said yet whether it has it`,
  'not-on-mirror': ({ push }: Push) => `is not on its mirror; ${push}`,
  'platform-not-on-mirror': ({ platforms, push }: Push & Readonly<{ platforms: string }>) =>
    `is not on its mirror for ${shortenMiddle(platforms, MAX_PLATFORMS)}; ${push}`,
  'mirror-denies': ({ push }: Push) => `cannot be pulled from its mirror, or is not there; ${push}`,
  'mirror-unsupported': ({ registry, why }: Params & Readonly<{ why: string }>) =>
    `comes from ${registry}; what its mirror has cannot be used (${why}), so it is not taken from there`,
  'mirror-fails': ({ registry, why }: Params & Readonly<{ why: string }>) =>
    `comes from ${registry}; its mirror does not work now (${why}), so it is not taken from there`,
};

export const mirrorUsed = defineRule({
  id: 'mirror-used',
  description: 'Finds images that should come from the mirror of their registry, and takes them from there.',
  remedy: 'Write the address of the image on the mirror.',
  faqItems: [7, 8],
  defaultAction: 'warn',
  scope: 'images',
  fixable: true,
  options: {
    verify: {
      type: 'boolean',
      default: false,
      description: 'Ask the mirror whether it has the image, and take it from there only if it says so.',
    },
  },
  needs: [],
  messages: MESSAGES,
  check: (context) =>
    context.flatMap(context.workload.images, (use) => {
      // An image that is never pulled comes from no registry at all; its name is what it was loaded under.
      if (!use.parsed.ok || use.pullPolicy === 'Never') return [];
      const { reference } = use.parsed;
      const mirrored = findMirror(context.policy, reference);
      return mirrored === undefined ? [] : [checkImage(use, { original: reference, mirrored }, context)];
    }),
});

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
  };
  return { messageId: 'not-mirrored', params: { registry }, fix, ...found };
}

/**
 * Looks up whether the mirror has an image, in the name of the pod as it will be there. Undefined when it has; whatever else
 * comes of it, nobody has said that it can be pulled from there.
 */
function findTrouble(pair: Pair, address: string, context: Context): Unplaced<typeof MESSAGES> | undefined {
  const { original, mirrored } = pair;
  const { registry } = original;
  const secrets = listSecretsThere(mirrored, context);
  const known = context.pull.getAnswer(mirrored, secrets);
  switch (known) {
    case 'not-gathered': {
      const remedy = `In a cluster the mirror is asked. To ask it from here: pullguard image --probe --config FILE ${formatReference(original)}`;
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

/** A mirror that has not kept the platform of a node is none for it: there the pod would not start. */
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
  return { messageId: 'platform-not-on-mirror', params, cause: 'platform-missing', remedy: `Copy it there: ${copy}` };
}

/** What the pod has by the time it pulls from there, as far as anybody knows. */
function listSecretsThere(
  mirrored: ImageReference,
  { pull, policy, givesPullSecrets }: Context,
): readonly string[] | undefined {
  const names = pull.secretNames();
  const added = givesPullSecrets ? findPullSecret(policy, mirrored) : undefined;
  const isAdded = added !== undefined && names?.includes(added) !== true && pull.mayName(added);
  return isAdded ? [...(names ?? []), added] : names;
}

const HAVE_IT_ASKED = 'Have the registry of the mirror asked: name it in the policy under registries, with probe.';

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
      return { messageId: 'not-on-mirror', params: { push }, cause, remedy: `Copy it there: ${copy}` };
    case 'credentials': {
      const either = `If the mirror does not have it yet: ${copy}. If it has: ${remedy}`;
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
  // A command that is cut is worse than none.
  const push =
    command.length <= MAX_COMMAND ? `push it: ${command}` : `push it there as ${quote(formatReference(mirrored))}`;
  return { push, copy: `${command} (log in first: skopeo login ${mirrored.registry})` };
}

/** With a container of a usual name, in a workload of one, it is within the 256 characters of a warning. */
const MAX_COMMAND = 170;

/**
 * The command that copies an image from one registry to another, for all its platforms. An image with a digest is copied by
 * it and stays the same, or the digest would not lead to it; skopeo takes no address that has a tag as well.
 */
function formatCopyCommand(from: ImageReference, to: ImageReference): string {
  const { digest } = from;
  if (digest === undefined) return `skopeo copy --all ${nameInDocker(from)} ${nameInDocker(to)}`;
  const source = nameInDocker({ ...nameOf(from), digest });
  // Without a tag at all it would be copied to "latest".
  const version = to.tag === undefined ? { digest } : { tag: to.tag };
  return `skopeo copy --all --preserve-digests ${source} ${nameInDocker({ ...nameOf(to), ...version })}`;
}

function nameOf({ registry, repository }: ImageReference): ImageReference {
  return { registry, repository };
}

function nameInDocker(reference: ImageReference): string {
  return `docker://${formatReference(reference)}`;
}
