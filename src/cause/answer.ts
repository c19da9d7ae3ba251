import type { Artifact } from '../image/artifact.ts';
import type { ImageReference } from '../image/reference.ts';
import { CAUSES, causeOf, type CauseCode, type CauseContext, type Outcome } from './causes.ts';
import { describeFault, type Fault } from './fault.ts';

/** The answer of a registry about an image. Only `says` contains text from the registry. */
export type ImageAnswer = Readonly<{
  /** Host and port of the server that answered, or should have: `registry.example.com:443`. */
  endpoint: string;
}> &
  (PullableImage | FailedPull);

/** The answer for an image that cannot be pulled. */
export type FailedAnswer = ImageAnswer & FailedPull;

export type PullableImage = Readonly<{
  outcome: 'ok';
  /** The digest of the manifest or index of the reference. */
  digest: string;
  /** For each requested platform that the image has; empty if no manifests were fetched. */
  sizes: readonly PlatformSize[];
  /** Platforms of the image; undefined if unknown, as for an image for one platform that does not state it. */
  platforms: readonly string[] | undefined;
  /** Platforms in its index whose manifests the registry does not have, such as a mirror that keeps one of several platforms. */
  missing?: readonly string[];
}>;

/** Compressed bytes of all layers and the configuration, as the registry sends them; on a node they take more. */
export type PlatformSize = Readonly<{ platform: string; bytes: number }>;

/** Why the image cannot be pulled: a cause of the table, and details of this answer. */
export type FailedPull = Readonly<{
  outcome: 'failed';
  /** The message of the registry's error, redacted, escaped and shortened: to be shown in quotes, never to decide by. */
  says?: string;
}> &
  (
    | Readonly<{ cause: PlainCause }>
    /** `mayBeHidden`: the Pod may have other credentials, and some registries return this to users without access. */
    | Readonly<{ cause: AbsentCause; mayBeHidden?: true }>
    /** Milliseconds since 1970; undefined if the registry does not say. */
    | Readonly<{ cause: 'rate-limited'; endsAt: number | undefined }>
    | Readonly<{ cause: FaultyCause; fault: Fault }>
    | Readonly<{ cause: 'not-an-image'; artifact: Artifact }>
    /** Some of the platforms in its index; the registry has the manifest of none. */
    | Readonly<{ cause: 'platform-missing'; platform: string }>
  );

/** Causes with a fault of the registry. */
type FaultyCause = 'no-tls' | 'server-error' | 'broken-registry' | 'web-page';

/** Causes for an image that does not exist. */
type AbsentCause = 'image-not-found' | 'repository-not-found' | 'web-page-not-found';

type PlainCause = Exclude<CauseCode, FaultyCause | AbsentCause | 'rate-limited' | 'platform-missing' | 'not-an-image'>;

/** A failure without details beyond its cause. */
export function failWith(cause: PlainCause): FailedPull {
  return { outcome: 'failed', cause };
}

/**
 * A failure of a server that does not behave like a registry. The number is a status, bytes or a count, depending on the fault.
 */
export function failBy(what: Fault['what'], number?: number): FailedPull & Readonly<{ fault: Fault }> {
  const isServerError = what.endsWith('status') && number !== undefined && number >= 500 && number <= 599;
  const cause = what === 'no-tls' || what === 'web-page' ? what : isServerError ? 'server-error' : 'broken-registry';
  return { outcome: 'failed', cause, fault: number === undefined ? { what } : { what, number } };
}

/** The outcome of an answer for JSON and metrics. */
export function outcomeOf(answer: PullableImage | FailedPull): 'ok' | Outcome {
  return answer.outcome === 'ok' ? 'ok' : CAUSES[answer.cause].outcome;
}

/** The circumstances of a request to a registry. */
export type Asking = Pick<CauseContext, 'secrets' | 'usualSecret' | 'now'>;

/** The texts for a failed answer; see `message` and `remedy` in `Cause`. */
export function describeFailure(
  answer: FailedAnswer,
  reference: ImageReference,
  asking: Asking,
): Readonly<{ message: string; remedy: string }> {
  const cause = causeOf(answer.cause);
  const context: CauseContext = { ...asking, ...answer, reference };
  return { message: cause.message(context), remedy: cause.remedy(context) };
}

/** The cause in a few words: `connection refused`, `HTTP 503`. */
export function nameCause(answer: FailedPull): string {
  return 'fault' in answer ? describeFault(answer.fault) : causeOf(answer.cause).name;
}
