import { MOST_LOOKED_UP, MOST_PULL_SECRETS } from '../text/bounds.ts';
import { DOCKER_HUB, type ImageReference } from '../image/reference.ts';
import type { ImageAnswer } from '../cause/answer.ts';
import { findRegistry, type PolicySections } from '../policy/policy.ts';
import type { ImageUse, Workload } from '../workload/workload.ts';
import type { Facts, ImageQuestion, KnownAnswer, ServiceAccount } from './facts.ts';
import { findCandidateNodes, type CandidateNodes } from './nodes.ts';
import { findDoubt, listSecretNames, listUsedSecrets, servesUntil, type UsedSecret } from './used-secrets.ts';

/** An image that kubelet pulls from a registry, and its places in the object. */
export type PulledImage = Readonly<{
  /** As in the object, possibly with credentials: show it with `quote` only. */
  written: string;
  reference: ImageReference;
  /** At least one, in the order in which kubelet reads them. */
  uses: readonly [ImageUse, ...ImageUse[]];
}>;

/** One use of an image, and the answer of its registry. */
export type AnsweredUse = Readonly<{ use: ImageUse; reference: ImageReference; answer: ImageAnswer }>;

/**
 * How the Pods of a workload pull their images. Created once each time an object is read; each part is computed on first use and
 * shared by all rules.
 */
export type PodPull = Readonly<{
  /**
   * The images that are pulled, without duplicates, at most `MOST_LOOKED_UP`. Without images that must already be on the node,
   * and without invalid references.
   */
  images: () => readonly PulledImage[];
  /** The ServiceAccount of the Pod; undefined if unknown. */
  account: () => ServiceAccount | undefined;
  /**
   * Whether the Pod may list this Secret: if its account enforces mountable secrets, the API server only allows those of the
   * account.
   */
  mayName: (secret: string) => boolean;
  /** The pull secrets that kubelet reads; undefined if unknown, or if there are too many. */
  secrets: () => readonly UsedSecret[] | undefined;
  /** The names of `secrets`. */
  secretNames: () => readonly string[] | undefined;
  /** Answers of registries, for each use of an image, in the order of the uses. */
  answers: () => readonly AnsweredUse[];
  /** The first image of each registry that has not answered in time. */
  late: () => readonly PulledImage[];
  /** The cached answer for an image with these pull secrets. */
  getAnswer: (reference: ImageReference, secretNames: readonly string[] | undefined) => KnownAnswer | 'not-gathered';
  /** The nodes that it may run on; undefined if nodes are unknown, or if none matches. */
  nodes: () => CandidateNodes | undefined;
  /** Messages for limits that the Pod exceeds, so that something was not checked: `Pod lists 75000 imagePullSecrets, …`. */
  beyond: () => readonly string[];
}>;

/** @param get the cached answer for an image; undefined if registries are never asked */
export function createPodPull(
  workload: Workload,
  facts: Facts,
  now: number,
  get: ((question: ImageQuestion) => KnownAnswer) | undefined,
): PodPull {
  const pulled = once(() => listPulledImages(workload.images));
  const images = once(() => pulled().slice(0, MOST_LOOKED_UP));
  const account = once(() => facts.serviceAccounts?.find(workload.namespace, workload.serviceAccount));
  const secretNames = once(() => listSecretNames(workload, account()));
  const getAnswer: PodPull['getAnswer'] = (reference, pullSecrets) =>
    get === undefined ? 'not-gathered' : get({ reference, namespace: workload.namespace, pullSecrets });
  return {
    images,
    account,
    mayName: (secret) =>
      account()?.enforcesMountableSecrets !== true || account()?.pullSecrets.includes(secret) === true,
    secrets: once(() => listUsedSecrets(workload, account(), facts.pullSecrets, now)),
    secretNames,
    answers: once(() => listAnswers(workload.images, images(), (reference) => getAnswer(reference, secretNames()))),
    late: once(() => {
      const first = new Map<string, PulledImage>();
      for (const image of images()) {
        const { registry } = image.reference;
        if (!first.has(registry) && getAnswer(image.reference, secretNames()) === 'late') first.set(registry, image);
      }
      return [...first.values()];
    }),
    getAnswer,
    nodes: once(() => findCandidateNodes(workload, facts)),
    beyond: () => listBeyond(workload, pulled),
  };
}

