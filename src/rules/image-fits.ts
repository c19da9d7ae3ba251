import { askAboutImages } from '../pull/asked-images.ts';
import { findCandidateNodes, type CandidateNodes } from '../pull/candidate-nodes.ts';
import { formatBytes } from '../text/bytes.ts';
import { nameNodes } from './name-nodes.ts';
import { isMadeOn, listNodePulls, sumBytes, type NodePull } from './node-pulls.ts';
import { defineRule, type Problem } from '../engine/rule.ts';
import { formatReference } from '../image/reference.ts';

export const imageFits = defineRule({
  id: 'image-fits',
  description: 'Finds images that are too large to be pulled in time, or for the disks of the nodes.',
  remedy: 'Make the image smaller, pull it on the nodes before it is needed, or give the nodes more disk.',
  faqItems: [4, 6],
  defaultAction: 'warn',
  judges: 'images',
  fixable: false,
  options: {
    limitMiB: {
      type: 'integer',
      minimum: 1,
      default: 4096,
      description: 'Find images that are larger than this, compressed as registries keep them.',
    },
    alwaysLimitMiB: {
      type: 'integer',
      minimum: 1,
      default: 1024,
      description: 'Warn of images with `imagePullPolicy: Always` that are larger than this.',
    },
  },
  needs: ['registries'],
  check: ({ workload, facts, options }) => {
    const { images } = askAboutImages(workload, facts);
    if (!images.some(({ answer }) => answer.outcome === 'ok')) return [];
    const candidates = findCandidateNodes(workload, facts);
    const pulls = listNodePulls(images, candidates);
    const tooLarge = pulls.flatMap((pull) => findTooLarge(pull, candidates, options));
    if (candidates === undefined) return tooLarge;
    // What is found of the nodes is told once for all images of a pod, at the first that has to do with it.
    const pressure = findPressure(pulls, candidates, workload.kind === 'DaemonSet');
    return [...tooLarge, ...pressure, ...findOverflow(pulls, candidates)];
  },
});

type Limits = Readonly<{ limitMiB: number; alwaysLimitMiB: number }>;

type Trouble = Pick<Problem, 'message' | 'remedy' | 'atMost'>;

function placeTrouble(trouble: Trouble, { image }: NodePull): Problem {
  const { label, pointer, written } = image.use;
  return { ...trouble, label, at: pointer, value: written };
}

const MIB = 2 ** 20;

const KEEP = 'set imagePullPolicy: IfNotPresent';

function findTooLarge(
  pull: NodePull,
  candidates: CandidateNodes | undefined,
  { limitMiB, alwaysLimitMiB }: Limits,
): readonly Problem[] {
  const { bytes, isAlways } = pull;
  const size = `is ${formatBytes(bytes, 'up')} compressed`;
  if (bytes > limitMiB * MIB) {
    if (candidates?.nodes.every((node) => !isMadeOn(node, pull)) === true) return [];
    const limit = formatBytes(limitMiB * MIB, 'down');
    const advice = `make it smaller, or pull it on the nodes before (crictl pull)${isAlways ? ` and ${KEEP}` : ''}`;
    const message = `${size}, more than the limit of ${limit}: kubelet gives up a pull that makes no progress; ${advice}`;
    return [placeTrouble({ message, remedy: adviseLarge(pull) }, pull)];
  }
  if (!isAlways || bytes <= alwaysLimitMiB * MIB) return [];
  const message = `${size}, and with imagePullPolicy: Always a start waits for the registry, and for all of it where the tag has moved; ${KEEP}`;
  return [placeTrouble({ message, remedy: adviseLarge(pull), atMost: 'warn' }, pull)];
}

function adviseLarge({ image }: NodePull): string {
  return `Make the image smaller. Or pull it on each node before it is needed, with crictl pull ${formatReference(image.reference)} (docker pull on nodes with Docker), and set imagePullPolicy: IfNotPresent, so that the pod starts with what is there. Or give pulls more time: image-pull-progress-timeout in the configuration of the node pool.`;
}

/** Pods are kept away from such nodes as long as there are others, but for those that are to run on each of them. */
function findPressure(pulls: readonly NodePull[], candidates: CandidateNodes, runsOnEach: boolean): readonly Problem[] {
  // As it is with nearly every pod that comes: worth to be seen before all nodes are gone through, and so below.
  if (!candidates.hasDiskPressure) return [];
  const pressed = candidates.nodes.filter(({ hasDiskPressure }) => hasDiskPressure);
  if (!runsOnEach && pressed.length < candidates.nodes.length) return [];
  const first = pulls.find((pull) => pressed.some((node) => isMadeOn(node, pull)));
  if (first === undefined) return [];
  const some = pressed.filter((node) => isMadeOn(node, first));
  const nodes = nameNodes(some, candidates, ['has', 'have']);
  const message = `${nodes} DiskPressure, no space for it: clear images (crictl rmi) or expand the disk`;
  return [placeTrouble({ message, remedy: MAKE_ROOM, atMost: 'warn' }, first)];
}

function findOverflow(pulls: readonly NodePull[], candidates: CandidateNodes): readonly Problem[] {
  const total = sumBytes(pulls);
  if (total <= candidates.leastStorageBytes) return [];
  const over = candidates.nodes.flatMap((node) => {
    const { ephemeralStorageBytes: storage = Infinity } = node;
    if (total <= storage) return [];
    const made = pulls.filter((pull) => isMadeOn(node, pull));
    const bytes = sumBytes(made);
    return bytes > storage ? [{ node, made, bytes, storage }] : [];
  });
  const [first] = over.flatMap(({ made }) => made);
  if (first === undefined) return [];
  const need = Math.max(...over.map(({ bytes }) => bytes));
  const most = Math.max(...over.map(({ storage }) => storage));
  const some = over.map(({ node }) => node);
  const nodes = nameNodes(some, candidates, ['has', 'have']);
  const message = `does not fit: the pod pulls ${formatBytes(need, 'up')} compressed, and ${nodes} ${formatBytes(most, 'down')} of ephemeral storage${some.length > 1 ? ' at most' : ''}; make it smaller or expand the disk`;
  return [placeTrouble({ message, remedy: MAKE_ROOM, atMost: 'warn' }, first)];
}

const MAKE_ROOM =
  'On each of the nodes, clear images that are not needed: crictl images -v lists them, crictl rmi ID removes one (docker images and docker rmi on nodes with Docker; leave cce-pause alone, as no pod starts without it). Or expand the data disk: its capacity first, then on the node pvresize /dev/vdb, lvextend -l+100%FREE -n vgpaas/dockersys and resize2fs /dev/vgpaas/dockersys, or what lsblk shows there instead.';
