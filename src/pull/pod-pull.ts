import { MOST_LOOKED_UP, MOST_PULL_SECRETS } from '../text/bounds.ts';
import { DOCKER_HUB, type ImageReference } from '../image/reference.ts';
import type { ImageAnswer } from '../cause/answer.ts';
import { findRegistry, type PolicySections } from '../policy/policy.ts';
import type { ImageUse, Workload } from '../workload/workload.ts';
import type { Facts, ImageQuestion, KnownAnswer, ServiceAccount } from './facts.ts';
import { findCandidateNodes, type CandidateNodes } from './nodes.ts';
import { findDoubt, listSecretNames, listUsedSecrets, servesUntil, type UsedSecret } from './used-secrets.ts';

/** An image that kubelet will ask a registry for, and the places that name it. */
export type PulledImage = Readonly<{
  /** As it stands in the object, credentials and all: show it with `quote` only. */
  written: string;
  reference: ImageReference;
  /** One at least, in the order in which kubelet comes to them. */
  uses: readonly [ImageUse, ...ImageUse[]];
}>;

/** An image in one of the places that name it, and what its registry says of it. */
export type AnsweredUse = Readonly<{ use: ImageUse; reference: ImageReference; answer: ImageAnswer }>;

/**
 * How the pods of a workload pull: made once for each reading of an object, and each part of it when it is first asked for. Every
 * rule takes it from its context.
 */
export type PodPull = Readonly<{
  /**
   * The images that are pulled at all, each address once, and no more than `MOST_LOOKED_UP` of them. Not those that must be on
   * the node already, nor what no runtime can parse.
   */
  images: () => readonly PulledImage[];
  /** The pod's service account; undefined when it is not known. */
  account: () => ServiceAccount | undefined;
  /** An account that enforces mountable secrets has pods refused that name one it does not list. */
  mayName: (secret: string) => boolean;
  /** The pull secrets that kubelet looks for; undefined when it is not known which they are, or when they are too many. */
  secrets: () => readonly UsedSecret[] | undefined;
  /** Their names. */
  secretNames: () => readonly string[] | undefined;
  /** Those of its images that their registry has answered about, in each place that names them and in the order of those. */
  answers: () => readonly AnsweredUse[];
  /** The first image of each registry that is late with an answer. */
  late: () => readonly PulledImage[];
  /** What is known of an image to who has these pull secrets. */
  getAnswer: (reference: ImageReference, secretNames: readonly string[] | undefined) => KnownAnswer | 'not-gathered';
  /** The nodes that it may run on; undefined when nodes are not known, or none is for it. */
  nodes: () => CandidateNodes | undefined;
  /** What there is too much of to be looked up, in words that go on from the pod's name: `lists 75000 imagePullSecrets, …`. */
  beyond: () => readonly string[];
}>;

/** @param get what is known of an image, from memory; undefined where no registry is ever asked */
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

/** Registries whose images need no credentials. */
const PUBLIC_REGISTRIES: ReadonlySet<string> = new Set(['registry.k8s.io', 'public.ecr.aws']);

/**
 * Whether an image is surely pulled without credentials: because its registry has none but public images, or because the
 * policy says that it needs no pull secret. False says no more than that it may need one.
 */
export function isSurelyPublic(policy: PolicySections, reference: ImageReference): boolean {
  const registry = findRegistry(policy, reference);
  if (registry !== undefined) return registry.pullSecret === undefined;
  if (PUBLIC_REGISTRIES.has(reference.registry)) return true;
  return reference.registry === DOCKER_HUB && reference.repository.startsWith('library/');
}

/**
 * Whether every image of a pod is surely pulled by what it has now: a pull secret has a key for it that shows no fault, or it is public.
 * What is wrong with its other pull secrets does no harm then.
 */
export function isSurelyServed(pull: PodPull, policy: PolicySections, now: number): boolean {
  const secrets = pull.secrets() ?? [];
  const isServed = ({ reference }: PulledImage): boolean =>
    isSurelyPublic(policy, reference) ||
    secrets.some((secret) => servesUntil(secret, reference) > now && findDoubt(secret, reference, now) === undefined);
  return pull.beyond().length === 0 && pull.images().every((image) => isServed(image));
}

/** Registries from which most images that people name are public. */
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

/** Whether an image beside others that have a key is more likely public than forgotten, as far as its registry tells. */
export function isLikelyPublic({ registry }: ImageReference): boolean {
  return MOSTLY_PUBLIC.has(registry);
}

/** The pull policy of an image as it is written or, where it is not, as the API server will fill it in. */
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
