import { describeFailure, type FailedAnswer, type PullableImage } from '../cause/answer.ts';
import { causeOf, type CauseCode } from '../cause/causes.ts';
import { defineRule, type Report, type RuleContext, type Unplaced } from '../engine/rule.ts';
import type { ImageReference } from '../image/reference.ts';
import type { LateAnswers } from '../pull/facts.ts';
import { findForNode, nameOnNode } from '../pull/nodes.ts';
import { pullPolicyOf, type AnsweredUse } from '../pull/pod-pull.ts';
import { listSome } from '../text/list.ts';
import { formatSeconds } from '../text/time.ts';
import { shortenMiddle } from '../text/quote.ts';
import { placeOf } from '../workload/workload.ts';

type Refusal = Readonly<{ message: string }>;
type Platforms = Readonly<{ wanted: readonly string[]; offered: readonly string[] }>;

const MESSAGES = {
  refused: ({ message }: Refusal) => message,
  'refused-but-on-node': ({ message }: Refusal) => `${message}; a node already has the image`,
  'no-platform': ({ wanted, offered }: Platforms) =>
    `image is for ${listPlatforms(offered, 'and')}, but all eligible nodes are ${listPlatforms(wanted, 'or')} (no match for platform in manifest): push it for that platform too`,
  'platform-not-there': ({ wanted }: Platforms) =>
    `index lists ${listPlatforms(wanted, 'or')}, the platform of all eligible nodes, but its manifest is missing (not found): push the image for it again`,
  late: ({ registry, waitedMs, kind }: Readonly<{ registry: string; waitedMs: number; kind: string | undefined }>) => {
    const silence = `registry ${shortenMiddle(registry, MAX_REGISTRY)} has not answered within ${formatSeconds(waitedMs)}`;
    return kind === undefined
      ? `${silence}, so this image was not checked`
      : `${silence}: if the image cannot be pulled, the result will be an Event on this ${kind}`;
  },
};

/** Most characters shown of a registry. */
const MAX_REGISTRY = 60;

/** Most characters shown of a list of platforms. */
const MAX_PLATFORMS = 50;

function listPlatforms(platforms: readonly string[], word: 'and' | 'or'): string {
  return shortenMiddle(listSome(platforms, word), MAX_PLATFORMS);
}

export const imagePullable = defineRule({
  id: 'image-pullable',
  description: 'Finds images that their registry denies or does not have, and images whose registry cannot be reached.',
  remedy: 'Fix the image, add a pull secret for its registry, or make the registry reachable from the nodes.',
  faqItems: [3, 5, 7, 8],
  defaultAction: 'warn',
  scope: 'pull-secrets',
  fixable: false,
  options: {},
  needs: ['registries'],
  messages: MESSAGES,
  check: (context) => {
    const found = context.flatMap(context.pull.answers(), ({ use, reference, answer }) => {
      const trouble =
        answer.outcome === 'ok'
          ? findNoPlatform(answer, reference, context)
          : describeRefusal(answer, { use, reference }, context);
      return trouble === undefined ? [] : [{ ...placeOf(use), ...trouble }];
    });
    const { late } = context.facts.registries;
    return late === undefined ? found : [...found, ...reportLate(late, context)];
  },
});

type Context = RuleContext<unknown, 'registries'>;

/** One report per registry, at its first image. It is harmless, as nothing is known yet. */
function reportLate(
  { waitedMs, isToldLater }: LateAnswers,
  { pull, workload }: Context,
): readonly Report<typeof MESSAGES>[] {
  return pull.late().map(({ reference: { registry }, uses }) => ({
    ...placeOf(uses[0]),
    messageId: 'late',
    params: { registry, waitedMs, kind: isToldLater ? workload.kind : undefined },
    remedy: 'Apply it again later, or ask the registry with pullguard image --probe.',
    harmless: true,
  }));
}

/** A report without its place. */
type Trouble = Unplaced<typeof MESSAGES>;

function describeRefusal(
  answer: FailedAnswer,
  image: Pick<AnsweredUse, 'use' | 'reference'>,
  context: Context,
): Trouble | undefined {
  const { pull, now } = context;
  if (!isOfImage(answer.cause) && isKnownOfNodes(image.reference, answer.cause, context)) return undefined;
  const { message, remedy } = describeFailure(answer, image.reference, { secrets: pull.secretNames() ?? [], now });
  const { cause, says } = answer;
  const found = {
    params: { message },
    cause,
    remedy: says === undefined ? remedy : `The registry returned: "${says}". ${remedy}`,
  };
  // Network, CAs and rate limits of nodes differ from those of pullguard. If pull secrets could not be read, the credentials
  // differ as well.
  if (!isOfImage(cause) || 'mayBeHidden' in answer) return { ...found, messageId: 'refused', atMost: 'warn' };
  if (!isOnNode(image, context)) return { ...found, messageId: 'refused' };
  return {
    ...found,
    messageId: 'refused-but-on-node',
    atMost: 'warn',
    // Since 1.35, kubelet asks the registry anyway if the image was pulled with other credentials than the Pod has.
    ...(causeOf(cause).about === 'image' && isOnEveryNode(image.reference, pull) && { harmless: true }),
  };
}

/** Whether the answer is about the image, and not about the registry or the network. */
function isOfImage(cause: CauseCode): boolean {
  const { about, outcome } = causeOf(cause);
  // Another container engine may support the image, or mount it as a volume.
  return outcome !== 'unsupported' && (about === 'image' || about === 'credentials');
}

/** The results of nodes at a registry outrank those of pullguard: either nodes can pull, or their failure is reported already. */
function isKnownOfNodes(reference: ImageReference, cause: CauseCode, { workload, facts: { pulls } }: Context): boolean {
  if (pulls === undefined) return false;
  if (pulls.find(reference, workload.namespace).length > 0) return true;
  // What nodes pull from a registry says nothing of a Helm chart on it, which none of them can run.
  return cause !== 'not-an-image' && pulls.hasPulled(reference.registry);
}

/** Whether a node exists where the Pod can run without a pull. */
function isOnNode({ use, reference }: Pick<AnsweredUse, 'use' | 'reference'>, { facts }: Context): boolean {
  if (facts.nodes === undefined || pullPolicyOf(use) === 'Always') return false;
  const name = nameOnNode(reference);
  return facts.nodes.list().some(({ images }) => images.has(name));
}

/** Whether the image is on every node that the Pod may run on. */
function isOnEveryNode(reference: ImageReference, pull: Context['pull']): boolean {
  const candidates = pull.nodes();
  const name = nameOnNode(reference);
  return candidates?.isExact === true && candidates.nodes.every(({ images }) => images.has(name));
}

function findNoPlatform(image: PullableImage, reference: ImageReference, { pull }: Context): Trouble | undefined {
  const { platforms: offered = [] } = image;
  const candidates = pull.nodes();
  if (offered.length === 0 || candidates === undefined) return undefined;
  const wanted = [...candidates.platforms];
  const found = wanted.map((platform) => findForNode(platform, image));
  if (found.some((each) => each === 'there' || each === 'unknown')) return undefined;
  const { remedy } = causeOf('platform-missing');
  const context = { endpoint: reference.registry, reference, secrets: [], now: undefined };
  return {
    messageId: found.includes('missing') ? 'platform-not-there' : 'no-platform',
    params: { wanted, offered },
    cause: 'platform-missing',
    remedy: remedy({ ...context, platform: listSome(wanted, 'or') }),
    // The facts about nodes may be outdated, and a new node may join.
    atMost: 'warn',
  };
}