function listBeyond({ pullSecrets, images }: Workload, pulled: () => readonly PulledImage[]): readonly string[] {
  const beyond: string[] = [];
  if (pullSecrets.length > MOST_PULL_SECRETS) {
    beyond.push(
      `Pod lists ${pullSecrets.length} imagePullSecrets, above the limit of ${MOST_PULL_SECRETS}, so none was checked: list fewer`,
    );
  }
  if (images.length > MOST_LOOKED_UP && pulled().length > MOST_LOOKED_UP) {
    beyond.push(
      `Pod has ${pulled().length} different images, so only the first ${MOST_LOOKED_UP} were checked against pull secrets and registries: split the Pod`,
    );
  }
  return beyond;
}

function listAnswers(
  uses: readonly ImageUse[],
  images: readonly PulledImage[],
  getAnswer: (reference: ImageReference) => KnownAnswer | 'not-gathered',
): readonly AnsweredUse[] {
  const answers = new Map<ImageUse, Omit<AnsweredUse, 'use'>>();
  for (const { reference, uses: its } of images) {
    const known = getAnswer(reference);
    if (typeof known !== 'string') for (const use of its) answers.set(use, { reference, answer: known.answer });
  }
  return uses.flatMap((use) => {
    const answer = answers.get(use);
    return answer === undefined ? [] : [{ use, ...answer }];
  });
}

/** Registries with public images only. */
const PUBLIC_REGISTRIES: ReadonlySet<string> = new Set(['registry.k8s.io', 'public.ecr.aws']);

/**
 * Whether an image is certainly pulled without credentials: its registry has only public images, or the policy has an entry for
 * it without a pull secret. False means that it may need one.
 */
export function isSurelyPublic(policy: PolicySections, reference: ImageReference): boolean {
  const registry = findRegistry(policy, reference);
  if (registry !== undefined) return registry.pullSecret === undefined;
  if (PUBLIC_REGISTRIES.has(reference.registry)) return true;
  return reference.registry === DOCKER_HUB && reference.repository.startsWith('library/');
}

/**
 * Whether every image of a Pod can certainly be pulled with its current pull secrets: it is public, or a Secret has credentials
 * for it without a known flaw. Mistakes in its other pull secrets are then harmless.
 */
export function isSurelyServed(pull: PodPull, policy: PolicySections, now: number): boolean {
  const secrets = pull.secrets() ?? [];
  const isServed = ({ reference }: PulledImage): boolean =>
    isSurelyPublic(policy, reference) ||
    secrets.some((secret) => servesUntil(secret, reference) > now && findDoubt(secret, reference, now) === undefined);
  return pull.beyond().length === 0 && pull.images().every((image) => isServed(image));
}

/** Registries where most images in use are public. */
const MOSTLY_PUBLIC: ReadonlySet<string> = new Set([
  DOCKER_HUB,
  'cgr.dev',
  'docker.elastic.co',
  'gcr.io',
  'ghcr.io',
  'k8s.gcr.io',
  'lscr.io',
  'mcr.microsoft.com',
  'nvcr.io',
  'quay.io',
  'registry.access.redhat.com',
  'registry.gitlab.com',
]);

/** Whether an image without credentials is more likely public than forgotten, judging by its registry. */
export function isLikelyPublic({ registry }: ImageReference): boolean {
  return MOSTLY_PUBLIC.has(registry);
}

/** The pull policy of an image as written, or else the default that the API server fills in. */
export function pullPolicyOf({ parsed, pullPolicy }: Pick<ImageUse, 'parsed' | 'pullPolicy'>): string {
  if (pullPolicy !== undefined && pullPolicy !== '') return pullPolicy;
  if (!parsed.ok) return 'IfNotPresent';
  const { tag, digest } = parsed.reference;
  return (tag ?? (digest === undefined ? 'latest' : '')) === 'latest' ? 'Always' : 'IfNotPresent';
}

function listPulledImages(uses: readonly ImageUse[]): readonly PulledImage[] {
  const pulled = new Map<string, { written: string; reference: ImageReference; uses: [ImageUse, ...ImageUse[]] }>();
  for (const use of uses) {
    const { written, parsed, pullPolicy } = use;
    if (!parsed.ok || pullPolicy === 'Never') continue;
    const known = pulled.get(written);
    if (known === undefined) pulled.set(written, { written, reference: parsed.reference, uses: [use] });
    else known.uses.push(use);
  }
  return [...pulled.values()];
}

function once<Value>(compute: () => Value): () => Value {
  let known: Readonly<{ value: Value }> | undefined;
  return () => (known ??= { value: compute() }).value;
}
