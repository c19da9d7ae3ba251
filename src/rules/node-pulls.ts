import type { AskedImage } from '../pull/asked-images.ts';
import { nameOnNode, type CandidateNodes } from '../pull/candidate-nodes.ts';
import type { ClusterNode } from '../pull/facts.ts';
import type { PlatformSize } from '../cause/answer.ts';
import { findPullPolicy } from '../pull/pull-policy.ts';

/** What a node downloads for an image that its registry has. */
export type NodePull = Readonly<{
  image: AskedImage;
  /** The same for images that are one, whatever they are called: it is downloaded once. */
  digest: string;
  /** Compressed, for the platform of the nodes that needs most; 0 when nobody has counted. */
  bytes: number;
  /** Whether a node that has it already asks for it again. */
  isAlways: boolean;
  nameOnNode: string;
}>;

/** The pulls of images that can be pulled, in each place that names them. */
export function listNodePulls(
  images: readonly AskedImage[],
  candidates: CandidateNodes | undefined,
): readonly NodePull[] {
  return images.flatMap((image): readonly NodePull[] => {
    const { answer, use, reference } = image;
    if (answer.outcome !== 'ok') return [];
    return [
      {
        image,
        digest: answer.digest,
        bytes: findLargest(answer.sizes, candidates),
        isAlways: findPullPolicy(use) === 'Always',
        nameOnNode: nameOnNode(reference),
      },
    ];
  });
}

export function isMadeOn({ images }: ClusterNode, { isAlways, nameOnNode }: NodePull): boolean {
  return isAlways || !images.has(nameOnNode);
}

/** What some pulls download together, in bytes. */
export function sumBytes(pulls: readonly NodePull[]): number {
  const sizes = new Map(pulls.map(({ digest, bytes }) => [digest, bytes]));
  return [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
}

function findLargest(sizes: readonly PlatformSize[], candidates: CandidateNodes | undefined): number {
  const some = sizes.filter(({ platform }) => candidates?.platforms.has(platform));
  return (some.length > 0 ? some : sizes).reduce((largest, { bytes }) => Math.max(largest, bytes), 0);
}
