import type { PlatformSize } from '../cause/answer.ts';
import { causeOf, type CauseCode } from '../cause/causes.ts';
import { defineRule, type Report, type Unplaced } from '../engine/rule.ts';
import type { ClusterNode } from '../pull/facts.ts';
import { nameOnNode, type CandidateNodes } from '../pull/nodes.ts';
import { pullPolicyOf, type AnsweredUse } from '../pull/pod-pull.ts';
import { quote } from '../text/quote.ts';
import { placeOf, type ImageUse } from '../workload/workload.ts';

type Sizes = Readonly<{ bytes: number; limitBytes: number }>;
type Nodes = Readonly<{ some: readonly ClusterNode[]; candidates: CandidateNodes }>;

const KEEP = 'set imagePullPolicy: IfNotPresent';

const MESSAGES = {
  'too-large': ({ bytes, limitBytes, isAlways }: Sizes & Readonly<{ isAlways: boolean }>) => {
    const advice = `make it smaller, or pull it on the nodes in advance (crictl pull)${isAlways ? ` and ${KEEP}` : ''}`;
    return `image is ${formatBytes(bytes, 'up')} (compressed), above the limit of ${formatBytes(limitBytes, 'down')}, so its pull may be cut off (context canceled): ${advice}`;
  },
  'large-always': ({ bytes }: Sizes) =>
    `image is ${formatBytes(bytes, 'up')} (compressed) and imagePullPolicy is Always, so Pods start late whenever the tag changes: ${KEEP}`,
  'disk-pressure': (nodes: Nodes) =>
    `${nameNodes(nodes)} DiskPressure (no space left on device): remove unused images (crictl rmi), or expand the disk`,
  'disk-too-small': ({ bytes, limitBytes, ...nodes }: Sizes & Nodes) =>
    `the Pod pulls ${formatBytes(bytes, 'up')} (compressed), but ${nameNodes(nodes)} ${nodes.some.length > 1 ? 'at most ' : ''}${formatBytes(limitBytes, 'down')} of ephemeral storage (no space left on device): use smaller images, or expand the disk`,
};

export const imageFits = defineRule({
  id: 'image-fits',
  description: 'Finds images that are too large to pull in time, or too large for the disks of the nodes.',
  remedy: 'Make the image smaller, pull it on the nodes in advance, or expand their disks.',
  faqItems: [4, 6],
  defaultAction: 'warn',
  scope: 'images',
  fixable: false,
  options: {
    limitMiB: {
      type: 'integer',
      minimum: 1,
      default: 4096,
      description: 'Find images that are larger than this. Sizes are compressed, as in the registry.',
    },
    alwaysLimitMiB: {
      type: 'integer',
      minimum: 1,
      default: 1024,
      description: 'Warn about images with `imagePullPolicy: Always` that are larger than this.',
    },
  },
  needs: ['registries'],
  messages: MESSAGES,
  check: ({ workload, pull, options, flatMap }) => {
    const answers = pull.answers();
    if (!answers.some(({ answer }) => answer.outcome === 'ok')) return [];
    const candidates = pull.nodes();
    const uses = flatMap(answers, (answered) => listDownloads(answered, candidates));
    const tooLarge = flatMap(uses, (download) => findTooLarge(download, candidates, options));
    if (candidates === undefined) return tooLarge;
    const downloads = keepFirst(uses);
    // Problems of nodes are reported once for all images of a Pod, at the first affected image.
    const pressure = findPressure(downloads, candidates, workload.kind === 'DaemonSet');
    return [...tooLarge, ...pressure, ...findOverflow(downloads, candidates)];
  },
});

type Said = Report<typeof MESSAGES>;

/** A use of an image that its registry has, with what a node would download. */
type Download = Readonly<{
  use: ImageUse;
  reference: AnsweredUse['reference'];
  /** Equal for the same image under several names; it is downloaded once. */
  digest: string;
  /** Compressed, for the largest of the nodes' platforms; 0 if unknown. */
  bytes: number;
  /** Whether nodes pull it even if they have it. */
  isAlways: boolean;
  nameOnNode: string;
}>;

function listDownloads(
  { use, reference, answer }: AnsweredUse,
  candidates: CandidateNodes | undefined,
): readonly Download[] {
  if (answer.outcome !== 'ok') return [];
  return [
    {
      use,
      reference,
      digest: answer.digest,
      bytes: findLargest(answer.sizes, candidates),
      isAlways: pullPolicyOf(use) === 'Always',
      nameOnNode: nameOnNode(reference),
    },
  ];
}

/** The first of uses that make no difference to nodes: an object may use one image ten thousand times. */
function keepFirst(uses: readonly Download[]): readonly Download[] {
  const first = new Map<string, Download>();
  for (const use of uses) {
    const key = `${use.nameOnNode} ${use.isAlways}`;
    if (!first.has(key)) first.set(key, use);
  }
  return [...first.values()];
}

