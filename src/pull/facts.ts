import type { CredentialFlaw } from './credential-flaws.ts';
import type { CredentialKey } from './credential-key.ts';
import { formatReference, type ImageReference } from '../image/reference.ts';
import type { ImageAnswer } from '../cause/answer.ts';
import type { CauseCode } from '../cause/causes.ts';

/**
 * What the cluster told us, as rules ask for it. Everything may be out of date by a moment. An absent member is unknown:
 * rules that need it are skipped, never left to guess.
 */
export type Facts = Readonly<{
  pullSecrets?: PullSecretFacts;
  serviceAccounts?: ServiceAccountFacts;
  namespaces?: NamespaceFacts;
  registries?: RegistryFacts;
  nodes?: NodeFacts;
  pulls?: PullFacts;
}>;

export type FactName = keyof Facts;

export type PullSecretFacts = Readonly<{
  /**
   * `absent` when the cluster has none; undefined when that is not known, as such secrets may not be watched, or as it is beyond
   * a bound.
   */
  find: (namespace: string, name: string) => PullSecret | 'absent' | undefined;
  /** Whether secrets of all types are seen. If not, an absent one may be there with a type that is no pull secret's. */
  seesEveryType: boolean;
}>;

/** What is known of a pull secret: nothing of it is a credential. */
export type PullSecret = Readonly<{
  /** `kubernetes.io/dockerconfigjson`, `kubernetes.io/dockercfg`, or one that kubelet passes over. */
  type: string;
  /** What it holds credentials for; empty when its type is not a pull secret's. */
  entries: readonly CredentialEntry[];
  /** Why kubelet cannot read it, and then pulls none of the pod's images; absent when it can. Ends without a full stop. */
  malformed?: string;
  /** What in it kubelet makes nothing of, though its author may think that it is for an image; absent when there is nothing. */
  unused?: readonly UnusedContent[];
  /** Label `secret-generated-by`: `cce` for the one that CCE makes and renews, and for copies of it. */
  generatedBy?: string;
  /** When its credentials end, if it says so. Milliseconds since 1970. */
  expiresAt?: number;
}>;

/** One entry of `auths`. */
export type CredentialEntry = Readonly<{
  key: CredentialKey;
  /** Without a user name and password container engines ask the registry anonymously. */
  hasCredentials: boolean;
  /** Why it has none; or why a login with them fails, as far as they show it themselves. */
  flaw?: CredentialFlaw;
  /** When a token that is the password ends, if it says so. Milliseconds since 1970. */
  tokenEndsAt?: number;
}>;

/**
 * `invalid-key`: a key that is no URL, so that kubelet drops its entry. `helper`: a member that leaves logins to a program.
 * `newer-form`: a `config.json` under the older type; `older-form`: a `.dockercfg` under the newer one. `other-data`: a key of
 * `data` that is not the one of its type. `name` is that key or member, nothing of what stands under it.
 */
export type UnusedContent = Readonly<{
  what: 'invalid-key' | 'helper' | 'newer-form' | 'older-form' | 'other-data';
  name: string;
}>;

export type ServiceAccountFacts = Readonly<{
  /** Undefined when there is none, when it is too new to be known, or when it is beyond a bound. */
  find: (namespace: string, name: string) => ServiceAccount | undefined;
}>;

export type ServiceAccount = Readonly<{
  /** Names in its `imagePullSecrets`, in order. */
  pullSecrets: readonly string[];
  /** `kubernetes.io/enforce-mountable-secrets`: the API server refuses pods that name a pull secret it does not list. */
  enforcesMountableSecrets: boolean;
}>;

export type NamespaceFacts = Readonly<{
  /** Its labels; undefined when it is too new to be known, or when namespaces have not been listed yet. */
  findLabels: (name: string) => Readonly<Record<string, string>> | undefined;
}>;

export type RegistryFacts = Readonly<{
  /** What is known of an image to who has these pull secrets, from memory, without a request. */
  get: (question: ImageQuestion) => KnownAnswer;
  /** How it was waited for answers that are `late`, where a person reads of it. */
  late?: LateAnswers;
}>;

/** `isToldLater`: what is wrong by an answer that comes later will be told by an Event. */
export type LateAnswers = Readonly<{ waitedMs: number; isToldLater: boolean }>;

/**
 * `isDue`: it is worth to ask again, while it still is the answer. `unasked`: the caller may ask. `not-allowed`: the policy does
 * not let the registry be asked. `late`: it is being asked, and this object has waited as long as it may. `no-answer`: it was asked, or
 * could not be, and is unknown.
 */
export type KnownAnswer =
  Readonly<{ answer: ImageAnswer; isDue: boolean }> | 'unasked' | 'not-allowed' | 'late' | 'no-answer';

export type ImageQuestion = Readonly<{
  reference: ImageReference;
  namespace: string;
  /** Names of the pod's pull secrets, in order; undefined when they are not known. */
  pullSecrets: readonly string[] | undefined;
}>;

/** The same for the same question. */
export function keyOfQuestion({ reference, namespace, pullSecrets }: ImageQuestion): string {
  return JSON.stringify([formatReference(reference), namespace, pullSecrets ?? null]);
}

/** What nodes meet when they pull, by the Events of kubelet. */
export type PullFacts = Readonly<{
  /** What fails now of an image to a namespace, or of all images of its registry, the cause of most Pods first; in most cases nothing. */
  find: (reference: ImageReference, namespace: string) => readonly FailedPulls[];
  /** Whether a node has pulled from the registry of late, so that it can be reached, whatever it is to pullguard. */
  hasPulled: (registry: string) => boolean;
}>;

/** One cause that nodes meet, at a registry or of an image. */
export type FailedPulls = Readonly<{
  cause: CauseCode;
  /** What fails: one image, or whatever is pulled from the registry. */
  of: 'image' | 'registry';
  registry: string;
  /** How many nodes and Pods, up to a bound. No node where kubelet did not say its own. */
  nodes: number;
  pods: number;
  /** Milliseconds since 1970. */
  since: number;
}>;

export type NodeFacts = Readonly<{
  /** The same list until something about a node has changed. Empty when some nodes are beyond a bound: then none are known. */
  list: () => readonly ClusterNode[];
}>;

/** What is known of a node. */
export type ClusterNode = Readonly<{
  name: string;
  labels: Readonly<Record<string, string>>;
  /** `linux/arm64`: the platform of the images that it runs. */
  platform: string;
  isUnschedulable: boolean;
  hasDiskPressure: boolean;
  /** Its allocatable ephemeral storage; undefined when it does not say. */
  ephemeralStorageBytes: number | undefined;
  /** Names of the images that are on it, as `formatReference` writes them. Kubelet names 50 images, of more than 200 names the first are kept. */
  images: ReadonlySet<string>;
  /** Whether these are surely all: it lists fewer than kubelet would, and none of them without a name. */
  listsAllImages: boolean;
}>;
