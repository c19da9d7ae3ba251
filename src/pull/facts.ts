import type { JudgedCredentials } from './credential-flaws.ts';
import type { CredentialKey } from './credential-key.ts';
import { formatReference, type ImageReference } from '../image/reference.ts';
import type { ImageAnswer } from '../cause/answer.ts';
import type { CauseCode } from '../cause/causes.ts';

/**
 * Facts about the cluster for rules. They may be slightly out of date. An absent member is unknown: rules that need it are
 * skipped and never guess.
 */
export type Facts = Readonly<{
  pullSecrets?: PullSecretFacts;
  serviceAccounts?: ServiceAccountFacts;
  namespaces?: NamespaceFacts;
  registries?: RegistryFacts;
  nodes?: NodeFacts;
  pulls?: PullFacts;
  recreations?: RecreationFacts;
}>;

/** Facts that rules may need: those that are gathered for all reviews. */
export type FactName = Exclude<keyof Facts, 'recreations'>;

export type PullSecretFacts = Readonly<{
  /** `absent` if there is no such Secret; undefined if unknown, because such Secrets are not watched, or it exceeds a limit. */
  find: (namespace: string, name: string) => PullSecret | 'absent' | undefined;
  /** Whether Secrets of all types are watched. If not, an absent Secret may exist with a type that is not a pull secret's. */
  seesEveryType: boolean;
}>;

/** A pull secret without its credentials. */
export type PullSecret = Readonly<{
  /** `kubernetes.io/dockerconfigjson`, `kubernetes.io/dockercfg`, or a type that kubelet ignores. */
  type: string;
  /** Its entries; empty if its type is not a pull secret's. */
  entries: readonly CredentialEntry[];
  /** Why kubelet cannot read it, and so cannot pull any image of the Pod; absent if it can. Without a full stop. */
  malformed?: string;
  /** Content that kubelet ignores, but that may have been meant for an image; absent if there is none. */
  unused?: readonly UnusedContent[];
  /** Label `secret-generated-by`: `cce` for the one that CCE creates and renews, and for copies of it. */
  generatedBy?: string;
  /** When its credentials expire, if known. Milliseconds since 1970. */
  expiresAt?: number;
}>;

/** One entry of `auths`. */
export type CredentialEntry = Readonly<{ key: CredentialKey }> & JudgedCredentials;

/**
 * `invalid-key`: a key that is not a URL, so kubelet drops its entry. `helper`: a credential helper. `newer-form`: a
 * `config.json` in the older type; `older-form`: a `.dockercfg` in the newer type. `other-data`: a key of `data` that its type
 * does not use. `name` is that key or member; its value is not kept.
 */
export type UnusedContent = Readonly<{
  what: 'invalid-key' | 'helper' | 'newer-form' | 'older-form' | 'other-data';
  name: string;
}>;

export type ServiceAccountFacts = Readonly<{
  /** Undefined if there is none, if it is too new to be known, or if it exceeds a limit. */
  find: (namespace: string, name: string) => ServiceAccount | undefined;
}>;

export type ServiceAccount = Readonly<{
  /** Names in its `imagePullSecrets`, in order. */
  pullSecrets: readonly string[];
  /**
   * `kubernetes.io/enforce-mountable-secrets`: the API server rejects Pods with a pull secret that this account does not list.
   */
  enforcesMountableSecrets: boolean;
}>;

export type NamespaceFacts = Readonly<{
  /** Its labels; undefined if it is too new to be known, or before namespaces have been listed. */
  findLabels: (name: string) => Readonly<Record<string, string>> | undefined;
}>;

export type RegistryFacts = Readonly<{
  /** The cached answer for an image with these pull secrets; no request is sent. */
  get: (question: ImageQuestion) => KnownAnswer;
  /** How long this review waited for answers that are `late`; set if people read the result. */
  late?: LateAnswers;
}>;

/** `isToldLater`: problems in an answer that comes later will be reported by an Event. */
export type LateAnswers = Readonly<{ waitedMs: number; isToldLater: boolean }>;

/**
 * `isDue`: the answer is still valid, but worth renewing. `unasked`: the caller may ask. `not-allowed`: the policy does not allow
 * pullguard to ask the registry. `late`: the registry is being asked, but this object cannot wait longer. `no-answer`: the result
 * is unknown although the registry was asked, or because it could not be asked.
 */
export type KnownAnswer =
  Readonly<{ answer: ImageAnswer; isDue: boolean }> | 'unasked' | 'not-allowed' | 'late' | 'no-answer';

export type ImageQuestion = Readonly<{
  reference: ImageReference;
  namespace: string;
  /** Names of the Pod's pull secrets, in order; undefined if unknown. */
  pullSecrets: readonly string[] | undefined;
}>;

/** Equal for equal questions. */
export function keyOfQuestion({ reference, namespace, pullSecrets }: ImageQuestion): string {
  return JSON.stringify([formatReference(reference), namespace, pullSecrets ?? null]);
}

/** Failed and successful pulls of nodes, from the Events of kubelet. */
export type PullFacts = Readonly<{
  /** Current failures of an image in a namespace, or of its whole registry, the cause with most Pods first; usually empty. */
  find: (reference: ImageReference, namespace: string) => readonly FailedPulls[];
  /** Whether a node has recently pulled from the registry, so that nodes can reach it even if pullguard cannot. */
  hasPulled: (registry: string) => boolean;
}>;

/** One cause of failed pulls, for a registry or an image. */
export type FailedPulls = Readonly<{
  cause: CauseCode;
  /** What fails: one image, or every image of the registry. */
  of: 'image' | 'registry';
  registry: string;
  /** Numbers of nodes and Pods, up to a limit. Zero nodes if kubelet's Events do not name them. */
  nodes: number;
  pods: number;
  /** Milliseconds since 1970. */
  since: number;
}>;

export type NodeFacts = Readonly<{
  /** The same list until a node changes. Empty if some nodes exceed a limit: then all are unknown. */
  list: () => readonly ClusterNode[];
}>;

/** The known properties of a node. */
export type ClusterNode = Readonly<{
  name: string;
  labels: Readonly<Record<string, string>>;
  /** `linux/arm64`: the platform of the images that it can run. */
  platform: string;
  isUnschedulable: boolean;
  hasDiskPressure: boolean;
  /** Its allocatable ephemeral storage; undefined if not reported. */
  ephemeralStorageBytes: number | undefined;
  /** Images on the node, as `formatReference` writes them. kubelet reports 50 images; only the first 200 names are kept. */
  images: ReadonlySet<string>;
  /** Whether the list is certainly complete: shorter than kubelet's limit, and without unnamed images. */
  listsAllImages: boolean;
}>;

/** Whether the Pod that is created now was created again and again because its images are replaced. */
export type RecreationFacts = Readonly<{
  /**
   * Where its images are written, `Cluster/pg` or `Git`, if they should stay as they are; undefined if not. Without credentials.
   */
  findSource: (replaced: readonly ReplacedImage[]) => string | undefined;
}>;

/** An image as written, possibly with credentials, and the one that replaces it. */
export type ReplacedImage = Readonly<{ value: string; replacement: string }>;
