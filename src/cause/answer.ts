import type { Artifact } from '../image/artifact.ts';
import type { ImageReference } from '../image/reference.ts';
import { CAUSES, causeOf, type CauseCode, type CauseContext, type Outcome } from './causes.ts';
import { describeFault, type Fault } from './fault.ts';

/** What a registry said of an image. But for `says` nothing in it is text of the registry's. */
export type ImageAnswer = Readonly<{
  /** Host and port that answered, or should have: `registry.example.com:443`. */
  endpoint: string;
}> &
  (PullableImage | FailedPull);

/** What a registry says of an image that cannot be pulled from it. */
export type FailedAnswer = ImageAnswer & FailedPull;

export type PullableImage = Readonly<{
  outcome: 'ok';
  /** Of the manifest or index that the reference leads to. */
  digest: string;
  /** For each platform that was asked about and is there; empty when its manifests were not fetched. */
  sizes: readonly PlatformSize[];
  /** Platforms that the image has; undefined when it does not say, as an image for one platform may. */
  platforms: readonly string[] | undefined;
  /** Platforms that its index names and whose manifests the registry has not, as a mirror that keeps one platform of several. */
  missing?: readonly string[];
}>;

/** Bytes of all layers and the configuration as the registry sends them, compressed; on a node they take more. */
export type PlatformSize = Readonly<{ platform: string; bytes: number }>;

/** Why it cannot be pulled: a cause of the table, and what only this answer knows. */
export type FailedPull = Readonly<{
  outcome: 'failed';
  /** The message of the registry's error, redacted, escaped and cut: to be shown between quotes, and never to decide by. */
  says?: string;
}> &
  (
    | Readonly<{ cause: PlainCause }>
    /** `mayBeHidden`: the pod may have credentials that could not be read, and some registries return this to all other users. */
    | Readonly<{ cause: AbsentCause; mayBeHidden?: true }>
    /** Milliseconds since 1970; undefined when the registry does not say. */
    | Readonly<{ cause: 'rate-limited'; endsAt: number | undefined }>
    | Readonly<{ cause: FaultyCause; fault: Fault }>
    | Readonly<{ cause: 'not-an-image'; artifact: Artifact }>
    /** Some of the platforms that its index names: the registry has the manifest of none. */
    | Readonly<{ cause: 'platform-missing'; platform: string }>
  );

/** Causes that a registry's fault is put down to. */
type FaultyCause = 'no-tls' | 'server-error' | 'broken-registry' | 'web-page';

/** Causes that say that there is no such image. */
type AbsentCause = 'image-not-found' | 'repository-not-found' | 'web-page-not-found';

type PlainCause = Exclude<CauseCode, FaultyCause | AbsentCause | 'rate-limited' | 'platform-missing' | 'not-an-image'>;

/** A failure that the cause alone describes. */
export function failWith(cause: PlainCause): FailedPull {
  return { outcome: 'failed', cause };
}

/** A failure of what does not do what a registry does. A number is a status, bytes or a count, as the fault has it. */
export function failBy(what: Fault['what'], number?: number): FailedPull & Readonly<{ fault: Fault }> {
  const isServerError = what.endsWith('status') && number !== undefined && number >= 500 && number <= 599;
  const cause = what === 'no-tls' || what === 'web-page' ? what : isServerError ? 'server-error' : 'broken-registry';
  return { outcome: 'failed', cause, fault: number === undefined ? { what } : { what, number } };
}

/** The word for an answer in JSON and metrics. */
export function outcomeOf(answer: PullableImage | FailedPull): 'ok' | Outcome {
  return answer.outcome === 'ok' ? 'ok' : CAUSES[answer.cause].outcome;
}

/** How a registry was asked, and when. */
export type Asking = Pick<CauseContext, 'secrets' | 'usualSecret' | 'now'>;

/** A failed answer in words; `Cause` says what `message` and `remedy` are. */
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