function findLargest(sizes: readonly PlatformSize[], candidates: CandidateNodes | undefined): number {
  const some = sizes.filter(({ platform }) => candidates?.platforms.has(platform));
  return (some.length > 0 ? some : sizes).reduce((largest, { bytes }) => Math.max(largest, bytes), 0);
}

function isPulledOn({ images }: ClusterNode, { isAlways, nameOnNode: name }: Download): boolean {
  return isAlways || !images.has(name);
}

/** The total size of downloads in bytes; equal images count once. */
function sumBytes(downloads: readonly Download[]): number {
  const sizes = new Map(downloads.map(({ digest, bytes }) => [digest, bytes]));
  return [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
}

const MIB = 2 ** 20;

function findTooLarge(
  download: Download,
  candidates: CandidateNodes | undefined,
  { limitMiB, alwaysLimitMiB }: Readonly<{ limitMiB: number; alwaysLimitMiB: number }>,
): readonly Said[] {
  const { bytes, isAlways } = download;
  if (bytes > limitMiB * MIB) {
    if (candidates?.nodes.every((node) => !isPulledOn(node, download)) === true) return [];
    const params = { bytes, limitBytes: limitMiB * MIB, isAlways };
    return [place({ messageId: 'too-large', params }, download, 'image-too-large')];
  }
  if (!isAlways || bytes <= alwaysLimitMiB * MIB) return [];
  const params = { bytes, limitBytes: alwaysLimitMiB * MIB };
  return [place({ messageId: 'large-always', params, atMost: 'warn' }, download, 'image-too-large')];
}

/** Schedulers avoid such nodes while there are others, except for Pods that run on every node. */
function findPressure(
  downloads: readonly Download[],
  candidates: CandidateNodes,
  runsOnEach: boolean,
): readonly Said[] {
  // The usual case, checked before iterating over all nodes; the same below.
  if (!candidates.hasDiskPressure) return [];
  const pressed = candidates.nodes.filter(({ hasDiskPressure }) => hasDiskPressure);
  if (!runsOnEach && pressed.length < candidates.nodes.length) return [];
  const first = downloads.find((download) => pressed.some((node) => isPulledOn(node, download)));
  if (first === undefined) return [];
  const some = pressed.filter((node) => isPulledOn(node, first));
  return [place({ messageId: 'disk-pressure', params: { some, candidates }, atMost: 'warn' }, first, 'disk-full')];
}

function findOverflow(downloads: readonly Download[], candidates: CandidateNodes): readonly Said[] {
  const total = sumBytes(downloads);
  if (total <= candidates.leastStorageBytes) return [];
  const over = candidates.nodes.flatMap((node) => {
    const { ephemeralStorageBytes: storage = Infinity } = node;
    if (total <= storage) return [];
    const pulled = downloads.filter((download) => isPulledOn(node, download));
    const bytes = sumBytes(pulled);
    return bytes > storage ? [{ node, pulled, bytes, storage }] : [];
  });
  const [first] = over.flatMap(({ pulled }) => pulled);
  if (first === undefined) return [];
  const params = {
    bytes: Math.max(...over.map(({ bytes }) => bytes)),
    limitBytes: Math.max(...over.map(({ storage }) => storage)),
    some: over.map(({ node }) => node),
    candidates,
  };
  return [place({ messageId: 'disk-too-small', params, atMost: 'warn' }, first, 'disk-full')];
}

function place(said: Unplaced<typeof MESSAGES>, { use, reference }: Download, cause: CauseCode): Said {
  const context = { endpoint: reference.registry, reference, secrets: [], now: undefined };
  return { ...placeOf(use), ...said, cause, remedy: causeOf(cause).remedy(context) };
}

/** The nodes with a problem among the candidates, with the verb: `all 3 eligible nodes have`, `1 of 5 eligible nodes has`. */
function nameNodes({ some, candidates: { nodes, isExact } }: Nodes): string {
  const [first] = some;
  if (some.length === nodes.length) {
    if (!isExact) return 'all eligible nodes have';
    return nodes.length === 1
      ? `the only eligible node ${quote(first?.name ?? '', MAX_NAME)} has`
      : `${nodes.length === 2 ? 'both' : `all ${nodes.length}`} eligible nodes have`;
  }
  const which = isExact ? 'eligible nodes' : 'possibly eligible nodes';
  return `${some.length} of ${nodes.length} ${which} ${some.length === 1 ? 'has' : 'have'}`;
}

/** Usually they are host names. */
const MAX_NAME = 40;

const GIB = 2 ** 30;

/**
 * `812 MiB`, `5.2 GiB`. Rounding a size up and its limit down makes sure that a size above its limit never prints like the limit.
 */
export function formatBytes(bytes: number, round: 'up' | 'down'): string {
  const whole = round === 'up' ? Math.ceil : Math.floor;
  return bytes < GIB ? `${whole(bytes / MIB)} MiB` : `${whole((bytes / GIB) * 10) / 10} GiB`;
}
