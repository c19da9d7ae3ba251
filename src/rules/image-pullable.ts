import { askAboutImages, type AskedImage } from '../pull/asked-images.ts';
import { findCandidateNodes, nameOnNode } from '../pull/candidate-nodes.ts';
import type { FailedAnswer, PullableImage } from '../cause/answer.ts';
import { causeOf } from '../cause/causes.ts';
import { describeFailure } from '../cause/describe.ts';
import { findPullPolicy } from '../pull/pull-policy.ts';
import { defineRule, type Problem, type RuleContext } from '../engine/rule.ts';

export const imagePullable = defineRule({
  id: 'image-pullable',
  description:
    'Finds images of which their registry says that they cannot be pulled, or that cannot be reached at all.',
  remedy: 'Correct the address, name a pull secret that lets the image be pulled, or open a way to its registry.',
  faqItems: [3, 5, 7, 8],
  defaultAction: 'warn',
  judges: 'pull-secrets',
  fixable: false,
  options: {},
  needs: ['registries'],
  check: (context) => {
    const { images, secrets } = askAboutImages(context.workload, context.facts);
    return images.flatMap((image): readonly Problem[] => {
      const trouble = findTrouble(image, secrets, context);
      const { label, pointer, written } = image.use;
      return trouble === undefined ? [] : [{ ...trouble, label, at: pointer, value: written }];
    });
  },
});

type Context = RuleContext<unknown, 'registries'>;

type Trouble = Pick<Problem, 'message' | 'remedy' | 'atMost'>;

function findTrouble(image: AskedImage, secrets: readonly string[], context: Context): Trouble | undefined {
  const { answer } = image;
  if (answer.outcome === 'ok') return findNoPlatform(answer, context);
  const now = context.facts.pullSecrets?.now();
  const described = describeFailure(answer, image.reference, { secrets, now });
  // The network, the CAs and the limits of pullguard are not those of the nodes.
  // Nor are, if they could not be read, the credentials.
  if (!isOfImage(answer) || mayBeHidden(answer)) return { ...described, atMost: 'warn' };
  return isOnNode(image, context)
    ? { ...described, message: `${described.message}; a node has it already`, atMost: 'warn' }
    : described;
}

/** Whether the registry speaks of the image, and not somebody on the way there of the registry. */
function isOfImage({ cause }: FailedAnswer): boolean {
  const { about } = causeOf(cause);
  return about === 'image' || about === 'credentials';
}

function mayBeHidden(answer: FailedAnswer): boolean {
  return 'mayBeHidden' in answer && answer.mayBeHidden === true;
}

/** Whether the pod may run on a node without the image being pulled. */
function isOnNode({ use, reference }: AskedImage, { facts }: Context): boolean {
  if (facts.nodes === undefined || findPullPolicy(use) === 'Always') return false;
  const name = nameOnNode(reference);
  return facts.nodes.list().some(({ images }) => images.has(name));
}

function findNoPlatform({ platforms }: PullableImage, { workload, facts }: Context): Trouble | undefined {
  if (platforms === undefined || platforms.length === 0) return undefined;
  const candidates = findCandidateNodes(workload, facts);
  if (candidates === undefined) return undefined;
  const wanted = [...candidates.platforms];
  // A node that has not said what it is may be of any platform.
  if (wanted.some((platform) => platform === '' || platforms.some((offered) => runsOn(offered, platform)))) {
    return undefined;
  }
  const missing = listSome(wanted, 'or');
  return {
    message: `has no image for ${missing}, which all nodes it may run on are; it has ${listSome(platforms, 'and')}`,
    remedy: `Push the image for ${missing} as well (docker buildx build --platform), or select nodes of a platform that it has, with nodeSelector kubernetes.io/arch.`,
    // What is known of nodes may be a moment old, and one may be on its way.
    atMost: 'warn',
  };
}

/** What a processor runs besides images made for it, as containerd has it. */
const ALSO_RUNS: Readonly<Record<string, string>> = { 'linux/amd64': 'linux/386', 'linux/arm64': 'linux/arm' };

/** An image may name a variant of a platform, `linux/arm/v7`; a node does not say which it is. */
function runsOn(offered: string, platform: string): boolean {
  const [os = '', architecture = ''] = offered.split('/');
  const plain = `${os}/${architecture}`;
  return plain === platform || plain === ALSO_RUNS[platform];
}

const MOST_LISTED = 3;

function listSome(platforms: readonly string[], word: 'and' | 'or'): string {
  const left = platforms.length - MOST_LISTED;
  const shown = left > 0 ? [...platforms.slice(0, MOST_LISTED), `${left} more`] : platforms;
  return shown.length < 2 ? shown.join('') : `${shown.slice(0, -1).join(', ')} ${word} ${shown.at(-1) ?? ''}`;
}
